"""Every address of the web process."""

from django.contrib import admin
from django.urls import path

from recordings.api.urls import urlpatterns as surfaces

urlpatterns = [path("admin/", admin.site.urls), *surfaces]

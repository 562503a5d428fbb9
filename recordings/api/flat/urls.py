"""Addresses of `flat`, below /api/recordings."""

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from recordings.api.flat.dialect import FLAT
from recordings.api.flat.views import RecordingViewSet
from recordings.api.kit.base import unknown_route

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("recordings", RecordingViewSet, basename="flat-recording")

urlpatterns = [
    path("api/", include(router.urls)),
    re_path(r"^api/recordings(?:/.*)?$", unknown_route(FLAT), name="flat-unknown"),
]

"""Addresses of `downloads`, below /v1. The id is read as text: what is no integer gets a 400, not a 404."""

from django.urls import path, re_path

from recordings.api.downloads.dialect import DOWNLOADS
from recordings.api.downloads.views import RecordingViewSet
from recordings.api.kit.base import unknown_route

urlpatterns = [
    path(
        "v1/call/recording/<str:call_id>.mp3",
        RecordingViewSet.as_view({"get": "retrieve"}),
        name="downloads-recording",
    ),
    re_path(r"^v1(?:/.*)?$", unknown_route(DOWNLOADS), name="downloads-unknown"),
]

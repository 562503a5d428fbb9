"""Addresses of `sessions`, below /api/v1/sessions. A session's id is text with a node's prefix, never only a UUID."""

from django.urls import path, re_path

from recordings.api.kit.base import unknown_route
from recordings.api.sessions.dialect import SESSIONS
from recordings.api.sessions.views import CommandViewSet, RecordingFileViewSet

urlpatterns = [
    path(
        "api/v1/sessions/<str:session_id>/commands/<path:command>",
        CommandViewSet.as_view({"post": "create"}),
        name="sessions-command",
    ),
    path(
        "api/v1/sessions/<str:session_id>/recording/file.wav",
        RecordingFileViewSet.as_view({"get": "retrieve"}),
        name="sessions-file",
    ),
    re_path(r"^api/v1/sessions(?:/.*)?$", unknown_route(SESSIONS), name="sessions-unknown"),
]

"""Addresses of `chats`, below /api/v2. The ids are read as text: what they cannot be is said in the dialect's words."""

from django.urls import path, re_path

from recordings.api.chats.dialect import CHATS
from recordings.api.chats.views import CallRecordingViewSet
from recordings.api.kit.base import unknown_route

BASE = "api/v2/w/<str:workspace_uuid>/recordings/chat/<str:chat_id>"

urlpatterns = [
    path(f"{BASE}/audio.wav", CallRecordingViewSet.as_view({"get": "audio"}), name="chats-audio"),
    path(f"{BASE}/download-url", CallRecordingViewSet.as_view({"get": "download_url"}), name="chats-download-url"),
    re_path(r"^api/v2(?:/.*)?$", unknown_route(CHATS), name="chats-unknown"),
]

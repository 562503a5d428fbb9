"""Addresses of `resources`: below /v1.0, and /auth/login."""

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from recordings.api.kit.base import unknown_route
from recordings.api.resources.dialect import RESOURCES
from recordings.api.resources.views.calls import CallViewSet, ConferenceViewSet
from recordings.api.resources.views.flows import ActiveflowViewSet, FlowViewSet
from recordings.api.resources.views.people import AgentViewSet, CustomerViewSet, login
from recordings.api.resources.views.recordings import RecordingFileViewSet, RecordingViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
for noun, view in (
    ("recordings", RecordingViewSet),
    ("recordingfiles", RecordingFileViewSet),
    ("calls", CallViewSet),
    ("conferences", ConferenceViewSet),
    ("flows", FlowViewSet),
    ("activeflows", ActiveflowViewSet),
    ("customers", CustomerViewSet),
    ("agents", AgentViewSet),
):
    router.register(noun, view, basename=f"resources-{noun}")

urlpatterns = [
    path("v1.0/", include(router.urls)),
    path("auth/login", login, name="resources-login"),
    re_path(r"^(?:v1\.0|auth)(?:/.*)?$", unknown_route(RESOURCES), name="resources-unknown"),
]

"""`sessions` in the suite that every dialect inherits."""

import pytest

from recordings.api.sessions.urls import urlpatterns
from tests.api.suite import DialectSuite, Sample
from workspaces.scopes import Scope

COMMANDS = "/api/v1/sessions/{session}/commands"


@pytest.mark.django_db
@pytest.mark.sqlite
class TestSessions(DialectSuite):
    urls = urlpatterns
    catch_all = "sessions-unknown"
    unknown = ["/api/v1/sessions", "/api/v1/sessions/", "/api/v1/sessions/x", "/api/v1/sessions/x/recording/file.mp3"]
    stranger_status = 403  # the documentation tells another app's session from an absent one
    test_listed_in_a_constant_number_of_queries = None  # it has no lists
    samples = [
        Sample("sessions-command", "post", f"{COMMANDS}/record/start", Scope.RECORDINGS_WRITE, success=202, body="{}"),
        Sample("sessions-command", "post", f"{COMMANDS}/record/stop", Scope.RECORDINGS_WRITE, success=202, body="{}"),
        Sample(
            "sessions-file",
            "get",
            "/api/v1/sessions/{session}/recording/file.wav",
            Scope.RECORDINGS_READ,
            audio=True,
        ),
    ]

    def headers(self, cast, key):
        app = cast.stranger_app if key == cast.stranger_key else cast.app
        return {"X-App-ID": app.app_id} | ({"X-API-Key": key} if key else {})

    def check_error(self, reply, status):
        assert reply.status_code == status
        body = reply.json()
        assert body.keys() == {"success", "error"}
        assert body["success"] is False
        assert body["error"]
        assert reply.headers["Cache-Control"] == "private, no-store"

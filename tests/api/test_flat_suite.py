"""`flat` in the suite that every dialect inherits."""

import pytest

from recordings.api.flat.urls import urlpatterns
from tests.api.suite import DialectSuite, Sample
from workspaces.scopes import Scope

READ, WRITE = Scope.RECORDINGS_READ, Scope.RECORDINGS_WRITE
NAMES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    416: "RANGE_NOT_SATISFIABLE",
    503: "SERVICE_UNAVAILABLE",
}


@pytest.mark.django_db
@pytest.mark.sqlite
class TestFlat(DialectSuite):
    urls = urlpatterns
    catch_all = "flat-unknown"
    unknown = ["/api/recordings/", "/api/recordings/a/b/c", "/api/recordings/call/", "/api/recordings/x/peaks"]
    samples = [
        Sample("flat-recording-list", "get", "/api/recordings", READ, listed=True),
        Sample("flat-recording-call", "get", "/api/recordings/call/{call}", READ, listed=True),
        Sample("flat-recording-detail", "get", "/api/recordings/{recording}", READ, audio=True),
        Sample("flat-recording-detail", "delete", "/api/recordings/{recording}", WRITE),
        Sample("flat-recording-stream", "get", "/api/recordings/{recording}/stream", READ, audio=True),
        Sample("flat-recording-download", "get", "/api/recordings/{recording}/download", READ, audio=True),
        Sample("flat-recording-metadata", "get", "/api/recordings/{recording}/metadata", READ),
    ]

    def headers(self, cast, key):
        return {"x-api-key": key} if key else {}

    def check_error(self, reply, status):
        assert reply.status_code == status
        body = reply.json()
        assert body.keys() - {"fieldErrors", "fieldDetails"} == {
            "statusCode",
            "message",
            "error",
            "code",
            "timestamp",
            "path",
        }
        assert (body["statusCode"], body["error"]) == (status, NAMES[status])
        assert body["message"]
        assert reply.headers["Cache-Control"] == "private, no-store"

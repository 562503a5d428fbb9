"""`downloads` in the suite that every dialect inherits."""

import pytest

from recordings.api.downloads.urls import urlpatterns
from tests import builders
from tests.api.suite import DialectSuite, Sample
from workspaces.scopes import Scope

PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    416: "Range Not Satisfiable",
    500: "Internal Server Error",
}


@pytest.mark.django_db
@pytest.mark.sqlite
class TestDownloads(DialectSuite):
    urls = urlpatterns
    catch_all = "downloads-unknown"
    unknown = ["/v1", "/v1/call?id=10", "/v1/call/recording/10", "/v1/call/recording/10.wav", "/v1/calls", "/v1/agents"]
    samples = [
        Sample("downloads-recording", "get", "/v1/call/recording/{number}.mp3", Scope.RECORDINGS_READ, audio=True)
    ]
    test_listed_in_a_constant_number_of_queries = None  # it has no lists
    scopeless_status = 401  # the contract knows no 403
    unreadable_status = 500  # nor a 503
    absent = {"number": "987654321"}

    @pytest.fixture
    def world(self, cast):
        call = builders.make_call(cast.workspace)
        recording = builders.ended_recording(call, builders.tone(12_000))
        return {"recording": str(recording.id), "call": str(call.uuid), "number": str(call.pk)}

    def headers(self, cast, key):
        return {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def check_error(self, reply, status):
        assert reply.status_code == status
        body = reply.json()
        assert body.keys() == {"error", "message"}
        assert body["error"] == PHRASES[status]
        assert body["message"]
        assert reply.headers["Cache-Control"] == "private, no-store"
        if status == 401:
            assert reply.headers["WWW-Authenticate"] == "Bearer"
        if status == 404:
            assert body["message"] in {"Recording not found", "Route not found"}

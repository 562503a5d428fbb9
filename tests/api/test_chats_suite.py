"""`chats` in the suite that every dialect inherits."""

import pytest

from calls.models import Chat
from recordings.api.chats.urls import urlpatterns
from tests import builders
from tests.api.suite import DialectSuite, Sample
from workspaces.scopes import Scope

BASE = "/api/v2/w/{workspace}/recordings/chat/{chat}"
DETAILS = {
    401: {"Not authenticated", "Invalid API key"},
    403: {"The API key lacks the scope chats:read"},
    404: {"Recording not found", "Not Found"},
    405: {"Method Not Allowed"},
    416: {"Range not satisfiable"},
    503: {"An internal server error occurred"},
}


@pytest.mark.django_db
@pytest.mark.sqlite
class TestChats(DialectSuite):
    urls = urlpatterns
    catch_all = "chats-unknown"
    unknown = ["/api/v2", "/api/v2/", "/api/v2/w/x/recordings/chat/1", "/api/v2/w/x/recordings/chat/1/audio.mp3"]
    samples = [
        Sample("chats-audio", "get", BASE + "/audio.wav", Scope.CHATS_READ, audio=True),
        Sample("chats-download-url", "get", BASE + "/download-url", Scope.CHATS_READ),
    ]
    test_listed_in_a_constant_number_of_queries = None  # it has no lists
    absent = {"chat": "987654321"}

    @pytest.fixture
    def world(self, cast):
        cast.scopeless_key = cast.key("recordings:write", "calls:write", app=cast.app)
        call = builders.make_call(cast.workspace)
        recording = builders.ended_recording(call, builders.tone(12_000))
        chat = Chat.objects.create(workspace=cast.workspace, call=call)
        return {"recording": str(recording.id), "workspace": str(cast.workspace.pk), "chat": str(chat.pk)}

    def headers(self, cast, key):
        return {"Authorization": f"Bearer {key}"} if key else {}

    def check_error(self, reply, status):
        assert reply.status_code == status
        body = reply.json()
        assert body.keys() == {"detail"}
        assert body["detail"] in DETAILS[status]
        assert reply.headers["Cache-Control"] == "private, no-store"
        if status == 401:
            assert reply.headers["WWW-Authenticate"] == "Bearer"

    def test_the_other_spelling_of_the_scope(self, ask, cast, world):
        for sample in self.samples:
            assert ask(sample, world, key=cast.key("read:chats", app=cast.app)).status_code == 200

"""What is started through one surface is read through every other: four starts, five readers."""

import json

import numpy as np
import pytest

from calls.lifecycle import register_conference
from calls.models import Call, Chat, Conference
from recordings import playback
from recordings.models import Recording
from tests import builders
from tests.recordings.audio.mp3s import decoded, likeness
from tests.recordings.capture.conftest import (  # noqa: F401 - fixtures are imported to be asked for
    capture_settings,
    node,
    start_node,
)
from tests.recordings.capture.engines import Kept, dial, speak
from tests.recordings.capture.nodes import eventually
from tests.recordings.conftest import hinted  # noqa: F401 - as above, a fixture to be asked for
from workspaces.keys import mint_stream_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]

STARTS = ["sessions", "resources call", "resources conference", "stream key"]
SURFACES = ["flat", "resources", "sessions", "chats", "downloads"]

_seconds = np.arange(16_000) / 8000
AUDIO = (8000 * np.sin(2 * np.pi * (300 + 60 * _seconds) * _seconds)).astype("<i2").tobytes()
"""A tone that glides: what an MP3 keeps can be told from silence and from another tone."""


@pytest.fixture
def ask(client, cast, settings):
    """Requests with the owner's key in every spelling at once; each surface reads its own."""
    settings.WAVSTREAM_URL = "ws://127.0.0.1:8765"
    headers = {
        "Authorization": f"Bearer {cast.owner_key}",
        "x-api-key": cast.owner_key,
        "X-App-ID": cast.app.app_id,
    }

    def ask(method, path, body=None):
        sent = {"data": json.dumps(body or {}), "content_type": "application/json"} if method == "post" else {}
        reply = getattr(client, method)(path, headers=headers, **sent)
        assert reply.status_code in {200, 202}, (path, reply.status_code, getattr(reply, "content", b""))
        return reply

    return ask


@pytest.fixture(params=STARTS)
def started(request, cast, ask, node):  # noqa: F811 - the fixture that is asked for
    """What was recorded, started through one surface and ended in order: (call or conference, recording)."""
    reference, token = _start(request.param, cast, ask)
    with dial(node.url(token)) as socket:
        speak(socket, AUDIO)
        recording = eventually(Recording.objects.first, what="the recording")
    kept = Kept(recording)
    kept.closed()
    eventually(lambda: kept.row.status == "stopping", what="the stop")
    recording = kept.end()
    reference = reference or Call.objects.get(uuid=recording.reference_id)
    return reference, recording


def _start(through, cast, ask):
    """What is to be recorded (None: the engine makes it), and what opens the socket."""
    if through == "stream key":
        return None, mint_stream_key(cast.workspace)[1]
    if through == "sessions":
        session = builders.make_session(cast.app)
        ask("post", f"/api/v1/sessions/{session.pk}/commands/record/start")
        return session.call, _token()
    if through == "resources call":
        call = builders.make_call(cast.workspace)
        ask("post", f"/v1.0/calls/{call.uuid}/recording_start")
        return call, _token()
    conference = register_conference(cast.workspace)
    ask("post", f"/v1.0/conferences/{conference.id}/recording_start")
    return conference, _token()


def _token():
    from recordings.capture import tokens

    return tokens.mint(Recording.objects.get().pk)


def wav_of(reply):
    return b"".join(reply)[44:]


def read_flat(ask, cast, reference, recording, settings):
    [listed] = ask("get", f"/api/recordings/call/{reference.uuid}").json()
    return wav_of(ask("get", f"/api/recordings/{listed['id']}/stream"))


def read_resources(ask, cast, reference, recording, settings):
    [listed] = ask("get", "/v1.0/recordings").json()["result"]
    assert listed["reference_id"] == str(reference.uuid)
    return wav_of(ask("get", f"/v1.0/recordingfiles/{listed['id']}"))


def read_sessions(ask, cast, reference, recording, settings):
    """By the call's session; a conference has none, and what is read there is the URL of recording.completed."""
    if isinstance(reference, Conference):
        return wav_of(ask("get", playback.recording_url(recording).removeprefix(settings.PUBLIC_URL)))
    session = reference.sessions.first() or builders.make_session(cast.app, call=reference)
    return wav_of(ask("get", f"/api/v1/sessions/{session.pk}/recording/file.wav"))


def read_chats(ask, cast, reference, recording, settings):
    kind = "conference" if isinstance(reference, Conference) else "call"
    chat = Chat.objects.create(workspace=cast.workspace, **{kind: reference})
    base = f"/api/v2/w/{cast.workspace.pk}/recordings/chat/{chat.pk}"
    link = ask("get", f"{base}/download-url").json()["url"]
    heard = wav_of(ask("get", f"{base}/audio.wav"))
    assert wav_of(ask("get", link.removeprefix(settings.PUBLIC_URL))) == heard
    return heard


def read_downloads(ask, cast, reference, recording, settings):
    number = reference.number if isinstance(reference, Conference) else reference.pk
    return b"".join(ask("get", f"/v1/call/recording/{number}.mp3"))


READERS = dict(
    zip(SURFACES, (read_flat, read_resources, read_sessions, read_chats, read_downloads), strict=True),
)


@pytest.mark.parametrize("surface", SURFACES)
def test_started_through_one_and_read_through_another(ask, cast, started, surface, settings):
    reference, recording = started
    heard = READERS[surface](ask, cast, reference, recording, settings)
    if surface == "downloads":
        assert likeness(decoded(heard)[0], AUDIO) > 0.99
    else:
        assert heard == AUDIO

"""`flat` to the letter of its documentation."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from recordings.models import Recording
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

RECORDING_ID = "a20ad48b-cb36-4448-86c3-f1b4a56cd02a"
CALL_ID = "f12d3637-45e8-4088-9712-2c5243da131b"
FILE_ID = "ddf3bb4c-4e0a-4a67-9964-5623527355c2"
FRAMES = 7920 * 8

IN_LIST = {
    "id": RECORDING_ID,
    "callId": CALL_ID,
    "fileId": FILE_ID,
    "recordingType": "segment",
    "nodeId": "collect-audio-1",
    "durationMs": 7920,
    "deletedAt": None,
    "createdAt": "2026-01-02T14:02:10.358Z",
    "updatedAt": "2026-01-02T14:02:10.358Z",
}
FILE = {"id": FILE_ID, "name": "recording.wav", "contentType": "audio/wav", "fileSize": 126720}


@pytest.fixture
def documented(cast):
    """The recording of the documentation, made by the product, with the documentation's ids and times put in."""
    call = builders.make_call(cast.workspace)
    type(call).objects.filter(pk=call.pk).update(uuid=CALL_ID)
    call.refresh_from_db()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("id", RECORDING_ID), ("file_id", FILE_ID)):
            patch.setitem(Recording._meta.get_field(name).__dict__, "_get_default", lambda value=value: UUID(value))
        recording = builders.ended_recording(
            call, builders.tone(FRAMES), recording_type="segment", node_id="collect-audio-1"
        )
    moment = datetime(2026, 1, 2, 14, 2, 10, 358_999, tzinfo=UTC)
    Recording.objects.filter(pk=recording.pk).update(tm_create=moment, tm_update=moment)
    recording.refresh_from_db()
    return recording


@pytest.fixture
def get(flat):
    return lambda path, **headers: flat("get", path, **headers)


def test_list_as_documented(get, documented):
    reply = get("/api/recordings?limit=20&offset=0")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json() == [IN_LIST]
    assert list(reply.json()[0]) == list(IN_LIST)


def test_list_of_a_call_as_documented(get, documented):
    assert get(f"/api/recordings/call/{CALL_ID}").json() == [IN_LIST]


def test_metadata_as_documented(get, documented):
    reply = get(f"/api/recordings/{RECORDING_ID}/metadata").json()
    assert reply == IN_LIST | {"file": FILE}
    assert list(reply) == [*IN_LIST, "file"]


@pytest.mark.parametrize("address", ["", "/stream", "/download"])
def test_audio_as_documented(get, documented, address):
    reply = get(f"/api/recordings/{RECORDING_ID}{address}")
    body = b"".join(reply)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "audio/wav")
    assert reply.headers["Content-Length"] == str(len(body)) == str(126720 + 44)
    assert body[:4] == b"RIFF"
    assert body[44:] == builders.tone(FRAMES)
    kind = "attachment" if address == "/download" else "inline"
    assert reply.headers["Content-Disposition"] == f'{kind}; filename="recording.wav"'


def test_delete_as_documented(flat, get, documented):
    reply = flat("delete", f"/api/recordings/{RECORDING_ID}")
    assert (reply.status_code, reply.json()) == (200, {"message": "Recording deleted"})
    assert get("/api/recordings").json() == []
    assert get(f"/api/recordings/call/{CALL_ID}").json() == []
    for address in ("", "/stream", "/download", "/metadata"):
        assert get(f"/api/recordings/{RECORDING_ID}{address}").status_code == 404
    assert flat("delete", f"/api/recordings/{RECORDING_ID}").status_code == 404


def test_error_body(get):
    reply = get("/api/recordings?limit=0")
    body = reply.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body.pop("timestamp"))
    assert reply.status_code == 400
    assert body == {
        "statusCode": 400,
        "message": "limit must be a whole number from 1 to 1000",
        "error": "BAD_REQUEST",
        "code": "VALIDATION_FAILED",
        "path": "/api/recordings",
        "fieldErrors": {"limit": ["must be a whole number from 1 to 1000"]},
        "fieldDetails": [{"field": "limit", "message": "must be a whole number from 1 to 1000"}],
    }

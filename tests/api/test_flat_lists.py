"""`flat`: pages, what is listed and what is hidden, metadata while a recording runs, deletes, and its limit."""

from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from calls.models import Chat, Visibility
from recordings.api.flat.views import FAR
from recordings.models import Recording
from recordings.states import RecordingType, State
from tests import builders
from workspaces.clock import now
from workspaces.ids import new_id
from workspaces.models import AuditEntry, Role

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def newest_first(cast):
    """Seven recordings' ids, two of which were made at one moment."""
    call = builders.make_call(cast.workspace)
    made = [builders.ended_recording(call) for _ in range(7)]
    moments = [now() - timedelta(minutes=7 - position) for position in (0, 1, 2, 2, 4, 5, 6)]
    for recording, moment in zip(made, moments, strict=True):
        Recording.objects.filter(pk=recording.pk).update(tm_create=moment)
    ordered = sorted(zip(moments, [recording.pk for recording in made], strict=True), reverse=True)
    return [str(pk) for _, pk in ordered]


def ids(reply):
    assert reply.status_code == 200, reply.content
    return [row["id"] for row in reply.json()]


def test_pages_are_newest_first_and_fit_together(flat, newest_first):
    assert ids(flat("get", "/api/recordings")) == newest_first
    for limit in (1, 2, 3, 7, 1000):
        pages = [ids(flat("get", f"/api/recordings?limit={limit}&offset={at}")) for at in range(0, 7, limit)]
        assert [pk for page in pages for pk in page] == newest_first
    assert ids(flat("get", "/api/recordings?offset=5")) == newest_first[5:]
    assert ids(flat("get", "/api/recordings?offset=7")) == []
    assert ids(flat("get", f"/api/recordings?offset={'9' * 18}")) == []


def test_far_pages_hide_what_near_ones_hide(flat, cast):
    """From FAR on the page is found by another query; both must pass over the same rows."""
    moment = now()
    made = [
        Recording(workspace=cast.workspace, reference_id=new_id(), tm_create=moment - timedelta(seconds=second))
        for second in range(FAR + 6)
    ]
    private = builders.make_call(cast.workspace)
    made[0].reference_id = made[FAR + 2].reference_id = private.uuid
    made[0].recording_type = RecordingType.SEGMENT
    made[FAR + 3].tm_delete = made[FAR + 4].expires_at = moment
    Recording.objects.bulk_create(made)
    chat = Chat.objects.create(workspace=cast.workspace, call=private, visibility=Visibility.DIRECT)
    Chat.objects.create(workspace=cast.workspace, visibility=Visibility.DIRECT)  # about no call: hides nothing
    member = cast.person("anna", role=Role.AGENT)[1]
    chat.participants.add(member)
    told = [str(each.pk) for each in made]
    assert ids(flat("get", f"/api/recordings?offset={FAR - 2}")) == [told[FAR - 1], *told[FAR : FAR + 2], told[FAR + 5]]
    assert ids(flat("get", f"/api/recordings?offset={FAR}")) == [told[FAR + 1], told[FAR + 5]]
    key = {"x-api-key": cast.key("all", member=member)}
    assert ids(flat("get", f"/api/recordings?offset={FAR}", **key)) == [*told[FAR : FAR + 3], told[FAR + 5]]


def test_twenty_without_a_limit(flat, cast):
    call = builders.make_call(cast.workspace)
    for _ in range(21):
        builders.ended_recording(call)
    assert len(ids(flat("get", "/api/recordings"))) == 20
    assert len(ids(flat("get", f"/api/recordings/call/{call.uuid}"))) == 21


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "limit=1.5", "limit=٣"])
def test_limits_that_are_refused(flat, query):
    reply = flat("get", f"/api/recordings?{query}")
    assert (reply.status_code, reply.json()["code"]) == (400, "VALIDATION_FAILED")
    assert list(reply.json()["fieldErrors"]) == ["limit"]


@pytest.mark.parametrize("query", ["offset=-1", "offset=x", "offset=", f"offset={'9' * 5000}", "offset=1e3"])
def test_offsets_that_are_refused(flat, query):
    reply = flat("get", f"/api/recordings?{query}")
    assert (reply.status_code, list(reply.json()["fieldErrors"])) == (400, ["offset"])


@pytest.mark.parametrize(
    "text", ["x", "%00", "a20ad48bcb36444886c3f1b4a56cd02a", "{a20ad48b-cb36-4448-86c3-f1b4a56cd02a}", "é"]
)
def test_ids_that_are_no_uuids(flat, text):
    for address in (f"{text}", f"{text}/stream", f"{text}/download", f"{text}/metadata"):
        reply = flat("get", f"/api/recordings/{address}")
        assert (reply.status_code, list(reply.json()["fieldErrors"])) == (400, ["id"])
    assert flat("delete", f"/api/recordings/{text}").status_code == 400
    reply = flat("get", f"/api/recordings/call/{text}")
    assert (reply.status_code, list(reply.json()["fieldErrors"])) == (400, ["callId"])


@pytest.mark.parametrize("version", [1, 4, 7])
def test_any_version_of_uuid_in_any_case(flat, version):
    uuid = str(UUID(int=2**127 + 12345, version=4)).replace("-4", f"-{version}", 1).upper()
    assert flat("get", f"/api/recordings/{uuid}").status_code == 404
    assert flat("get", f"/api/recordings/call/{uuid}").json() == []


def test_every_status_is_listed_and_only_the_ended_have_a_length(flat, cast):
    begun = builders.start(builders.make_call(cast.workspace))
    runs, _ = builders.running_recording(builders.make_call(cast.workspace), builders.tone(8000))
    ended = builders.ended_recording(builders.make_call(cast.workspace), builders.tone(8000))
    rows = {row["id"]: row for row in flat("get", "/api/recordings").json()}
    assert {name: row["durationMs"] for name, row in rows.items()} == {
        str(begun.pk): None,
        str(runs.pk): None,
        str(ended.pk): 1000,
    }
    assert rows[str(runs.pk)]["recordingType"] == "full_call"
    assert rows[str(runs.pk)]["nodeId"] is None


def test_metadata_of_a_running_one_says_how_much_there_is_so_far(flat, cast):
    recording, stream = builders.running_recording(builders.make_call(cast.workspace), builders.tone(8000))
    address = f"/api/recordings/{recording.pk}/metadata"
    before = flat("get", address).json()
    assert (before["durationMs"], before["file"]["fileSize"]) == (None, 16_000)
    builders.store(stream, builders.tone(4000))
    builders.finish(recording)
    after = flat("get", address).json()
    assert (after["durationMs"], after["file"]["fileSize"]) == (1500, 24_000)
    assert (after["fileId"], after["file"]["id"]) == (before["fileId"], before["fileId"])
    assert after["updatedAt"] > before["updatedAt"]


def test_expired_recordings_are_gone(flat, cast):
    recording = builders.ended_recording(builders.make_call(cast.workspace))
    Recording.objects.filter(pk=recording.pk).update(expires_at=now() - timedelta(seconds=1))
    assert ids(flat("get", "/api/recordings")) == []
    assert flat("get", f"/api/recordings/{recording.pk}").status_code == 404
    assert flat("delete", f"/api/recordings/{recording.pk}").status_code == 404


def test_a_delete_stops_what_runs_and_is_on_record(flat, cast):
    recording, _ = builders.running_recording(builders.make_call(cast.workspace), builders.tone(800))
    assert flat("delete", f"/api/recordings/{recording.pk}").status_code == 200
    recording.refresh_from_db()
    assert recording.status == State.STOPPING
    entry = AuditEntry.objects.get(verb="delete")
    assert (entry.subject_id, entry.actor_type) == (str(recording.pk), "key")


def test_lists_are_compact_utf8_json(flat, newest_first):
    reply = flat("get", "/api/recordings?limit=1")
    assert reply.content == orjson.dumps(reply.json())


def test_without_a_limit_no_reply_speaks_of_one(flat):
    assert not [name for name in flat("get", "/api/recordings").headers if name.startswith("X-RateLimit")]


def test_the_limit_is_per_key_and_every_reply_tells_what_is_left(client, cast, flat, settings):
    settings.FLAT_REQUESTS_PER_MINUTE = 3
    scopeless = {"x-api-key": cast.scopeless_key}
    statuses, left = [], []
    for path in ("/api/recordings", "/api/recordings/x", "/api/recordings", "/api/recordings"):
        reply = flat("get", path)
        statuses.append(reply.status_code)
        left.append(reply.headers["X-RateLimit-Remaining"])
        assert reply.headers["X-RateLimit-Limit"] == "3"
        assert 0 < int(reply.headers["X-RateLimit-Reset"]) - now().timestamp() <= 60
    assert (statuses, left) == ([200, 400, 200, 429], ["2", "1", "0", "0"])
    assert reply.json()["code"] == "RATE_LIMIT_EXCEEDED"
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    other = client.get("/api/recordings", headers=scopeless)
    assert (other.status_code, other.headers["X-RateLimit-Remaining"]) == (403, "2")

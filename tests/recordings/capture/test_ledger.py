from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from calls.models import Call
from calls.states import CallState
from recordings import lifecycle
from recordings.capture import ledger
from recordings.capture.ledger import Close
from recordings.models import CaptureNode, Chunk, Recording, Stream, Track
from recordings.states import EndReason, State
from recordings.storage import StoredObject
from tests import builders
from tests.builders import BUILDER
from workspaces.clock import now
from workspaces.keys import mint_stream_key, revoke

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

DONE = Close("closed with 1000", orderly=True)
BROKE = Close("the connection broke", orderly=False)


@pytest.fixture
def recording(cast):
    return builders.start(builders.make_call(cast.workspace))


@pytest.fixture
def node(db):
    return CaptureNode.objects.create(host="test")


@pytest.fixture
def open_socket(recording, node):
    def make(**fields):
        return Stream.objects.create(recording=recording, node=node, **fields)

    return make


def status(recording):
    return Recording.objects.values_list("status", flat=True).get(pk=recording.id)


# --- Where a socket stands ------------------------------------------------------------------------------------------


def test_first_audio_starts_the_recording_at_frame_zero(recording, open_socket):
    stream, moment = open_socket(), now() - timedelta(seconds=5)
    place = ledger.first_audio(stream.id, at=moment, labels=("inbound", "outbound"))
    assert (place.workspace, place.recording, place.start_frame) == (recording.workspace_id, recording.id, 0)
    labels = [Track.objects.get(pk=track).label for track in place.tracks]
    assert labels == ["inbound", "outbound"]
    recording.refresh_from_db()
    assert (recording.status, recording.tm_start, recording.due_at) == (State.RECORDING, moment, None)


def test_said_twice_it_answers_the_same(open_socket):
    stream, moment = open_socket(), now()
    first = ledger.first_audio(stream.id, at=moment, labels=("mixed",))
    assert ledger.first_audio(stream.id, at=moment + timedelta(seconds=9), labels=("mixed",)) == first
    assert Track.objects.count() == 1


@pytest.mark.parametrize(
    ("behind", "start_frame"), [(0, 0), (0.1, 0), (0.2, 0), (0.21, 1680), (3, 24_000), (-0.1, 0), (-4, 0)]
)
def test_sockets_within_200_ms_share_a_start(open_socket, behind, start_frame):
    moment = now()
    ledger.first_audio(open_socket().id, at=moment, labels=("inbound",))
    place = ledger.first_audio(open_socket().id, at=moment + timedelta(seconds=behind), labels=("outbound",))
    assert place.start_frame == start_frame
    assert Track.objects.count() == 2


def test_a_socket_pairs_with_the_nearest(open_socket):
    moment = now()
    for number, behind in enumerate((0, 1, 1.25)):
        ledger.first_audio(open_socket().id, at=moment + timedelta(seconds=behind), labels=(f"p{number}",))
    place = ledger.first_audio(open_socket().id, at=moment + timedelta(seconds=1.19), labels=("p9",))
    assert place.start_frame == 10_000


@pytest.mark.parametrize(("start_ms", "start_frame"), [(0, 0), (1500, 12_000), (100, 0), (201, 1608)])
def test_an_engine_may_say_where_it_stands(open_socket, start_ms, start_frame):
    moment = now()
    ledger.first_audio(open_socket().id, at=moment, labels=("inbound",))
    place = ledger.first_audio(
        open_socket().id, at=moment + timedelta(seconds=60), labels=("outbound",), start_ms=start_ms
    )
    assert place.start_frame == start_frame


def test_a_reconnect_goes_on_on_its_track_after_what_was_said(open_socket):
    moment = now()
    stream = open_socket()
    before = ledger.first_audio(stream.id, at=moment, labels=("mixed",))
    ledger.closed(stream.id, BROKE, frames=80_000)
    again = ledger.first_audio(open_socket().id, at=moment + timedelta(seconds=3), labels=("mixed",))
    assert again.tracks == before.tracks
    assert again.start_frame == 80_000, "the audio came faster than real time, and nothing is written over"
    later = open_socket()
    ledger.closed(Stream.objects.get(start_frame=80_000).id, BROKE, frames=8000)
    assert ledger.first_audio(later.id, at=moment + timedelta(seconds=20), labels=("mixed",)).start_frame == 160_000


def test_a_track_has_one_writer(open_socket):
    moment = now()
    first = ledger.first_audio(open_socket().id, at=moment, labels=("mixed",))
    second = ledger.first_audio(open_socket().id, at=moment, labels=("mixed",))
    assert first.tracks != second.tracks
    assert [track.position for track in Track.objects.all()] == [0, 1]


def test_audio_between_the_stop_and_the_close_has_its_place(recording, open_socket):
    stream = open_socket()
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    moment = now()
    assert ledger.first_audio(stream.id, at=moment, labels=("mixed",)).start_frame == 0
    recording.refresh_from_db()
    assert (recording.status, recording.tm_start) == (State.STOPPING, moment)


# --- Pieces ---------------------------------------------------------------------------------------------------------


def test_only_the_next_piece_is_taken(open_socket):
    stream = open_socket()
    place = ledger.first_audio(stream.id, at=now(), labels=("mixed",))

    def stored(first, frames):
        kept = [StoredObject(key=f"k{first}-{frames}", size=2 * frames, sha256="0" * 64)]
        ledger.stored(stream.id, place, first=first, frames=frames, objects=kept)

    stored(0, 100)
    stored(0, 100)
    stored(0, 150)
    stored(250, 10)
    stored(100, 30)
    assert ledger.frames_stored(stream.id) == 130
    assert [(chunk.start_frame, chunk.frames) for chunk in Chunk.objects.all()] == [(0, 100), (100, 30)]


def test_a_socket_that_nobody_knows_has_no_standing(db):
    assert ledger.frames_stored(uuid4()) is None


def test_a_piece_lacking_a_channel_is_not_rowed(open_socket):
    stream = open_socket()
    place = ledger.first_audio(stream.id, at=now(), labels=("inbound", "outbound"))
    with pytest.raises(ValueError, match="zip"), transaction.atomic():
        ledger.stored(stream.id, place, first=0, frames=1, objects=[StoredObject(key="k", size=2, sha256="")])
    assert ledger.frames_stored(stream.id) == 0


# --- The close ------------------------------------------------------------------------------------------------------


def test_the_last_socket_that_closes_in_order_stops_the_recording(recording, open_socket):
    first, second = open_socket(), open_socket()
    ledger.first_audio(first.id, at=now(), labels=("mixed",))
    assert ledger.closed(first.id, DONE, frames=0) is False
    assert status(recording) == State.RECORDING
    ledger.closed(second.id, DONE, frames=0)
    recording.refresh_from_db()
    assert (recording.status, recording.end_reason) == (State.STOPPING, EndReason.HANGUP)
    assert Call.objects.get(uuid=recording.reference_id).status == CallState.PROGRESSING, "it is not ours to end"


def test_after_a_bad_close_the_engine_has_time_to_come_back(settings, recording, open_socket):
    settings.CAPTURE_RECONNECT_SECONDS = 7
    stream = open_socket()
    ledger.first_audio(stream.id, at=now(), labels=("mixed",))
    ledger.closed(stream.id, BROKE, frames=0)
    recording.refresh_from_db()
    assert recording.status == State.RECORDING
    assert timedelta(seconds=6) < recording.due_at - now() <= timedelta(seconds=7)


def test_a_close_counts_once_and_its_time_stays(open_socket):
    stream = open_socket()
    ledger.first_audio(stream.id, at=now(), labels=("mixed",))
    ledger.closed(stream.id, BROKE, frames=10)
    moment = Stream.objects.get(pk=stream.id).closed_at
    ledger.closed(stream.id, BROKE, frames=10)
    stream.refresh_from_db()
    assert (stream.closed_at, stream.frames_received) == (moment, 10)


def test_a_fault_of_the_engine_is_on_record(recording, open_socket):
    stream = open_socket()
    close = Close("no such codec" * 50, orderly=True, end_reason=EndReason.ENGINE_ERROR, detail="no such codec" * 50)
    ledger.closed(stream.id, close, frames=0)
    recording.refresh_from_db()
    assert recording.end_reason == EndReason.ENGINE_ERROR
    assert recording.end_detail.startswith("no such codec")
    assert len(Stream.objects.get(pk=stream.id).close_reason) == 200


def test_a_close_after_the_end_is_late(recording, open_socket):
    stream = open_socket()
    ledger.first_audio(stream.id, at=now(), labels=("mixed",))
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    lifecycle.end_lost(recording.id, actor=BUILDER)
    assert ledger.closed(stream.id, BROKE, frames=5) is True


def test_a_call_known_by_its_sockets_alone_ends_with_them(cast, recording, open_socket):
    key, _ = mint_stream_key(cast.workspace)
    stream = open_socket(stream_key=key)
    ledger.first_audio(stream.id, at=now(), labels=("mixed",))
    ledger.closed(stream.id, DONE, frames=0)
    call = Call.objects.get(uuid=recording.reference_id)
    assert (call.status, call.hangup_reason) == (CallState.HANGUP, "closed with 1000")
    assert status(recording) == State.STOPPING


# --- What must close ------------------------------------------------------------------------------------------------


def test_sockets_of_stopped_recordings_and_revoked_keys_must_close(cast, recording, node, open_socket):
    key, _ = mint_stream_key(cast.workspace)
    plain, keyed, done = open_socket(), open_socket(stream_key=key), open_socket(closed_at=now())
    elsewhere = Stream.objects.create(recording=recording, node=CaptureNode.objects.create(host="other"))
    assert ledger.to_close(node.id) == {}
    revoke(key, actor=BUILDER)
    assert ledger.to_close(node.id) == {keyed.id: "stream key revoked"}
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    assert ledger.to_close(node.id) == {plain.id: "stopped", keyed.id: "stopped"}
    assert done.id not in ledger.to_close(node.id)
    assert ledger.to_close(elsewhere.node_id) == {elsewhere.id: "stopped"}
    assert set(ledger.open_streams(node.id)) == {(plain.id, recording.id), (keyed.id, recording.id)}


def test_a_node_beats(db):
    node_id = uuid4()
    ledger.beat(node_id, spool_bytes=7, free_bytes=8, trouble="x" * 600)
    ledger.beat(node_id, spool_bytes=9, free_bytes=8, trouble="")
    node = CaptureNode.objects.get(pk=node_id)
    assert (node.spool_bytes, node.free_bytes, node.trouble) == (9, 8, "")
    assert now() - node.heartbeat_at < timedelta(seconds=5)
    assert node.host


# --- What engines say -----------------------------------------------------------------------------------------------


def test_what_an_engine_says_fills_what_was_not_known(cast, node):
    call = builders.make_call(cast.workspace, to_number="", metadata={"queue": "sales"})
    stream = Stream.objects.create(recording=builders.start(call), node=node)
    ledger.describe(stream.id, {"call_id": "c" * 300, "from": "+1", "to": "+2", "queue": "x", "codec": "ulaw"})
    call.refresh_from_db()
    assert (call.engine_ref, call.from_number, call.to_number) == ("c" * 200, "+15550100", "+2")
    assert call.metadata["queue"] == "sales"
    assert call.metadata["codec"] == "ulaw"


def test_a_call_that_has_gone_is_no_error(recording, open_socket):
    stream = open_socket()
    Call.objects.filter(uuid=recording.reference_id).delete()
    ledger.describe(stream.id, {"call_id": "c"})
    assert not Call.objects.filter(engine_ref="c").exists()


# --- The end --------------------------------------------------------------------------------------------------------


def test_what_was_settled_in_time_is_hinted_and_what_was_late_amends(django_capture_on_commit_callbacks, hinted, cast):
    with django_capture_on_commit_callbacks(execute=True):
        recording = builders.ended_recording(builders.make_call(cast.workspace), builders.tone(800))
    hinted.clear()
    with django_capture_on_commit_callbacks(execute=True):
        ledger.settled(recording.id, late=False)
    assert hinted == [("recordings.tasks.finish", str(recording.id))]
    ledger.settled(recording.id, late=True)
    recording.refresh_from_db()
    assert (recording.status, recording.generation) == (State.ENDED, 2)

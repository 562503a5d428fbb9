"""What each verb of a recording's life writes, tells and hints, and that it does so once."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from calls.lifecycle import move
from calls.models import Event
from calls.states import CallState
from recordings import lifecycle, playback
from recordings.audio import wav
from recordings.audio.pcm import RATE
from recordings.errors import AlreadyActive, RecordingDisabled, ReferenceNotLive
from recordings.models import Recording, Stream, Transition
from recordings.states import EndReason, RecordingType, State
from tests.builders import BUILDER, close, ended_recording, open_stream, running_recording, start, store, tone
from workspaces.clock import NEVER, now
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def last():
    """The last step and the event told with it."""
    step, event = Transition.objects.last(), Event.objects.order_by("at").last()
    return (step.from_state, step.to_state, step.cause, step.actor), event


def stop(recording, reason=EndReason.REQUESTED, **values):
    return lifecycle.stop(recording.id, reason=reason, actor=BUILDER, **values)


@pytest.fixture
def committed(hinted, django_capture_on_commit_callbacks):
    """Runs something and gives the hints of its commit, of recordings only."""

    def run(act):
        with django_capture_on_commit_callbacks(execute=True):
            act()
        heard, hinted[:] = list(hinted), []
        return [(task.removeprefix("recordings.tasks."), subject) for task, subject in heard]

    return run


# --- start --------------------------------------------------------------------------------------------------------


def test_start_begins_initiating_and_is_told(call, session):
    call.owner_type, call.owner_id = "agent", call.uuid
    before = now()
    recording = lifecycle.start(call, actor=BUILDER, command_uid="u-1", node_id="n-1")
    recording.refresh_from_db()
    assert (recording.status, recording.end_reason, recording.generation) == ("initiating", "", 1)
    assert (recording.workspace_id, recording.reference_type, recording.reference_id) == (
        call.workspace_id,
        "call",
        call.uuid,
    )
    assert (recording.owner_type, recording.owner_id) == ("agent", call.uuid)
    assert (recording.command_uid, recording.node_id, recording.recording_type) == ("u-1", "n-1", "full_call")
    assert recording.due_at - before >= lifecycle.LOOK_AGAIN
    assert (recording.tm_start, recording.tm_end, recording.duration_ms) == (None, None, None)
    assert (recording.tm_delete, recording.expires_at) == (NEVER, NEVER)
    step, event = last()
    assert step == ("", "initiating", "start", "test")
    assert (event.type, event.session_id, event.sequence) == ("recording.requested", session.pk, None)
    assert (event.subject_id, event.workspace_id) == (recording.id, call.workspace_id)
    assert event.payload == {
        "recording_id": str(recording.id),
        "reference_type": "call",
        "reference_id": str(call.uuid),
        "command_uid": "u-1",
        "status": "initiating",
        "end_reason": "",
        "duration_ms": None,
        "generation": 1,
    }


def test_a_recording_without_a_command_has_a_uid_of_its_own(call):
    assert start(call).command_uid


def test_the_engine_is_asked_after_the_commit_and_only_where_wanted(call, committed):
    assert committed(lambda: start(call)) == []
    assert stop(Recording.objects.get())
    hints = committed(lambda: lifecycle.start(call, actor=BUILDER))
    assert hints == [("begin", str(Recording.objects.get(status="initiating").id))]


def test_what_is_rolled_back_hints_nothing(call, committed):
    def undone():
        with transaction.atomic():
            recording = lifecycle.start(call, actor=BUILDER)
            stop(recording)
            transaction.set_rollback(True)

    assert committed(undone) == []
    assert not Recording.objects.exists()
    assert not Event.objects.exists()
    assert not Transition.objects.exists()


def test_a_workspace_that_records_nothing(call):
    call.workspace.recording_enabled = False
    with pytest.raises(RecordingDisabled):
        start(call)
    assert not Recording.objects.exists()


def test_a_call_that_is_over(call):
    move(call, to=CallState.HANGUP, actor=BUILDER)
    with pytest.raises(ReferenceNotLive) as refused:
        start(call)
    assert refused.value.data == {"status": "hangup"}


@pytest.mark.parametrize("with_audio", [False, True])
def test_one_active_full_call_and_segments_beside_it(call, with_audio):
    first = start(call)
    if with_audio:
        open_stream(first)
    with pytest.raises(AlreadyActive) as refused:
        start(call)
    assert refused.value.data == {"recording_id": first.id}
    assert Event.objects.filter(type="recording.requested").count() == 1
    segments = [start(call, recording_type=RecordingType.SEGMENT) for _ in range(2)]
    assert {segment.status for segment in segments} == {"initiating"}


def test_a_stopping_recording_does_not_block_the_next(call):
    first, _ = running_recording(call, tone(800))
    stop(first)
    assert start(call).id != first.id


def test_what_else_the_database_objects_to_is_not_called_active(call):
    start(call)
    call.uuid = None
    with pytest.raises(IntegrityError):
        start(call)


# --- first audio --------------------------------------------------------------------------------------------------


def test_the_first_audio_sets_frame_0_once(call, session):
    recording = start(call)
    first, second = now() - timedelta(seconds=3), now()
    assert lifecycle.audio_arrived(recording.id, at=first, actor=BUILDER) == first
    step, event = last()
    assert step == ("initiating", "recording", "first_audio", "test")
    assert (event.type, event.payload["status"]) == ("recording.started", "recording")
    recording.refresh_from_db()
    assert (recording.status, recording.tm_start, recording.due_at) == ("recording", first, None)
    assert lifecycle.audio_arrived(recording.id, at=second, actor=BUILDER) == first
    assert Transition.objects.count() == Event.objects.count() == 2


def test_audio_between_a_stop_and_the_close_still_anchors_the_timeline(call):
    recording = start(call)
    stop(recording)
    moment = now()
    assert lifecycle.audio_arrived(recording.id, at=moment, actor=BUILDER) == moment
    recording.refresh_from_db()
    assert (recording.status, recording.tm_start) == ("stopping", moment)
    assert recording.due_at is not None


# --- stop ---------------------------------------------------------------------------------------------------------


def test_stop_says_why_and_hints_twice(call, session, committed):
    recording, _ = running_recording(call, tone(800))
    before = now()
    hints = committed(lambda: stop(recording, EndReason.KEY, cause="dtmf", detail="#" * 600))
    assert hints == [("halt", str(recording.id)), ("finish", str(recording.id))]
    step, event = last()
    assert step == ("recording", "stopping", "dtmf", "test")
    assert (event.type, event.payload["status"], event.payload["end_reason"]) == (
        "recording.stopping",
        "stopping",
        "key",
    )
    recording.refresh_from_db()
    assert (recording.end_reason, recording.end_detail) == ("key", "#" * 500)
    assert recording.due_at - before >= lifecycle.LOOK_AGAIN
    assert committed(lambda: stop(recording)) == []
    recording.refresh_from_db()
    assert recording.end_reason == "key"


# --- give_up ------------------------------------------------------------------------------------------------------


def test_give_up_ends_what_no_socket_opened(call, session, committed):
    recording = start(call)

    def give_up():
        return lifecycle.give_up(recording.id, reason=EndReason.ENGINE_ERROR, actor=BUILDER, detail="no such channel")

    assert committed(give_up) == []  # no frames: nothing to assemble
    step, event = last()
    assert step == ("initiating", "ended", "engine_error", "test")
    assert (event.type, event.sequence, event.payload["duration_ms"]) == ("recording.ended", 1, 0)
    recording.refresh_from_db()
    assert (recording.end_reason, recording.end_detail) == ("engine_error", "no such channel")
    assert (recording.duration_ms, recording.tm_end, recording.due_at) == (0, None, None)
    assert recording.url_expires_at > now() + timedelta(hours=23)
    assert give_up() is False
    audio = playback.open_audio(recording)
    assert b"".join(audio.read(0, audio.available)) == wav.header(0)


def test_give_up_with_a_socket_open_keeps_what_it_may_have_received(call, committed):
    recording = start(call)
    stream = Stream.objects.create(recording=recording, node=open_stream_node())

    def give_up():
        assert lifecycle.give_up(recording.id, reason=EndReason.NO_AUDIO, actor=BUILDER)

    assert ("halt", str(recording.id)) in committed(give_up)
    recording.refresh_from_db()
    assert (recording.status, recording.end_reason) == ("stopping", "no_audio")
    assert lifecycle.end(recording.id, actor=BUILDER) is False
    Stream.objects.filter(pk=stream.pk).update(closed_at=now(), frames_received=0)
    assert lifecycle.end(recording.id, actor=BUILDER)


def open_stream_node():
    from recordings.models import CaptureNode

    return CaptureNode.objects.create(host="test")


def test_giving_up_late_does_not_rewrite_why_it_stopped(call):
    recording = start(call)
    stop(recording)
    assert lifecycle.give_up(recording.id, reason=EndReason.ENGINE_ERROR, actor=BUILDER) is False
    recording.refresh_from_db()
    assert (recording.status, recording.end_reason) == ("stopping", "requested")


# --- end ----------------------------------------------------------------------------------------------------------


def test_end_tells_the_length_and_hints_assembly(call, session, committed, settings):
    settings.RECORDING_RETENTION_HOURS = 2
    recording, stream = running_recording(call, tone(12_000), tone(12_000))
    stop(recording)
    close(stream)
    before = now()
    assert committed(lambda: lifecycle.end(recording.id, actor=BUILDER)) == [("assemble", str(recording.id))]
    step, event = last()
    assert step == ("stopping", "ended", "stored", "test")
    assert (event.type, event.session_id, event.sequence) == ("recording.ended", session.pk, 1)
    assert event.payload["duration_ms"] == 1500
    recording.refresh_from_db()
    assert recording.tm_end - recording.tm_start == timedelta(seconds=1.5)
    assert timedelta() <= recording.due_at - before < timedelta(seconds=30)
    assert timedelta(hours=2) <= recording.url_expires_at - before < timedelta(hours=2, seconds=30)


@pytest.mark.parametrize(
    "values",
    [
        {"closed_at": None, "frames_received": 800},
        {"frames_received": None},
        {"frames_received": 801},
    ],
    ids=["open", "unknown", "missing"],
)
def test_end_refuses_while_anything_is_missing(call, values):
    recording, stream = running_recording(call, tone(800))
    other = open_stream(recording)
    store(other, tone(800))
    close(other)
    close(stream)
    stop(recording)
    Stream.objects.filter(pk=stream.pk).update(**values)
    assert list(recording.streams.unfinished()) == [stream]
    assert lifecycle.end(recording.id, actor=BUILDER) is False
    assert Recording.objects.get().status == "stopping"
    close(stream)
    assert lifecycle.end(recording.id, actor=BUILDER)


def test_the_length_is_where_the_furthest_stream_ends(call):
    recording = start(call)
    assert recording.streams.reach() == 0
    long = open_stream(recording, ago=60)
    short = open_stream(recording, ago=50)
    store(long, tone(3 * RATE))
    store(short, tone(RATE))
    assert recording.streams.reach() == short.start_frame + RATE > 3 * RATE


def test_end_lost_closes_and_marks(call, session, committed):
    recording, stream = running_recording(call, tone(1600))
    stored = open_stream(recording, ago=60)
    store(stored, tone(800))
    close(stored)
    closed_at = Stream.objects.get(pk=stored.pk).closed_at
    late = open_stream(recording, ago=60)
    store(late, tone(800))
    Stream.objects.filter(pk=late.pk).update(closed_at=closed_at, frames_received=4000)
    stop(recording)
    hints = committed(lambda: lifecycle.end_lost(recording.id, actor=BUILDER))
    assert hints == [("assemble", str(recording.id))]
    assert last()[0] == ("stopping", "ended", "capture_lost", "test")
    recording.refresh_from_db()
    assert (recording.end_reason, recording.duration_ms) == ("capture_lost", 200)
    rows = {row.pk: row for row in Stream.objects.all()}
    assert (rows[stream.pk].close_reason, rows[stream.pk].frames_received) == ("node lost", 1600)
    assert rows[stream.pk].closed_at is not None
    assert (rows[late.pk].close_reason, rows[late.pk].frames_received) == ("node lost", 800)
    assert rows[late.pk].closed_at == closed_at
    assert rows[stored.pk].close_reason == ""


# --- amend --------------------------------------------------------------------------------------------------------


def test_amend_is_a_new_generation_whose_late_audio_is_heard(call, session, committed):
    early, late = tone(8000, seed=1), tone(4000, seed=2)
    recording, stream = running_recording(call, early)
    stop(recording)
    assert lifecycle.end_lost(recording.id, actor=BUILDER)
    before = playback.open_audio(recording)
    recording.refresh_from_db()
    store(Stream.objects.get(pk=stream.pk), late)
    assert committed(lambda: lifecycle.amend(recording.id, actor=BUILDER)) == [("assemble", str(recording.id))]
    step, event = last()
    assert step == ("ended", "ended", "amended", "test")
    assert (event.type, event.payload["generation"], event.payload["duration_ms"]) == ("recording.amended", 2, 1500)
    amended = Recording.objects.get()
    assert (amended.status, amended.end_reason, amended.generation) == ("ended", "capture_lost", 2)
    assert amended.tm_end - amended.tm_start == timedelta(seconds=1.5)
    assert amended.due_at <= now()  # the sweep finds it, were the hint lost
    assert amended.url_expires_at == recording.url_expires_at
    after = playback.open_audio(amended)
    assert after.etag != before.etag
    assert b"".join(after.read(0, after.available)) == wav.header(12_000) + early + late


@pytest.mark.parametrize("stopped", [False, True])
def test_only_what_has_ended_is_amended(call, stopped):
    recording, _ = running_recording(call, tone(800))
    if stopped:
        stop(recording)
    with pytest.raises(Recording.DoesNotExist):
        lifecycle.amend(recording.id, actor=BUILDER)
    assert Recording.objects.get().generation == 1


# --- delete -------------------------------------------------------------------------------------------------------


def test_a_deleted_recording_is_hidden_and_stays_ended(call, session):
    recording = ended_recording(call, tone(800))
    assert lifecycle.delete(recording, actor=BUILDER, reason="asked for")
    assert last()[0] == ("ended", "ended", "delete", "test")
    deleted = Recording.objects.get()
    assert deleted.tm_delete <= now()
    entry = AuditEntry.objects.get(verb="delete")
    assert (entry.subject_id, entry.workspace_id, entry.data) == (
        str(recording.id),
        recording.workspace_id,
        {"reason": "asked for"},
    )
    assert Event.objects.filter(type="recording.deleted").count() == 1
    assert lifecycle.delete(recording, actor=BUILDER) is False
    assert Event.objects.filter(type="recording.deleted").count() == 1
    assert AuditEntry.objects.filter(verb="delete").count() == 1
    assert Recording.objects.get().tm_delete == deleted.tm_delete


def test_a_running_recording_that_is_deleted_stops_and_ends_in_silence(call, session, committed):
    recording, stream = running_recording(call, tone(800))
    hints = committed(lambda: lifecycle.delete(recording, actor=BUILDER))
    assert ("halt", str(recording.id)) in hints
    row = Recording.objects.get()
    assert (row.status, row.end_reason) == ("stopping", "requested")
    assert row.tm_delete <= now()
    close(stream)
    assert lifecycle.end(recording.id, actor=BUILDER)
    assert Recording.objects.get().status == "ended"
    assert not Event.objects.filter(type="recording.ended").exists()
    session.refresh_from_db()
    assert session.sequence == 0
    assert Transition.objects.last().to_state == State.ENDED


def test_one_deleted_before_its_first_audio_ends_in_silence_too(call):
    recording = start(call)
    lifecycle.delete(recording, actor=BUILDER)
    assert lifecycle.end(recording.id, actor=BUILDER)
    assert not Event.objects.filter(type="recording.ended").exists()


def test_a_held_recording_is_hidden_and_kept(call):
    recording = ended_recording(call, tone(800))
    Recording.objects.filter(pk=recording.pk).update(held=True)
    assert lifecycle.delete(recording, actor=BUILDER)
    row = Recording.objects.get()
    assert row.held
    assert row.tm_delete <= now()
    audio = playback.open_audio(row)
    assert b"".join(audio.read(44, audio.available)) == tone(800)


def test_the_session_that_hears_of_it_is_the_calls_newest(cast, call, session):
    from tests.builders import make_session

    newer = make_session(cast.other_app, call=call)
    assert lifecycle.session_of(start(call)) == newer

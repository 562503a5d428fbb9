"""The record commands of a session, and what the end of a call does to its recordings."""

import pytest

from calls import commands
from calls.errors import CommandFailed
from calls.lifecycle import move
from calls.models import Event
from calls.states import CallState
from recordings import control
from recordings.models import Recording, Transition
from recordings.states import RecordingType
from tests.builders import BUILDER, make_call, running_recording, start, tone

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def dispatch(session, command, uid):
    """By way of the port, without its cooldown."""
    session.heavy_at = None
    session.save(update_fields=["heavy_at"])
    commands.dispatch(session.pk, command, uid=uid, actor=BUILDER, response={"operation_id": uid})
    result = Event.objects.filter(type="command.result").order_by("-sequence").first()
    return result.payload.get("error", "")


def test_start_and_stop_by_command(session):
    assert dispatch(session, commands.RECORD_START, "u-1") == ""
    recording = Recording.objects.get()
    assert (recording.status, recording.command_uid, recording.recording_type) == ("initiating", "u-1", "full_call")
    assert recording.reference_id == session.call.uuid
    assert dispatch(session, commands.RECORD_STOP, "u-2") == ""
    recording.refresh_from_db()
    assert (recording.status, recording.end_reason, recording.command_uid) == ("stopping", "requested", "u-1")
    assert [step.actor for step in Transition.objects.all()] == ["test", "test"]


def test_the_engine_is_asked_for_what_a_command_started(session, hinted, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        control.record_start(session, "u-1", BUILDER)
    assert hinted == [("recordings.tasks.begin", str(Recording.objects.get().id))]


def test_each_refusal_is_told_in_words(session):
    assert dispatch(session, commands.RECORD_STOP, "u-0") == "No active recording"
    assert dispatch(session, commands.RECORD_START, "u-1") == ""
    assert dispatch(session, commands.RECORD_START, "u-2") == "Recording is already active"
    assert dispatch(session, commands.RECORD_STOP, "u-3") == ""
    assert dispatch(session, commands.RECORD_STOP, "u-4") == "No active recording"
    workspace = session.call.workspace
    workspace.recording_enabled = False
    workspace.save()
    assert dispatch(session, commands.RECORD_START, "u-5") == "Recording is disabled"
    move(session.call, to=CallState.HANGUP, actor=BUILDER)
    workspace.recording_enabled = True
    workspace.save()
    assert dispatch(session, commands.RECORD_START, "u-6") == "Call is not in progress"
    assert Recording.objects.count() == 1


def test_a_stop_leaves_segments_and_other_calls_alone(cast, session):
    segment = start(session.call, recording_type=RecordingType.SEGMENT)
    other = start(make_call(cast.workspace))
    with pytest.raises(CommandFailed, match="No active recording"):
        control.record_stop(session, "u", BUILDER)
    mine = start(session.call)
    control.record_stop(session, "u", BUILDER)
    states = {recording.id: recording.status for recording in Recording.objects.all()}
    assert states == {segment.id: "initiating", other.id: "initiating", mine.id: "stopping"}


def test_a_stop_that_another_was_faster_than_says_so(session, monkeypatch):
    from recordings import lifecycle

    start(session.call)
    monkeypatch.setattr(lifecycle, "stop", lambda *_, **__: False)
    with pytest.raises(CommandFailed, match="No active recording"):
        control.record_stop(session, "u", BUILDER)


def test_a_call_that_ends_stops_all_that_is_recorded_of_it(cast, call):
    full, _ = running_recording(call, tone(800))
    segment = start(call, recording_type=RecordingType.SEGMENT)
    other = start(make_call(cast.workspace))
    move(call, to=CallState.HANGUP, actor=BUILDER)
    rows = {recording.id: (recording.status, recording.end_reason) for recording in Recording.objects.all()}
    assert rows == {
        full.id: ("stopping", "hangup"),
        segment.id: ("stopping", "hangup"),
        other.id: ("initiating", ""),
    }
    assert set(Transition.objects.filter(to_state="stopping").values_list("cause", "actor")) == {("hangup", "test")}

"""Verbs of one recording from many threads at once: one effect, no deadlock, and always an end."""

import pytest

from calls import commands
from calls.models import Event, Session
from recordings import lifecycle
from recordings.capture import ledger
from recordings.errors import AlreadyActive
from recordings.models import CaptureNode, Recording, Stream, Transition
from recordings.states import EndReason
from tests.builders import BUILDER, close, make_call, make_session, open_stream, running_recording, start, tone
from tests.workspaces.crowd import at_once
from workspaces.clock import now
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite, pytest.mark.usefixtures("hinted")]


def steps(recording):
    """The history, without what left the state as it was."""
    return [
        (step.from_state, step.to_state)
        for step in Transition.objects.filter(recording=recording)
        if step.from_state != step.to_state
    ]


def events(recording, kind):
    return Event.objects.filter(subject_id=recording.id, type=kind).count()


def test_of_fifty_starts_at_once_one_begins(call):
    def act(number):
        try:
            return lifecycle.start(call, actor=BUILDER, command_uid=f"u{number}").id
        except AlreadyActive as running:
            return running.data["recording_id"]

    assert len(set(at_once(50, act))) == 1
    assert Recording.objects.count() == Transition.objects.count() == 1
    assert Event.objects.filter(type="recording.requested").count() == 1


def test_of_eight_stops_at_once_one_stops(call):
    recording, _ = running_recording(call, tone(800))
    reasons = [EndReason.REQUESTED, EndReason.HANGUP] * 4

    def act(number):
        stopped = lifecycle.stop(recording.id, reason=reasons[number], actor=BUILDER)
        return reasons[number] if stopped else None

    done = [reason for reason in at_once(8, act) if reason]
    assert len(done) == 1
    assert Recording.objects.get().end_reason == done[0]
    assert steps(recording) == [("", "initiating"), ("initiating", "recording"), ("recording", "stopping")]
    assert events(recording, "recording.stopping") == 1


def test_of_eight_ends_at_once_one_ends(call, session):
    recording, stream = running_recording(call, tone(800))
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    close(stream)
    ends = at_once(8, lambda number: (lifecycle.end if number % 2 else lifecycle.end_lost)(recording.id, actor=BUILDER))
    assert ends.count(True) == 1
    assert events(recording, "recording.ended") == 1
    session.refresh_from_db()
    assert session.sequence == 1


def test_of_eight_deletes_at_once_one_deletes(call):
    recording, _ = running_recording(call, tone(800))
    assert at_once(8, lambda _: lifecycle.delete(recording, actor=BUILDER)).count(True) == 1
    assert events(recording, "recording.deleted") == events(recording, "recording.stopping") == 1
    assert AuditEntry.objects.filter(verb="delete").count() == 1


@pytest.mark.parametrize("with_socket", [False, True])
def test_stop_against_first_audio_against_give_up_against_end(cast, with_socket):
    """Twenty rounds. Whatever came first, the steps join up, each event is told once, and it ends."""
    node = CaptureNode.objects.create(host="test")
    for _ in range(20):
        call = make_call(cast.workspace)
        make_session(cast.app, call=call)
        recording = start(call)
        stream = Stream.objects.create(recording=recording, node=node) if with_socket else None
        verbs = [
            lambda pk=recording.id: lifecycle.stop(pk, reason=EndReason.REQUESTED, actor=BUILDER),
            lambda pk=recording.id: lifecycle.audio_arrived(pk, at=now(), actor=BUILDER),
            lambda pk=recording.id: lifecycle.give_up(pk, reason=EndReason.NO_AUDIO, actor=BUILDER),
            lambda pk=recording.id: lifecycle.end(pk, actor=BUILDER),
        ]
        at_once(4, lambda number, verbs=verbs: verbs[number]())
        if stream is not None:
            recording.refresh_from_db()
            assert recording.status == "stopping"
            close(stream)
        lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
        lifecycle.end(recording.id, actor=BUILDER)
        recording.refresh_from_db()
        assert recording.status == "ended"
        made = steps(recording)
        assert made[0] == ("", "initiating")
        assert made[-1][1] == "ended"
        assert [after for _, after in made[:-1]] == [before for before, _ in made[1:]]
        assert events(recording, "recording.ended") == 1
        assert events(recording, "recording.stopping") == sum(after == "stopping" for _, after in made)


def test_a_command_against_the_end_takes_its_locks_in_one_order(cast):
    """A command locks the session and then the recording, the end counts in the session's sequence."""
    rounds = []
    for number in range(15):
        call = make_call(cast.workspace)
        session = make_session(cast.app, call=call)
        recording, stream = running_recording(call, tone(80))
        lifecycle.stop(recording.id, reason=EndReason.HANGUP, actor=BUILDER)
        close(stream)
        waiting = start(call, recording_type="segment")
        rounds.append(session)
        acts = [
            lambda pk=recording.id: lifecycle.end(pk, actor=BUILDER),
            lambda pk=waiting.id: lifecycle.give_up(pk, reason=EndReason.NO_AUDIO, actor=BUILDER),
            lambda s=session, n=number: dispatch(s, commands.RECORD_START, uid=f"a{n}"),
            lambda s=session, n=number: dispatch(s, commands.RECORD_STOP, uid=f"b{n}"),
        ]
        at_once(4, lambda number, acts=acts: acts[number]())
    for session in Session.objects.all():
        told = Event.objects.filter(session=session, sequence__isnull=False).order_by("sequence")
        assert list(told.values_list("sequence", flat=True)) == list(range(1, session.sequence + 1))
        assert told.filter(type="recording.ended").count() == 2
    assert len(rounds) == Session.objects.count()


def dispatch(session, command, *, uid):
    from calls.errors import CooldownRunning

    try:
        commands.dispatch(session.pk, command, uid=uid, actor=BUILDER, response={})
    except CooldownRunning:
        return False
    return True


def test_stop_by_command_against_end_and_give_up_of_the_same_recording(cast):
    for number in range(15):
        call = make_call(cast.workspace)
        session = make_session(cast.app, call=call)
        recording = start(call)
        acts = [
            lambda s=session, n=number: dispatch(s, commands.RECORD_STOP, uid=f"{n}"),
            lambda pk=recording.id: lifecycle.give_up(pk, reason=EndReason.NO_AUDIO, actor=BUILDER),
            lambda pk=recording.id: lifecycle.end(pk, actor=BUILDER),
        ]
        at_once(3, lambda number, acts=acts: acts[number]())
        lifecycle.end(recording.id, actor=BUILDER)
        recording.refresh_from_db()
        session.refresh_from_db()
        assert recording.status == "ended"
        assert session.sequence == 2  # the command's result and the end


def test_the_last_socket_closing_against_a_stop(call):
    recording, stream = running_recording(call, tone(800))
    other = open_stream(recording)
    acts = [
        lambda: ledger.closed(stream.pk, ledger.Close("1000", orderly=True), frames=800),
        lambda: ledger.closed(other.pk, ledger.Close("1000", orderly=True), frames=0),
        lambda: lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER),
    ]
    at_once(3, lambda number: acts[number]())
    assert events(recording, "recording.stopping") == 1
    assert lifecycle.end(recording.id, actor=BUILDER)

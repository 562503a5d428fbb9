from datetime import timedelta

import pytest

from calls import commands, outbox
from calls.errors import CommandFailed, CooldownRunning, SessionUnknown
from calls.models import Call, Event, SessionCommand
from tests.workspaces.crowd import at_once
from workspaces.audit import Actor
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ACTOR = Actor.named("test")


@pytest.fixture
def carried_out(monkeypatch):
    """Both record commands are carried out by noting (command, session id, uid)."""
    done = []
    monkeypatch.setattr(commands, "_handlers", {})
    for command in commands.COMMANDS:
        commands.register(command, lambda session, uid, actor, command=command: done.append((command, session.pk, uid)))
    return done


def dispatch(session, command=commands.RECORD_START, uid="u1", **response):
    return commands.dispatch(session.pk, command, uid=uid, actor=ACTOR, response=response or {"operation_id": uid})


def wind_back(session, seconds):
    """As if the heavy group had been used that long ago."""
    session.heavy_at = now() - timedelta(seconds=seconds)
    session.save(update_fields=["heavy_at"])


def test_a_command_is_carried_out_and_its_result_told(session, carried_out):
    assert dispatch(session) == {"operation_id": "u1"}
    assert carried_out == [("record/start", session.pk, "u1")]
    event = Event.objects.get()
    assert (event.type, event.session_id, event.sequence, event.workspace_id) == (
        "command.result",
        session.pk,
        1,
        session.workspace_id,
    )
    assert event.payload == {"command_uid": "u1", "command": "record/start", "success": True}


def test_the_same_uid_again_has_no_second_effect_and_costs_no_cooldown(session, carried_out):
    dispatch(session, n=1)
    session.refresh_from_db()
    heavy_at = session.heavy_at
    assert dispatch(session, n=2) == {"n": 1}
    session.refresh_from_db()
    assert session.heavy_at == heavy_at
    assert len(carried_out) == Event.objects.count() == 1


def test_a_uid_counts_per_command_and_session(session, carried_out):
    dispatch(session)
    wind_back(session, 2)
    dispatch(session, commands.RECORD_STOP)
    assert [command for command, _, _ in carried_out] == ["record/start", "record/stop"]


def test_the_cooldown_is_shared_by_the_group_and_leaves_nothing_behind(session, carried_out):
    dispatch(session)
    with pytest.raises(CooldownRunning) as refused:
        dispatch(session, commands.RECORD_STOP, uid="u2")
    assert 1 < refused.value.retry_after <= 2
    assert refused.value.data == {"retry_after": refused.value.retry_after}
    assert SessionCommand.objects.count() == Event.objects.count() == len(carried_out) == 1


@pytest.mark.parametrize(("seconds", "passes"), [(1.5, False), (2, True), (-3600, False)])
def test_the_cooldown_is_two_seconds_whatever_the_clock_did(session, carried_out, seconds, passes):
    wind_back(session, seconds)
    if passes:
        dispatch(session)
    else:
        with pytest.raises(CooldownRunning) as refused:
            dispatch(session)
        assert 0 < refused.value.retry_after <= 2


def test_a_command_that_is_not_heavy_knows_no_cooldown(session, carried_out):
    commands.register("say", lambda *_: None)
    dispatch(session)
    dispatch(session, "say", uid="u2")
    dispatch(session, "say", uid="u3")
    assert SessionCommand.objects.count() == 3


def test_a_command_that_fails_is_undone_but_kept_and_told(session, carried_out):
    def half_done(session, uid, actor):
        Call.objects.filter(pk=session.call_id).update(hangup_reason="half done")
        raise CommandFailed("nothing is being recorded")

    commands.register(commands.RECORD_STOP, half_done)
    assert dispatch(session, commands.RECORD_STOP) == {"operation_id": "u1"}
    assert Event.objects.get().payload == {
        "command_uid": "u1",
        "command": "record/stop",
        "success": False,
        "error": "nothing is being recorded",
    }
    assert SessionCommand.objects.get().uid == "u1"
    assert Call.objects.get().hangup_reason == ""
    assert dispatch(session, commands.RECORD_STOP) == {"operation_id": "u1"}
    assert Event.objects.count() == 1


def test_a_handler_that_breaks_leaves_nothing_so_that_the_uid_may_come_again(session, carried_out):
    def broken(session, uid, actor):
        raise ZeroDivisionError

    commands.register(commands.RECORD_STOP, broken)
    with pytest.raises(ZeroDivisionError):
        dispatch(session, commands.RECORD_STOP)
    session.refresh_from_db()
    assert (session.heavy_at, session.sequence) == (None, 0)
    assert not SessionCommand.objects.exists()
    assert not Event.objects.exists()


def test_an_unknown_session(carried_out):
    with pytest.raises(SessionUnknown):
        commands.dispatch("acW68-none", commands.RECORD_START, uid="u", actor=ACTOR, response={})


def test_commands_without_a_handler_are_named(monkeypatch):
    monkeypatch.setattr(commands, "_handlers", {})
    assert commands.missing() == ["record/start", "record/stop"]
    commands.register(commands.RECORD_START, lambda *_: None)
    assert commands.missing() == ["record/stop"]


@pytest.mark.django_db(transaction=True)
def test_of_two_hundred_at_once_one_passes_the_cooldown(session, carried_out, hinted):
    def act(thread):
        passed = 0
        for number in range(10):
            try:
                dispatch(session, uid=f"u{thread}-{number}")
                passed += 1
            except CooldownRunning:
                continue
        return passed

    # Frozen: however slow the machine, all two hundred fall into the same two seconds.
    moment = now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "now", lambda: moment)
        assert sum(at_once(20, act)) == 1
    assert len(carried_out) == SessionCommand.objects.count() == Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_twenty_with_one_uid_all_are_answered_alike_and_one_has_an_effect(session, carried_out, hinted):
    answers = at_once(20, lambda number: dispatch(session, n=number))
    assert len({answer["n"] for answer in answers}) == 1
    assert len(carried_out) == SessionCommand.objects.count() == Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_of_the_session_is_written_while_a_command_holds_it(session, carried_out, hinted):
    """Whoever holds the recording's row and writes an event must not wait for a command that waits for that row."""
    from threading import Thread

    from django.db import connection, connections

    if connection.vendor == "sqlite":  # one writer at a time: nothing to tell apart
        return

    def tell():
        try:
            outbox.emit("recording.stopping", workspace=session.workspace, subject_id=None, payload={}, session=session)
        finally:
            connections.close_all()

    def meanwhile(session, uid, actor):
        thread = Thread(target=tell, daemon=True)
        thread.start()
        thread.join(20)
        carried_out.append("waited for ever" if thread.is_alive() else "told")

    commands.register(commands.RECORD_STOP, meanwhile)
    dispatch(session, commands.RECORD_STOP)
    assert carried_out == ["told"]

import itertools

import pytest

from calls.errors import CallStateInvalid
from calls.lifecycle import move, register_call
from calls.models import Call
from calls.signals import call_ended
from calls.states import ARROWS, LIVE, CallState
from tests.workspaces.crowd import at_once
from workspaces.audit import Actor

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ACTOR = Actor.named("test")
EXPECTED = {
    ("dialing", "ringing"),
    ("dialing", "progressing"),
    ("dialing", "canceling"),
    ("dialing", "hangup"),
    ("ringing", "progressing"),
    ("ringing", "canceling"),
    ("ringing", "hangup"),
    ("progressing", "terminating"),
    ("progressing", "hangup"),
    ("terminating", "hangup"),
    ("canceling", "hangup"),
}
PAIRS = [(a.value, b.value) for a, b in itertools.product(CallState, CallState)]


@pytest.fixture
def ended():
    """The calls that were told to be over, with who did it."""
    heard = []

    def listen(sender, call, actor, **kwargs):
        heard.append((call.pk, call.status, actor))

    call_ended.connect(listen)
    yield heard
    call_ended.disconnect(listen)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_arrow_and_every_absent_one(cast, ended, source, target):
    call = register_call(cast.workspace, status=source)
    before = Call.objects.values().get(pk=call.pk)
    if (source, target) in EXPECTED:
        move(call, to=target, actor=ACTOR, reason="x" * 100)
        assert call.status == Call.objects.get(pk=call.pk).status == target
        assert call.tm_update > before["tm_update"]
        assert (call.tm_hangup is not None) == (target == "hangup")
        assert call.hangup_reason == ("x" * 64 if target == "hangup" else "")
        assert ended == ([(call.pk, "hangup", ACTOR)] if target == "hangup" else [])
    else:
        with pytest.raises(CallStateInvalid, match=f"a call that is {source} cannot become {target}") as refused:
            move(call, to=target, actor=ACTOR)
        assert refused.value.data == {"status": source, "to": target}
        assert Call.objects.values().get(pk=call.pk) == before
        assert ended == []


def test_the_moment_of_the_answer_is_kept(cast):
    call = register_call(cast.workspace, status=CallState.RINGING)
    assert call.tm_progressing is None
    move(call, to=CallState.PROGRESSING, actor=ACTOR)
    assert call.tm_progressing is not None


def test_a_call_is_registered_as_told_within_its_columns(cast):
    call = register_call(
        cast.workspace, from_number="1" * 200, to_number="anonymous", engine_ref="c" * 300, metadata={"a": "<b>"}
    )
    call.refresh_from_db()
    assert (call.status, call.from_number, call.to_number) == ("progressing", "1" * 128, "anonymous")
    assert (call.engine_ref, call.metadata) == ("c" * 200, {"a": "<b>"})
    assert call.tm_progressing is not None


def test_the_state_is_read_from_the_database_not_from_the_callers_copy(cast):
    call = register_call(cast.workspace)
    stale = Call.objects.get(pk=call.pk)
    move(call, to=CallState.HANGUP, actor=ACTOR)
    with pytest.raises(CallStateInvalid):
        move(stale, to=CallState.TERMINATING, actor=ACTOR)
    assert stale.status == CallState.HANGUP


def test_what_a_listener_cannot_do_undoes_the_hang_up(cast):
    call = register_call(cast.workspace)

    def refuse(**kwargs):
        raise ZeroDivisionError

    call_ended.connect(refuse)
    try:
        with pytest.raises(ZeroDivisionError):
            move(call, to=CallState.HANGUP, actor=ACTOR)
    finally:
        call_ended.disconnect(refuse)
    assert Call.objects.get(pk=call.pk).status == CallState.PROGRESSING


@pytest.mark.django_db(transaction=True)
def test_of_eight_that_hang_up_at_once_one_does(cast, ended):
    call = register_call(cast.workspace)

    def act(_number):
        try:
            move(Call.objects.get(pk=call.pk), to=CallState.HANGUP, actor=ACTOR)
        except CallStateInvalid:
            return 0
        return 1

    assert sum(at_once(8, act)) == len(ended) == 1


def test_live_states_are_those_before_the_end_began():
    assert {"dialing", "ringing", "progressing"} == LIVE
    assert set(ARROWS) == set(CallState)

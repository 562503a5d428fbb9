"""The table of states, and every verb in every state: the arrows that are, and those that are not."""

import re

import pytest

from calls.models import Event
from recordings import lifecycle, states
from recordings.models import Recording, Stream, Transition
from recordings.states import ARROWS
from tests.builders import BUILDER, close, ended_recording, open_stream, start, store, tone
from workspaces.clock import now

pytestmark = pytest.mark.sqlite


def test_the_arrows_are_these_and_no_others():
    assert {(str(source), str(target)) for source, targets in ARROWS.items() for target in targets} == {
        ("initiating", "recording"),
        ("initiating", "stopping"),
        ("initiating", "ended"),
        ("recording", "stopping"),
        ("stopping", "ended"),
    }


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("initiating", set()),
        ("recording", {"initiating"}),
        ("stopping", {"initiating", "recording"}),
        ("ended", {"initiating", "stopping"}),
        ("paused", set()),
    ],
)
def test_sources_read_the_arrows_backwards(target, expected):
    assert states.sources(target) == expected


def test_the_named_subsets():
    assert {"initiating", "recording"} == states.ACTIVE
    assert {"initiating", "recording", "stopping"} == states.RUNNING
    assert {"recording", "stopping", "ended"} == states.PLAYABLE


def test_the_documented_table_names_each_arrow_and_a_verb_that_exists():
    rows = re.findall(r"^\| ([a-z, –]+) → ([a-z]+) +\| ([a-z_, ]+?) +\|", states.__doc__, re.MULTILINE)[1:]
    told = {(source.strip(), target) for sources, target, _ in rows for source in sources.split(",")}
    assert told - {("–", "initiating")} == {(s, t) for s, targets in ARROWS.items() for t in targets}
    verbs = {verb.strip() for _, _, verbs in rows for verb in verbs.split(",")}
    assert verbs == {"start", "audio_arrived", "stop", "give_up", "end", "end_lost"}
    assert all(callable(getattr(lifecycle, verb)) for verb in verbs)


def _initiating(call):
    return start(call)


def _recording(call):
    recording = start(call)
    store(open_stream(recording), tone(800))
    return recording


def _recording_unattended(call):
    """Its only socket closed badly, and the engine has time to come back."""
    recording = start(call)
    stream = open_stream(recording)
    store(stream, tone(800))
    close(stream)
    return recording


def _stopping_open(call):
    recording = _recording(call)
    assert lifecycle.stop(recording.id, reason=states.EndReason.REQUESTED, actor=BUILDER)
    return recording


def _stopping_stored(call):
    recording = _recording_unattended(call)
    assert lifecycle.stop(recording.id, reason=states.EndReason.REQUESTED, actor=BUILDER)
    return recording


def _stopping_silent(call):
    recording = start(call)
    assert lifecycle.stop(recording.id, reason=states.EndReason.REQUESTED, actor=BUILDER)
    return recording


def _ended(call):
    return ended_recording(call, tone(800))


VERBS = {
    "audio_arrived": lambda pk: lifecycle.audio_arrived(pk, at=now(), actor=BUILDER),
    "stop": lambda pk: lifecycle.stop(pk, reason=states.EndReason.KEY, actor=BUILDER),
    "give_up": lambda pk: lifecycle.give_up(pk, reason=states.EndReason.NO_AUDIO, actor=BUILDER),
    "end": lambda pk: lifecycle.end(pk, actor=BUILDER),
    "end_lost": lambda pk: lifecycle.end_lost(pk, actor=BUILDER),
}
PLACES = {
    _initiating: {"audio_arrived": "recording", "stop": "stopping", "give_up": "ended"},
    _recording: {"stop": "stopping", "give_up": "stopping"},
    _recording_unattended: {"stop": "stopping", "give_up": "stopping"},
    _stopping_open: {"end_lost": "ended"},
    _stopping_stored: {"end": "ended", "end_lost": "ended"},
    _stopping_silent: {"end": "ended", "end_lost": "ended"},
    _ended: {},
}


def _rows():
    """Everything that a verb might write, but for frame 0's time."""
    recordings = Recording.objects.order_by("id")
    return [
        [{**row, "tm_update": None, "tm_start": None} for row in recordings.values()],
        list(Stream.objects.order_by("id").values()),
        list(Transition.objects.values()),
        list(Event.objects.order_by("id").values()),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("place", PLACES)
def test_a_verb_follows_its_arrow_or_changes_nothing(call, session, place, verb):
    recording = place(call)
    before, state = _rows(), Recording.objects.get().status
    outcome = VERBS[verb](recording.id)
    target = PLACES[place].get(verb)
    if target is None:
        assert outcome is False or verb == "audio_arrived"
        assert _rows() == before
        return
    assert outcome
    assert Recording.objects.get().status == target
    last = Transition.objects.last()
    assert (last.from_state, last.to_state) == (state, target)
    assert len(_rows()[2]) == len(before[2]) + 1
    assert len(_rows()[3]) == len(before[3]) + 1
    after = _rows()
    VERBS[verb](recording.id)  # whoever comes second changes nothing
    assert _rows() == after

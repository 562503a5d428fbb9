"""Why a recording stopped, for people: what happened, and who can do what about it; never a code alone."""

from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from recordings.admin.badges import clock
from recordings.models import Recording, Stream, Transition
from recordings.states import EndReason, State


class Told(NamedTuple):
    sentence: str
    next_step: str = ""


def reason(recording: Recording, *, transitions: list[Transition], streams: list[Stream]) -> Told | None:
    """The sentence for a recording's end_reason; None while nothing has stopped it."""
    if not recording.end_reason:
        return None
    detail = recording.end_detail
    ended_by = _actor(transitions)
    engine = engine_name(streams)
    return {
        EndReason.REQUESTED: Told(f"Stopped by {ended_by}."),
        EndReason.HANGUP: Told("The caller or the agent hung up."),
        EndReason.SILENCE: Told(
            "Nobody spoke for a while, so it stopped, as this recording was set to.", "Change it in the flow's step."
        ),
        EndReason.KEY: Told(f"Key {detail} was pressed, which stops the recording." if detail else "A key stopped it."),
        EndReason.MAX_DURATION: Told(
            f"It reached its limit of {clock(recording.duration_ms)}. The call went on."
            if recording.duration_ms
            else "It reached its limit. The call went on.",
            "Raise the limit in the workspace.",
        ),
        EndReason.NO_AUDIO: Told(
            f"{engine} sent no sound for {settings.CAPTURE_START_TIMEOUT:g} s. Nothing was lost here.",
            f"Ask whoever runs {engine[0].lower() + engine[1:]} to check its media for this call.",
        ),
        EndReason.CAPTURE_LOST: Told(
            f"{_lost_node(streams)} has not come back. {_left(recording)}",
            "Start the server: what is on its disk is added by itself.",
        ),
        EndReason.ENGINE_ERROR: Told(
            f"{engine} refused: “{detail}”." if detail else f"{engine} refused.", "Check the engine's settings."
        ),
    }[EndReason(recording.end_reason)]


def engine_name(streams: list[Stream]) -> str:
    """What a socket said it speaks; the engine, where none did."""
    known = [stream.protocol for stream in streams if stream.protocol]
    return known[-1][:1].upper() + known[-1][1:] if known else "The engine"


def _actor(transitions: list[Transition]) -> str:
    stops = [step.actor for step in transitions if step.to_state == State.STOPPING and step.cause != "amended"]
    return stops[0] if stops else "somebody"


def _lost_node(streams: list[Stream]) -> str:
    if not streams:
        return "The recording server went away and"
    node = streams[-1].node
    return f"The recording server {node.host} stopped at {timezone.localtime(node.heartbeat_at):%H:%M} and"


def _left(recording: Recording) -> str:
    return f"The first {clock(recording.duration_ms)} can be played." if recording.duration_ms else "No sound is left."

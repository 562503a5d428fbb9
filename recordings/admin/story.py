"""What happened to a recording, step by step, in plain sentences."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from recordings.admin.badges import clock
from recordings.admin.reasons import Told, engine_name, reason
from recordings.audio.pcm import RATE
from recordings.models import Recording, Stream, Transition
from recordings.states import EndReason, State
from workspaces.models import AuditEntry


class Step(NamedTuple):
    at: datetime
    when: str
    """Beside the time: where on the recording's clock it stands, or how long after the end."""
    icon: str
    tone: str
    title: str
    text: str
    next_step: str
    code: str


class Known(NamedTuple):
    """What the sentences are made from, each read once."""

    recording: Recording
    transitions: list[Transition]
    streams: list[Stream]
    entries: list[AuditEntry]

    @property
    def why(self) -> Told:
        return reason(self.recording, transitions=self.transitions, streams=self.streams) or Told("")


def steps(known: Known) -> list[Step]:
    """The transitions, oldest first, told."""
    return [_step(known, transition) for transition in known.transitions]


def _step(known: Known, transition: Transition) -> Step:
    icon, tone, title, told = _teller(transition)(known, transition)
    when = _offset(known.recording, transition)
    return Step(transition.at, when, icon, tone, title, told.sentence, told.next_step, transition.cause)


Telling = tuple[str, str, str, Told]


def _teller(transition: Transition) -> Callable[[Known, Transition], Telling]:
    by_cause = {"start": _asked, "first_audio": _first_sound, "amended": _amended, "delete": _deleted}
    by_state = {State.STOPPING: _stopped, State.ENDED: _ended}
    if transition.cause == "delete" and transition.to_state != transition.from_state:
        return _stopped  # a deletion stops what runs: that step first, then its own
    known = by_cause.get(transition.cause) or by_state.get(State(transition.to_state))
    return known or _asked


def _asked(known: Known, transition: Transition) -> Telling:  # noqa: ARG001 - one shape for all tellers
    return "flag", "initiating", "Asked to record", Told(f"By {transition.actor}.")


def _first_sound(known: Known, transition: Transition) -> Telling:
    began = known.recording.tm_create
    tracks = sum(1 for stream in known.streams if stream.first_audio_at) or len(known.streams)
    through = f"{tracks} streams" if tracks != 1 else "one stream"
    waited = max(0.0, (transition.at - began).total_seconds())
    text = f"Through {through} from {engine_name(known.streams)}, 8 kHz, {waited:.1f} s after it was asked for."
    return "play_arrow", "ended", "First sound", Told(text.replace("from The", "from the"))


def _stopped(known: Known, transition: Transition) -> Telling:
    titles = {
        EndReason.REQUESTED: "Asked to stop",
        EndReason.HANGUP: "The call ended",
        EndReason.SILENCE: "Silence stopped it",
        EndReason.KEY: "A key stopped it",
        EndReason.MAX_DURATION: "The limit was reached",
        EndReason.NO_AUDIO: "No sound came",
        EndReason.CAPTURE_LOST: "The recording server went away",
        EndReason.ENGINE_ERROR: "The engine refused",
    }
    code = known.recording.end_reason
    if code == EndReason.CAPTURE_LOST:  # what stopped it is older than what it is known for now
        return "stop", "stopping", "Asked to stop", Told(f"By {transition.actor}.")
    return "stop", "stopping", titles.get(EndReason(code), "Asked to stop") if code else "Asked to stop", known.why


def _ended(known: Known, transition: Transition) -> Telling:
    if transition.cause != "stored":
        if known.recording.duration_ms:
            return "warning", "stopping", "Ended, with what had been stored", known.why
        return "music_off", "none", "Ended without sound", known.why
    if not known.recording.duration_ms:
        return "music_off", "none", "Ended without sound", Told("It stopped before any sound had come.")
    received = sum(stream.frames_received or 0 for stream in known.streams)
    stored = sum(stream.frames_stored for stream in known.streams)
    told = Told(f"Everything that arrived was stored: {stored:,} of {received:,} frames.")
    return "check", "ended", "Ended, ready to play", told


def _amended(known: Known, transition: Transition) -> Telling:  # noqa: ARG001 - one shape for all tellers
    text = f"A recording server came back with sound. It is {clock(known.recording.duration_ms)} long now."
    return "add_circle", "ended", "More sound was added", Told(text)


def _deleted(known: Known, transition: Transition) -> Telling:
    said = [entry.data.get("reason", "") for entry in known.entries if entry.verb == "delete"]
    words = f": “{said[0]}”" if said and said[0] else "."
    return "delete", "deleted", "Deleted", Told(f"By {transition.actor}{words}")


def _offset(recording: Recording, transition: Transition) -> str:
    start = recording.tm_start
    if start is None or transition.at < start:
        return "before" if start is not None else ""
    passed = int((transition.at - start).total_seconds() * 1000)
    if recording.duration_ms is not None and passed > recording.duration_ms:
        return f"+{(passed - recording.duration_ms) / 1000:.1f} s"
    return clock(passed)


def frames_clock(frames: int | None) -> str:
    """A number of frames as a length."""
    return clock(None if frames is None else frames * 1000 // RATE)

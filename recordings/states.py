"""The states of a recording, what may follow what, and the named subsets that guards, filters and badges read.

    initiating ──► recording ──► stopping ──► ended
        │  └──────────────────────►┘            ▲
        └───────────────────────────────────────┘

| from → to                        | verb in lifecycle | called by                                                  |
|----------------------------------|-------------------|------------------------------------------------------------|
| – → initiating                   | start             | any surface, an engine that connects unasked               |
| initiating → recording           | audio_arrived     | capture                                                    |
| initiating, recording → stopping | stop              | any surface, capture (last stream closed), reconciler      |
| initiating → ended               | give_up           | reconciler (no audio came), task `begin` (engine refused)  |
| stopping → ended                 | end, end_lost     | task `finish`, hinted by capture, found by the reconciler  |
"""

from django.db.models import TextChoices


class State(TextChoices):
    INITIATING = "initiating"
    RECORDING = "recording"
    STOPPING = "stopping"
    ENDED = "ended"


ARROWS: dict[str, frozenset[str]] = {
    State.INITIATING: frozenset({State.RECORDING, State.STOPPING, State.ENDED}),
    State.RECORDING: frozenset({State.STOPPING}),
    State.STOPPING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}

ACTIVE = frozenset({State.INITIATING, State.RECORDING})
"""One recording of type full_call may be in these per reference; a capture token is good in these."""
RUNNING = ACTIVE | {State.STOPPING}
"""Not yet ended: the WAV still grows, or may."""
PLAYABLE = frozenset({State.RECORDING, State.STOPPING, State.ENDED})
"""There may be audio to hear."""


def sources(target: str) -> frozenset[str]:
    """The states from which `target` may be reached."""
    return frozenset(state for state, targets in ARROWS.items() if target in targets)


class ReferenceType(TextChoices):
    CALL = "call"
    CONFBRIDGE = "confbridge"


class RecordingType(TextChoices):
    FULL_CALL = "full_call"
    SEGMENT = "segment"


class EndReason(TextChoices):
    """Why a recording stopped; "" while it runs."""

    REQUESTED = "requested"
    HANGUP = "hangup"
    SILENCE = "silence"
    KEY = "key"
    MAX_DURATION = "max_duration"
    NO_AUDIO = "no_audio"
    CAPTURE_LOST = "capture_lost"
    ENGINE_ERROR = "engine_error"

"""The states of calls, conferences and runs of flows, and which may follow which."""

from django.db.models import TextChoices


class CallState(TextChoices):
    DIALING = "dialing"
    RINGING = "ringing"
    PROGRESSING = "progressing"
    TERMINATING = "terminating"
    CANCELING = "canceling"
    HANGUP = "hangup"


class Direction(TextChoices):
    INCOMING = "incoming"
    OUTGOING = "outgoing"


ARROWS: dict[str, frozenset[str]] = {
    CallState.DIALING: frozenset({CallState.RINGING, CallState.PROGRESSING, CallState.CANCELING, CallState.HANGUP}),
    CallState.RINGING: frozenset({CallState.PROGRESSING, CallState.CANCELING, CallState.HANGUP}),
    CallState.PROGRESSING: frozenset({CallState.TERMINATING, CallState.HANGUP}),
    CallState.TERMINATING: frozenset({CallState.HANGUP}),
    CallState.CANCELING: frozenset({CallState.HANGUP}),
    CallState.HANGUP: frozenset(),
}
"""from → what may follow; `calls.lifecycle.move` is the function behind every arrow."""

LIVE = frozenset({CallState.DIALING, CallState.RINGING, CallState.PROGRESSING})


class ConferenceState(TextChoices):
    STARTING = "starting"
    PROGRESSING = "progressing"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


CONFERENCE_ARROWS: dict[str, frozenset[str]] = {
    ConferenceState.STARTING: frozenset(
        {ConferenceState.PROGRESSING, ConferenceState.TERMINATING, ConferenceState.TERMINATED}
    ),
    ConferenceState.PROGRESSING: frozenset({ConferenceState.TERMINATING, ConferenceState.TERMINATED}),
    ConferenceState.TERMINATING: frozenset({ConferenceState.TERMINATED}),
    ConferenceState.TERMINATED: frozenset(),
}
"""from → what may follow; `calls.lifecycle.move_conference` is the function behind every arrow."""


class FlowState(TextChoices):
    """running → ended, by `calls.lifecycle.end_flow`."""

    RUNNING = "running"
    ENDED = "ended"


def sources(target: str, arrows: dict[str, frozenset[str]] = ARROWS) -> frozenset[str]:
    """The states from which `target` may be reached."""
    return frozenset(state for state, targets in arrows.items() if target in targets)

"""The states of a call, and which may follow which."""

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


def sources(target: str) -> frozenset[str]:
    """The states from which `target` may be reached."""
    return frozenset(state for state, targets in ARROWS.items() if target in targets)

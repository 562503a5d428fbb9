"""The integrator's own engine: it is asked by the webhook `recording.requested`, or connects unasked."""

from calls.models import Reference


class External:
    """Nothing is left to do here: the event was written when the recording was started."""

    def begin(self, call: Reference, *, stream_url: str) -> None:
        pass

    def halt(self, call: Reference) -> None:
        pass

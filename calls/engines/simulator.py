"""An engine in a box: real speech streamed from files, for the embedded default and for trying the product."""

import subprocess
import sys

from django.conf import settings

from calls.errors import EngineRefused
from calls.models import Reference


class Simulator:
    """Each recording gets a process that streams both legs at the pace of speech until its socket is closed."""

    def begin(self, call: Reference, *, stream_url: str) -> None:  # noqa: ARG002 - any call sounds the same here
        """Start streaming; the process outlives its parent and ends with the socket."""
        legs = [str(settings.DEMO_AUDIO_DIR / name) for name in ("customer.wav", "agent.wav")]
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "place_call", *legs, "--url", stream_url]
        try:
            subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [*command, "--loop"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                close_fds=True,
            )
        except OSError as error:
            raise EngineRefused(f"the simulator could not be started: {error.strerror}") from error

    def halt(self, call: Reference) -> None:
        """The capture process closes the socket, and with it the simulator's process ends."""

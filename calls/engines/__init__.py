"""How a call's audio is asked for: one module per engine, chosen by MEDIA_ENGINE."""

from typing import Protocol

from django.conf import settings

from calls.engines import external, simulator
from calls.models import Reference


class Engine(Protocol):
    """What an engine can be asked. Both may be called again for the same recording."""

    def begin(self, call: Reference, *, stream_url: str) -> None:
        """Have the call's audio streamed to `stream_url`. Raises EngineRefused."""

    def halt(self, call: Reference) -> None:
        """The recording is being stopped; the capture process closes the sockets by itself."""


ENGINES: dict[str, Engine] = {"external": external.External(), "simulator": simulator.Simulator()}


def engine() -> Engine:
    """The engine that the settings name."""
    return ENGINES[settings.MEDIA_ENGINE]

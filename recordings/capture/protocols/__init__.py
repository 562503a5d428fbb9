"""The engine protocols, and how a connection's is found: subprotocol, then headers, then the default.

To add one: a module here with a `Protocol` subclass, its name in PROTOCOLS, its page in docs/engines/.
"""

from recordings.capture.protocols.asterisk import Asterisk
from recordings.capture.protocols.base import TEXT_BYTES_MAX, Handshake, Protocol
from recordings.capture.protocols.events import (
    Dtmf,
    Ended,
    Event,
    MediaFormat,
    Metadata,
    Refused,
    Started,
)
from recordings.capture.protocols.freeswitch import FreeSwitch

__all__ = [
    "PROTOCOLS",
    "SUBPROTOCOLS",
    "TEXT_BYTES_MAX",
    "Dtmf",
    "Ended",
    "Event",
    "Handshake",
    "MediaFormat",
    "Metadata",
    "Protocol",
    "Refused",
    "Started",
    "choose_subprotocol",
    "detect",
]

PROTOCOLS: tuple[type[Protocol], ...] = (
    FreeSwitch,  # the first is the default: mod_audio_stream says nothing about itself
    Asterisk,
)
SUBPROTOCOLS: dict[str, type[Protocol]] = {name: kind for kind in PROTOCOLS for name in kind.subprotocols}


def detect(handshake: Handshake) -> Protocol:
    """A fresh protocol for this connection."""
    chosen = choose_subprotocol(handshake)
    if chosen is not None:
        return SUBPROTOCOLS[chosen](handshake)
    for kind in PROTOCOLS:
        if any(header in handshake.headers for header in kind.headers):
            return kind(handshake)
    return PROTOCOLS[0](handshake)


def choose_subprotocol(handshake: Handshake) -> str | None:
    """The subprotocol to answer (RFC 6455 §4.2.2): the first offered that is known; None: answer without."""
    return next((name for name in handshake.subprotocols if name in SUBPROTOCOLS), None)

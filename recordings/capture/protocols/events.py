"""What a protocol tells the capture server, and the shape of the audio it announces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Encoding: TypeAlias = Literal["l16", "ulaw", "alaw"]

SAMPLE_BYTES: dict[Encoding, int] = {"l16": 2, "ulaw": 1, "alaw": 1}


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """Audio as it stands in binary messages: interleaved, one label per channel.

    `l16` is signed 16-bit little-endian PCM, `ulaw` and `alaw` are G.711; `rate` is in Hz.
    """

    encoding: Encoding
    rate: int
    channels: int
    labels: tuple[str, ...]

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample instant of all channels."""
        return SAMPLE_BYTES[self.encoding] * self.channels

    def wire_bytes(self, ms: int) -> int:
        """Bytes of `ms` milliseconds of this audio, in whole frames, WebSocket headers not counted."""
        return self.rate * ms // 1000 * self.frame_bytes


@dataclass(frozen=True, slots=True)
class Started:
    """The format is known: every binary message from here on is audio, byte for byte.

    `call_id` is the engine's own name for the call or channel, where it gives one.
    """

    format: MediaFormat
    call_id: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Text to keep with the recording; `values` are its scalar fields where it is a JSON object.

    Whatever the engine called them, call id and parties stand under `call_id`, `from` and `to`.
    """

    text: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dtmf:
    """One key was pressed: 0–9, *, #, A–D."""

    digit: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The engine said in a message that the stream is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Close the socket with this code (1003, 1007, 1008 or 1009; RFC 6455 §7.4.1).

    `reason` is printable and fits a close frame (≤ 123 bytes of UTF-8).
    """

    code: int
    reason: str


Event: TypeAlias = Started | Metadata | Dtmf | Ended | Refused

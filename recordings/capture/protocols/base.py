"""What every engine protocol is: messages in, events out, no sockets.

The server calls `open` after the handshake and hands over each text message. Once `raw` is true, binary
messages are audio and go to the spool without passing here. Nothing an engine sends makes a method raise.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from recordings.capture.protocols.events import Event, MediaFormat, Metadata, Refused, Started
from recordings.capture.protocols.metadata import clean, flat, named, read_object

TEXT_BYTES_MAX = 65_536
_CLOSE_REASON_BYTES_MAX = 123  # RFC 6455 §5.5: 125 for a control frame, two of them the code
_TRACK_LABELS = {"in": "inbound", "out": "outbound"}


@dataclass(frozen=True, slots=True)
class Handshake:
    """The engine's opening request: path without query, decoded query, header names in lower case."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    subprotocols: tuple[str, ...]


class Protocol(ABC):
    """One connection's conversation.

    A subclass is recognised by a WebSocket subprotocol it offers or by a header (lower case) it always sends.
    """

    name: ClassVar[str]
    subprotocols: ClassVar[tuple[str, ...]] = ()
    headers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, handshake: Handshake) -> None:
        self.handshake = handshake
        self.raw = False
        self._refused = False

    def open(self) -> list[Event]:
        """Called once, after the handshake, before any message."""
        return []

    def text(self, message: str) -> list[Event]:
        """A text message arrived: Refused(1009) above 64 KiB, nothing after a refusal."""
        if self._refused:
            return []
        size = len(message.encode("utf-8", "replace"))
        if size > TEXT_BYTES_MAX:
            return self._refuse(1009, f"text message of {size} bytes: at most {TEXT_BYTES_MAX} are accepted")
        return self._message(clean(message))

    def text_bytes(self, payload: bytes) -> list[Event]:
        """A text message as it came off the wire: not UTF-8 is Refused(1007) before the start.

        Later on the unreadable characters are replaced: bad text never costs a call its recording.
        """
        try:
            return self.text(payload.decode())
        except UnicodeDecodeError:
            if self.raw:
                return self.text(payload.decode("utf-8", "replace"))
            return self._refuse(1007, "text message is not UTF-8")

    def binary_before_start(self, size: int) -> list[Event]:
        """A binary message of `size` bytes arrived while `raw` is false."""
        return self._refuse(1003, f"audio before the format is known ({size} bytes)")

    @abstractmethod
    def _message(self, message: str) -> list[Event]:
        """React to a clean text message within the size limit."""

    def _start(self, media: MediaFormat, *, call_id: str | None, metadata: Mapping[str, str]) -> list[Event]:
        self.raw = True
        return [Started(media, call_id, metadata)]

    def _refuse(self, code: int, reason: str) -> list[Event]:
        if self._refused:
            return []
        self._refused, self.raw = True, False
        return [Refused(code, reason.encode()[:_CLOSE_REASON_BYTES_MAX].decode("utf-8", "ignore"))]

    def _metadata(self, message: str) -> list[Event]:
        if not message.strip():
            return []
        return [Metadata(message, named(flat(read_object(message) or {})))]

    def _labels(self, channels: int) -> tuple[str, ...]:
        """Stereo is caller left, callee right; what a mono stream holds only `?track=` can say."""
        if channels == 2:
            return ("inbound", "outbound")
        return (_TRACK_LABELS.get(self.handshake.query.get("track", ""), "mixed"),)

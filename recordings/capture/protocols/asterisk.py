"""Asterisk's chan_websocket: subprotocol `media`, raw codec frames, control messages in text.

Control messages are plain (`MEDIA_START channel_id:… format:ulaw …`) or JSON (`{"event": "MEDIA_START", …}`),
as chan_websocket.conf or the dial string says; the first message shows which, and it is always MEDIA_START.
Source: Asterisk's documentation of the WebSocket channel driver and traces of Asterisk 23.4.
"""

from recordings.capture.protocols.base import Handshake, Protocol
from recordings.capture.protocols.events import Dtmf, Encoding, Event, MediaFormat
from recordings.capture.protocols.metadata import flat, named, read_object

_SLIN_KHZ = {"": 8_000, "44": 44_100} | {str(k): k * 1_000 for k in (12, 16, 24, 32, 48, 96, 192)}
FORMATS: dict[str, tuple[Encoding, int]] = {
    "ulaw": ("ulaw", 8_000),
    "alaw": ("alaw", 8_000),
    **{f"slin{khz}": ("l16", rate) for khz, rate in _SLIN_KHZ.items()},
}
# These speak of audio sent to Asterisk, which a recorder does not do.
_FLOW_CONTROL = frozenset(
    {
        "MEDIA_XOFF",
        "MEDIA_XON",
        "STATUS",
        "QUEUE_DRAINED",
        "MEDIA_BUFFERING_COMPLETED",
        "MEDIA_MARK_PROCESSED",
    }
)
_DIGITS = frozenset("0123456789*#ABCD")


class Asterisk(Protocol):
    """Started by MEDIA_START (call_id is its channel_id); Refused(1003) on any other first message or codec.

    Of the URL only `?track=` is read: parameters set by one call's dial string leak into later calls.
    """

    name = "asterisk"
    subprotocols = ("media",)

    def __init__(self, handshake: Handshake) -> None:
        super().__init__(handshake)
        self._json = False

    def _message(self, message: str) -> list[Event]:
        if not self.raw:
            self._json = message.lstrip().startswith("{")
        event, fields = _read_json(message) if self._json else _read_plain(message)
        if not self.raw:
            return self._media_start(event, fields)
        digit = fields.get("digit", "").upper()
        if event == "DTMF_END" and digit in _DIGITS:
            return [Dtmf(digit)]
        return [] if event in _FLOW_CONTROL else self._metadata(message)

    def _media_start(self, event: str, fields: dict[str, str]) -> list[Event]:
        if event != "MEDIA_START":
            return self._refuse(1003, f"expected MEDIA_START, got {event[:20]!a}")
        codec = fields.get("format", "")
        if codec not in FORMATS:
            return self._refuse(1003, f"format {codec[:20]!a} cannot be recorded: use ulaw, alaw or slin")
        encoding, rate = FORMATS[codec]
        media = MediaFormat(encoding, rate, 1, self._labels(1))
        return self._start(media, call_id=fields.get("channel_id") or None, metadata=named(fields))


def _read_plain(message: str) -> tuple[str, dict[str, str]]:
    event, *words = message.split() or [""]
    pairs = (word.partition(":") for word in words)
    return event, {key: value for key, colon, value in pairs if colon}


def _read_json(message: str) -> tuple[str, dict[str, str]]:
    """Event and fields; channel variables stand beside the fields and never hide one."""
    content = read_object(message) or {}
    variables = content.get("channel_variables")
    fields = flat(variables if isinstance(variables, dict) else {}) | flat(content)
    return fields.pop("event", ""), fields

"""FreeSWITCH: mod_audio_stream (no subprotocol) and mod_audio_fork (audio.drachtio.org).

Both send L16 little-endian at once and say neither rate nor channels, so the URL carries them. Text may come
before, between and after the audio: it is metadata in whatever form the dialplan chose.
"""

from recordings.capture.protocols.base import Protocol
from recordings.capture.protocols.events import Event, MediaFormat
from recordings.capture.protocols.metadata import flat, named

RATE_MIN, RATE_MAX = 8_000, 64_000  # Hz, what mod_audio_fork can be told to send
# Query parameters that tell the server what to do; the others describe the call.
_INSTRUCTIONS = frozenset({"rate", "channels", "track", "at_ms", "silence"})


class FreeSwitch(Protocol):
    """Starts at once by `?rate=` (Hz, default 8000) and `?channels=` (1 or 2, default 1); else Refused."""

    name = "freeswitch"
    subprotocols = ("audio.drachtio.org",)

    def open(self) -> list[Event]:
        query = self.handshake.query
        rate, channels = query.get("rate", "8000"), query.get("channels", "1")
        if not RATE_MIN <= _whole(rate) <= RATE_MAX:
            return self._refuse(1003, f"rate={rate[:20]!a} is not a whole number from {RATE_MIN} to {RATE_MAX}")
        if _whole(channels) not in (1, 2):
            return self._refuse(1003, f"channels={channels[:20]!a} is neither 1 nor 2")
        count = _whole(channels)
        about = named(flat({key: value for key, value in query.items() if key not in _INSTRUCTIONS}))
        media = MediaFormat("l16", _whole(rate), count, self._labels(count))
        return self._start(media, call_id=about.get("call_id"), metadata=about)

    def _message(self, message: str) -> list[Event]:
        return self._metadata(message)


def _whole(text: str) -> int:
    """A short decimal number, or -1; int() alone takes signs, spaces and underscores too."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else -1

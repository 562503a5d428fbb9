"""A telephony engine in a box: streams WAV files to a capture URL as FreeSWITCH or Asterisk would."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np
from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from recordings.audio import pcm
from recordings.audio.wav import WavSource

FRAME_MS = 20
PROTOCOLS = ("audio_stream", "audio_fork", "asterisk-ulaw", "asterisk-slin")
SUBPROTOCOL = {"audio_fork": "audio.drachtio.org", "asterisk-ulaw": "media", "asterisk-slin": "media"}


class CallFailedError(Exception):
    """The capture server refused the call or broke it off; the message is its own sentence."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that was streamed: the recording it went to, and the frames sent per leg."""

    recording: str
    frames: int


@dataclass(slots=True)
class Leg:
    """What one socket carries: interleaved s16le of `channels` at `rate`, from one or two files."""

    sources: list[WavSource]
    protocol: str
    loop: bool = False

    @property
    def rate(self) -> int:
        return self.sources[0].rate

    @property
    def frames(self) -> int:
        return max(source.frames for source in self.sources)

    def messages(self) -> Iterator[bytes]:
        """Binary messages of 20 ms each, in the protocol's encoding; for ever with `loop`."""
        step = self.rate * FRAME_MS // 1000
        while True:
            for first in range(0, self.frames, step):
                yield self._message(first, min(step, self.frames - first))
            if not self.loop:
                return

    def _message(self, first: int, count: int) -> bytes:
        legs = []
        for source in self.sources:
            samples = np.zeros(count, dtype="<i2")
            data = np.frombuffer(source.read(first, count), dtype="<i2")
            samples[: data.size] = data
            legs.append(samples)
        joined = pcm.join_channels(legs)
        return pcm.encode_ulaw(joined) if self.protocol == "asterisk-ulaw" else joined.astype("<i2").tobytes()


class _Client(WSListener):
    def __init__(self) -> None:
        super().__init__()
        self.writable = asyncio.Event()
        self.writable.set()
        self.closed = asyncio.Event()
        self.close: tuple[int, str] | None = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.close = (frame.get_close_code().value, frame.get_close_reason() or "")
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        self.closed.set()
        self.writable.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


async def stream(leg: Leg, url: str, *, speed: float, progress: Callable[[int], None] | None = None) -> Placed:
    """Stream one leg at `speed` times real time (0: as fast as it goes), then close with 1000.

    `progress` is told the frames sent so far. Raises CallFailedError.
    """
    transport, client = await _connect(leg, url)
    if leg.protocol.startswith("asterisk"):
        codec = leg.protocol.removeprefix("asterisk-")
        transport.send(WSMsgType.TEXT, f"MEDIA_START connection_id:box channel:box/1 channel_id:box.1 format:{codec}")
    sent = 0
    step = leg.rate * FRAME_MS // 1000
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, message in enumerate(leg.messages()):
        if speed:
            ahead = began + number * FRAME_MS / 1000 / speed - loop.time()
            if ahead > 0.001:
                await asyncio.sleep(ahead)
        await client.writable.wait()
        if client.closed.is_set():
            break
        transport.send(WSMsgType.BINARY, message)
        sent += step
        if number % 50 == 0:
            if not speed:
                await asyncio.sleep(0)
            if progress:
                progress(min(sent, leg.frames))
    return await _hang_up(transport, client, sent=min(sent, leg.frames) if not leg.loop else sent)


async def _connect(leg: Leg, url: str) -> tuple[WSTransport, _Client]:
    headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL[leg.protocol]} if leg.protocol in SUBPROTOCOL else {}
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not leg.protocol.startswith("asterisk"):
        query = {"rate": str(leg.rate), "channels": str(len(leg.sources))} | query
    try:
        transport, client = await ws_connect(
            _Client, urlunsplit(parts._replace(query=urlencode(query))), extra_headers=headers
        )
    except WSHandshakeError as error:
        sentence = (error.raw_body or b"").decode("utf-8", "replace").strip()
        raise CallFailedError(f"the call was refused: {sentence or error}") from error
    except OSError as error:
        raise CallFailedError(f"nobody answers at {parts.netloc}: {error.strerror or error}") from error
    return transport, cast("_Client", client)


async def _hang_up(transport: WSTransport, client: _Client, *, sent: int) -> Placed:
    if not client.closed.is_set():
        transport.send_close(WSCloseCode.OK)
        await client.closed.wait()
    code, reason = client.close or (1006, "the connection broke")
    if code != 1000:
        raise CallFailedError(f"the call was broken off with {code}: {reason}")
    return Placed(recording=transport.response.headers.get("X-Recording-Id", ""), frames=sent)

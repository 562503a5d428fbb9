"""A telephony engine for the tests: sends what it is told to, at the pace it is told to, and knows what it sent.

Written on the library `websockets`, so that the product's server is not tested against its own client.
"""

import asyncio
import time
from collections import deque

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

__all__ = ["ConnectionClosed", "InvalidHandshake", "InvalidStatus", "Leg", "noise", "play"]

FRAME_MS = 20
BYTES_PER_MS = 16  # L16, 8 kHz, mono
FRAME = FRAME_MS * BYTES_PER_MS


def noise(seconds, *, seed, rate=8000):
    """L16 mono that no two places of have in common, so that any other cut of it is told from the right one."""
    return np.random.default_rng(seed).integers(-12_000, 12_000, int(seconds * rate), dtype="<i2").tobytes()


class Leg:
    """One socket. `sent` counts the bytes of audio that were handed to the kernel."""

    def __init__(self, url, pcm, *, frame=FRAME):
        self.url = url
        self.pcm = pcm
        self.frame = frame
        self.sent = 0
        self.recording = ""
        self.broken = False
        self.close_code = None
        self._recent = deque()
        self._socket = None

    async def open(self):
        """Raises websockets' InvalidStatus where the server refuses."""
        self._socket = await connect(
            self.url, compression=None, ping_interval=None, proxy=None, close_timeout=5, open_timeout=15
        )
        self.recording = self._socket.response.headers["X-Recording-Id"]
        return self

    async def send(self, stop=None, *, pace=1.0, piece=None):
        """Send up to byte `stop` (default: all) at `pace` times real time, 0 as fast as it goes, in messages of 20 ms
        or of `piece` bytes. A socket that breaks ends it."""
        stop = len(self.pcm) if stop is None else min(stop, len(self.pcm))
        piece = piece or self.frame
        began, first = time.monotonic(), self.sent
        try:
            while self.sent < stop:
                if pace:
                    ahead = began + (self.sent - first) / self.frame * FRAME_MS / 1000 / pace - time.monotonic()
                    if ahead > 0:
                        await asyncio.sleep(ahead)
                data = self.pcm[self.sent : min(self.sent + piece, stop)]
                await self._socket.send(data)
                self.sent += len(data)
        except ConnectionClosed:
            self.broken = True

    async def hang_up(self, code=1000):
        await self._socket.close(code)
        self.close_code = self._socket.close_code

    async def gone(self, seconds=30):
        """Until the server has closed the socket; its close code."""
        await asyncio.wait_for(self._socket.wait_closed(), seconds)
        self.close_code = self._socket.close_code
        return self.close_code

    def cut(self):
        """Break the connection as a dead network does: no close."""
        self._socket.transport.abort()


def play(url, pcm, *, pace=0.0, frame=FRAME, piece=3200):
    """Stream all of it and hang up; the recording's id."""

    async def call():
        leg = await Leg(url, pcm, frame=frame).open()
        await leg.send(pace=pace, piece=piece)
        await leg.hang_up()
        assert not leg.broken
        return leg.recording

    return asyncio.run(call())

"""One stream's life: audio into the spool at once, and everything slow behind it, in order, retried until it is done.

The socket feeds it from the event loop (`begin`, `append`, `close`); `live` is the coroutine that brings the first
audio, each chunk and the close to the database and the storage, in threads.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.db import close_old_connections

from recordings.capture import ledger
from recordings.capture.ledger import Close, Place
from recordings.capture.protocols import MediaFormat
from recordings.capture.spool import Header, StreamSpool
from recordings.capture.storing import StreamStore

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_RETRY_SECONDS = 0.25
LAST_RETRY_SECONDS = 30.0
CHUNKS_PER_SEGMENT = 3
"""Chunks in one file of the spool: to make a file can cost a millisecond of CPU, with every other stream waiting."""


class Session:
    """A stream from its first byte to its last stored piece."""

    def __init__(
        self, *, stream: UUID, recording: UUID, folder: Path, pool: Executor, chunk_seconds: float, start_ms: int | None
    ) -> None:
        self.stream = stream
        self.recording = recording
        self._folder = folder
        self._pool = pool
        self._chunk_seconds = chunk_seconds
        self._start_ms = start_ms
        self._spool: StreamSpool | None = None
        self._chunk_bytes = 0
        self._chunk_at = 0  # bytes at which the next chunk is whole
        self._chunks = stream.int % CHUNKS_PER_SEGMENT  # streams that began together do not make their files together
        self._close: Close | None = None
        self._stored = 0  # bytes
        self._said: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._wait = 0.0  # seconds until what failed is tried again; 0 while nothing fails
        self.trouble = ""
        """What it cannot do now, in a sentence; "" where all is well."""

    @classmethod
    def adopt(cls, spool: StreamSpool, *, pool: Executor, chunk_seconds: float) -> "Session":
        """A stream that a killed process left behind: it is closed, and the rest of it wants storing."""
        header = spool.header
        session = cls(
            stream=header.stream,
            recording=header.recording,
            folder=spool.folder,
            pool=pool,
            chunk_seconds=chunk_seconds,
            start_ms=None,
        )
        session._spool = spool
        session.close(Close(ledger.DIED, orderly=False))
        return session

    # --- From the socket, on the loop -----------------------------------------------------------------------------

    def begin(self, media: MediaFormat, at: datetime) -> None:
        """The first audio is about to be appended; `at` is when it arrived."""
        header = Header(stream=self.stream, recording=self.recording, format=media, first_audio_at=at)
        self._spool = StreamSpool.create(self._folder, header)
        self._chunk_bytes = max(1, int(self._chunk_seconds * media.rate)) * media.frame_bytes
        self._chunk_at = self._chunk_bytes
        self._wake.set()

    def append(self, data: bytes) -> None:
        """Audio as it came off the wire. OSError where the disk takes no more; what was written before stays good."""
        spool = self._spool
        assert spool is not None, "append before begin"  # noqa: S101 - the hot path's contract, not input
        spool.append(data)
        if spool.size >= self._chunk_at:
            self._chunk_at = spool.size + self._chunk_bytes
            self._chunks += 1
            if self._chunks % CHUNKS_PER_SEGMENT == 0:
                spool.roll()
            self._wake.set()

    def describe(self, said: Mapping[str, str]) -> None:
        """The engine said something of the call: `call_id`, `from`, `to` and what else it has names for."""
        if said:
            self._said |= said
            self._wake.set()

    @property
    def backlog(self) -> int:
        """Bytes received that are not in storage yet."""
        return self.received - self._stored

    @property
    def began(self) -> bool:
        return self._spool is not None

    @property
    def received(self) -> int:
        """Bytes of audio received so far."""
        return self._spool.size if self._spool else 0

    def close(self, close: Close) -> None:
        """No more audio comes. The first reason given counts."""
        if self._close is None:
            self._close = close
            if self._spool:
                self._spool.roll()
            self._wake.set()

    @property
    def closed(self) -> bool:
        return self._close is not None

    # --- Behind it ------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Run until everything received is stored and the spool is gone."""
        store: StreamStore | None = None
        while self._close is None:
            await self._wake.wait()
            self._wake.clear()
            store = store or await self._stand()
            await self._tell()
            if store is not None and self._close is None:
                await self._store_ahead(store)
        store = store or await self._stand()
        await self._tell()
        frames = store.frames(self.received) if store else await self._until_done(self._standing)
        late = await self._until_done(ledger.closed, self.stream, self._close, frames=frames)
        if store is not None and self._spool is not None:
            await self._until_done(store.store, self.received, final=True)
            await self._until_done(self._spool.remove)
        await self._until_done(ledger.settled, self.recording, late=late)

    async def _store_ahead(self, store: StreamStore) -> None:
        """Bring what is there to storage while the stream runs. One try: should it close meanwhile, that is told at
        once, and not when storage is back."""
        size = self.received
        try:
            await in_thread(self._pool, store.store, size, final=False)
        except Exception as error:  # noqa: BLE001 - whatever it was, the spool keeps the audio and it is tried again
            self._suffer(store.store, error)
            asyncio.get_running_loop().call_later(self._wait, self._wake.set)
        else:
            self._relieve()
            self._stored = size

    async def _tell(self) -> None:
        """What the engine has said of the call since."""
        if self._said:
            said, self._said = self._said, {}
            await self._until_done(ledger.describe, self.stream, said)

    async def _stand(self) -> StreamStore | None:
        """Once there is audio: its place on the timeline, told to the database as soon as it is known."""
        if self._spool is None:
            return None
        place = await self._until_done(self._place)
        return StreamStore(self._spool, place, chunk_seconds=self._chunk_seconds)

    def _standing(self) -> int:
        """Without a spool nothing was received but what is stored."""
        return ledger.frames_stored(self.stream) or 0

    def _place(self) -> Place:
        assert self._spool is not None  # noqa: S101 - the caller looked
        header = self._spool.header
        return ledger.first_audio(
            self.stream, at=header.first_audio_at, labels=header.format.labels, start_ms=self._start_ms
        )

    async def _until_done(self, act: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Do it in a thread, again and again until it is done: the spool keeps everything meanwhile."""
        while True:
            try:
                done = await in_thread(self._pool, act, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever it was, the spool keeps the audio and it is tried again
                self._suffer(act, error)
                await asyncio.sleep(self._wait)
            else:
                self._relieve()
                return done

    def _suffer(self, act: Callable[..., Any], error: Exception) -> None:
        self._wait = min(self._wait * 2, LAST_RETRY_SECONDS) if self._wait else FIRST_RETRY_SECONDS
        self.trouble = f"{getattr(act, '__name__', act)}: {error}"
        logger.warning("stream %s waits %.1f s: %s", self.stream, self._wait, self.trouble, exc_info=self._wait > 1)

    def _relieve(self) -> None:
        self._wait = 0.0
        self.trouble = ""


def in_thread(pool: Executor, act: Callable[..., T], *args: Any, **kwargs: Any) -> asyncio.Future[T]:
    """Call `act` in the pool. A database connection that died since the thread's last call is replaced first."""

    def call() -> T:
        close_old_connections()
        return act(*args, **kwargs)

    return asyncio.get_running_loop().run_in_executor(pool, call)

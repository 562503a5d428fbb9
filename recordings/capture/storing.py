"""From spool to storage: a stream's next pieces are decoded, put, verified, rowed; only then the spool forgets them."""

from hashlib import sha256

import numpy as np

from recordings import storage
from recordings.audio import pcm, resampling
from recordings.audio.pcm import RATE, Encoding
from recordings.capture import ledger
from recordings.capture.ledger import Place
from recordings.capture.spool import StreamSpool
from recordings.errors import StorageError

BEHIND_CHUNKS = 12
"""A stream that has this many chunks yet to store came faster than real time, or storage was away."""
CATCH_UP_CHUNKS = 6
"""It catches up in pieces of so many chunks each: a put and a row cost little more for a minute than for 10 s."""


class StreamStore:
    """One stream's way from the spool into storage. For one thread at a time."""

    def __init__(self, spool: StreamSpool, place: Place, *, chunk_seconds: float) -> None:
        self._spool = spool
        self._place = place
        self._format = spool.header.format
        self._chunk_frames = int(chunk_seconds * RATE)
        self._stands: int | None = None  # frames that are rowed; None where only the database knows

    def frames(self, size: int) -> int:
        """Frames per track at 8,000 Hz that `size` spooled bytes make, once nothing follows them."""
        received = size // self._format.frame_bytes
        return resampling.safe_frames(received, rate=self._format.rate, final=True)

    def store(self, size: int, *, final: bool) -> None:
        """Bring all that the first `size` bytes make into storage, piece by piece.

        May be called again after any error: it goes on where the database says it stands.
        """
        received = size // self._format.frame_bytes
        ready = resampling.safe_frames(received, rate=self._format.rate, final=final)
        known, self._stands = self._stands, None  # after an error the database is asked
        stored = self._standing() if known is None else known
        while stored < ready:
            behind = ready - stored > BEHIND_CHUNKS * self._chunk_frames
            stop = min(stored + self._chunk_frames * (CATCH_UP_CHUNKS if behind else 1), ready)
            if not final and (stop - stored) * 2 < self._chunk_frames:
                break  # a put and a row cost the same for a moment as for a whole piece: it goes with the next
            if self._put(stored, stop, received):
                stored = stop
            elif (stored := self._standing()) < stop:  # another row is in the way: say so rather than turn for ever
                raise StorageError(f"stream {self._spool.header.stream} stands at {stored} and cannot go to {stop}")
            self._forget(stored)
        self._stands = stored

    def _standing(self) -> int:
        standing = ledger.frames_stored(self._spool.header.stream)
        if standing is None:
            raise StorageError(
                f"stream {self._spool.header.stream} is not in the database; its audio waits in the spool"
            )
        return standing

    def _put(self, start: int, stop: int, received: int) -> bool:
        """Frames [start, stop) into storage; False where the database stood elsewhere and no row was made."""
        first, last = resampling.input_span(start, stop, rate=self._format.rate)
        last = min(last, received)
        raw = self._spool.read(first * self._format.frame_bytes, last * self._format.frame_bytes)
        decoded = pcm.decode(raw, Encoding(self._format.encoding))
        place, objects = self._place, []
        for track, samples in zip(place.tracks, pcm.split_channels(decoded, self._format.channels), strict=True):
            made = resampling.resample(samples, rate=self._format.rate, first=first, start=start, stop=stop)
            data = np.ascontiguousarray(made, dtype="<i2").tobytes()
            key = storage.chunk_key(
                workspace=place.workspace,
                recording=place.recording,
                track=track,
                start_frame=place.start_frame + start,
                sha256=sha256(data).hexdigest(),
            )
            objects.append(storage.put(key, data))
        return ledger.stored(self._spool.header.stream, place, first=start, frames=stop - start, objects=objects)

    def _forget(self, stored: int) -> None:
        """Drop what neither is to be stored nor is context for what is."""
        first, _ = resampling.input_span(stored, stored, rate=self._format.rate)
        self._spool.drop(before=first * self._format.frame_bytes)

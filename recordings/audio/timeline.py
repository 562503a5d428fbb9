"""A recording is a timeline: tracks of pieces on one clock, any slice of which can be mixed at any moment.

Nothing is read until it is asked for, and only what the slice touches. Where the bytes come from is the
caller's affair: it gives a `read`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Protocol

import numpy as np

from recordings.audio import mixing
from recordings.audio.pcm import BYTES_PER_FRAME, Samples

_end = attrgetter("end")
_start = attrgetter("start")


class Read(Protocol):
    """Gives `length` bytes of the object `key`, from byte `offset` on."""

    def __call__(self, key: str, offset: int, length: int, /) -> bytes: ...


class ShortRead(Exception):
    """A read gave another number of bytes than it was asked for: the object is not what its piece says."""

    def __init__(self, key: str, *, offset: int, asked: int, got: int) -> None:
        super().__init__(f"{key}: {got} of {asked} bytes from byte {offset} on")
        self.key = key
        self.offset = offset
        self.asked = asked
        self.got = got


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one track, s16le, inside a stored object."""

    key: str
    offset: int
    """Where it begins in the object, in bytes."""
    start: int
    """Where it stands on the recording's clock, in frames."""
    frames: int

    def __post_init__(self) -> None:
        if self.offset < 0 or self.start < 0 or self.frames < 0:
            raise ValueError(f"no such piece: {self.frames} frames at {self.start}, byte {self.offset} of {self.key}")

    @property
    def end(self) -> int:
        """The frame after its last."""
        return self.start + self.frames

    def cut(self, first: int, last: int) -> "Piece":
        """The part of it that stands on frames [first, last), which it must contain."""
        return Piece(self.key, self.offset + (first - self.start) * BYTES_PER_FRAME, first, last - first)


@dataclass(frozen=True)
class Timeline:
    """The tracks of a recording, each with its pieces in the order they were written.

    Where pieces of one track overlap, the one written first is heard and a later one fills only what it
    left free: audio that was once served never changes. Tracks are mixed, and what nothing covers is
    silence.
    """

    tracks: tuple[tuple[Piece, ...], ...]

    @cached_property
    def frames(self) -> int:
        """Where the last piece of all tracks ends; 0 without any."""
        return max((pieces[-1].end for pieces in self._laid if pieces), default=0)

    def render(self, first: int, last: int, *, read: Read) -> bytes:
        """Frames [first, last) of all tracks mixed, as s16le; beyond the end there is silence.

        One track is joined from what `read` gave, its reads as long as its pieces; several are mixed 65,536
        frames at a time. Raises ShortRead where `read` gives another number of bytes than asked; what
        `read` raises passes through.
        """
        if not 0 <= first <= last:
            raise ValueError(f"frames {first} to {last} are no slice")
        if len(self._laid) == 1:
            return _joined(_heard(self._laid[0], first, last, read=read), first=first, last=last)
        mixed: Samples = np.empty(last - first, dtype="<i2")
        for block in range(first, last, mixing.BLOCK):
            end = min(block + mixing.BLOCK, last)
            segments = (_segment(pieces, block, end, read=read) for pieces in self._laid)
            parts = [segment for segment in segments if segment is not None]
            mixing.add(parts, out=mixed[block - first : end - first])
        return mixed.tobytes()

    @cached_property
    def _laid(self) -> tuple[list[Piece], ...]:
        return tuple(_without_overlaps(pieces) for pieces in self.tracks)


def render_wav(
    timeline: Timeline, first_byte: int, last_byte: int, *, frames: int | None, header: bytes, read: Read
) -> Iterator[bytes]:
    """Bytes [first_byte, last_byte) of `header` followed by the mixed PCM, in blocks of at most 128 KiB.

    `frames` is the length of the recording, beyond which no byte may be asked for; None is a recording that
    still runs, whose caller has already ended the range where its audio ends. The range is checked at the
    call (ValueError); what `read` raises, and ShortRead, come while iterating, after whole blocks.
    """
    size = None if frames is None else len(header) + frames * BYTES_PER_FRAME
    if not 0 <= first_byte <= last_byte or (size is not None and last_byte > size):
        raise ValueError(f"bytes {first_byte} to {last_byte} are no range of {size or 'a running recording'}")
    return _wav_blocks(timeline, first_byte, last_byte, header=header, read=read)


def _wav_blocks(timeline: Timeline, first_byte: int, last_byte: int, *, header: bytes, read: Read) -> Iterator[bytes]:
    if head := header[first_byte:last_byte]:
        yield head
    first, last = max(first_byte - len(header), 0), last_byte - len(header)
    block_bytes = mixing.BLOCK * BYTES_PER_FRAME
    while first < last:
        # A byte edge inside a frame: the whole frame is rendered and the other half cut away.
        odd = first % BYTES_PER_FRAME
        end = min(first - odd + block_bytes, last)
        block = timeline.render(first // BYTES_PER_FRAME, -(-end // BYTES_PER_FRAME), read=read)
        yield block[odd : odd + end - first]
        first = end


def _without_overlaps(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, cut so that none overlaps one written before it, in the order of the clock."""
    laid: list[Piece] = []
    for piece in pieces:
        if piece.frames and (not laid or laid[-1].end <= piece.start):
            laid.append(piece)  # as nearly always: written in the order of the clock
            continue
        at = stop = bisect_right(laid, piece.start, key=_end)
        free: list[Piece] = []
        frame = piece.start
        while stop < len(laid) and laid[stop].start < piece.end:
            if frame < laid[stop].start:
                free.append(piece.cut(frame, laid[stop].start))
            frame = laid[stop].end
            stop += 1
        if frame < piece.end:
            free.append(piece.cut(frame, piece.end))
        laid[at:stop] = sorted([*laid[at:stop], *free], key=_start)
    return laid


def _heard(pieces: list[Piece], first: int, last: int, *, read: Read) -> Iterator[tuple[int, bytes]]:
    """What stands on frames [first, last) of one track: each stretch's first frame and its bytes."""
    for at in range(bisect_right(pieces, first, key=_end), len(pieces)):
        piece = pieces[at]
        if piece.start >= last:
            return
        part = piece.cut(max(first, piece.start), min(last, piece.end))
        asked = part.frames * BYTES_PER_FRAME
        data = read(part.key, part.offset, asked)
        if len(data) != asked:
            raise ShortRead(part.key, offset=part.offset, asked=asked, got=len(data))
        yield part.start, data


def _joined(heard: Iterable[tuple[int, bytes]], *, first: int, last: int) -> bytes:
    parts: list[bytes] = []
    frame = first
    for start, data in heard:
        if start > frame:
            parts.append(bytes((start - frame) * BYTES_PER_FRAME))
        parts.append(data)
        frame = start + len(data) // BYTES_PER_FRAME
    if frame < last:
        parts.append(bytes((last - frame) * BYTES_PER_FRAME))
    return b"".join(parts)  # of a single part: that part itself


def _segment(pieces: list[Piece], first: int, last: int, *, read: Read) -> Samples | None:
    """Frames [first, last) of one track, or None where it is silent throughout."""
    segment: Samples | None = None
    for start, data in _heard(pieces, first, last, read=read):
        samples: Samples = np.frombuffer(data, dtype="<i2")
        if samples.size == last - first:
            return samples
        if segment is None:
            segment = np.zeros(last - first, dtype=np.int16)
        segment[start - first : start - first + samples.size] = samples
    return segment

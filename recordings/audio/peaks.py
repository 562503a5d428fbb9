"""The waveform's outline: the lowest and highest sample of every 10 ms and every 100 ms of each track.

A peaks file is made once per recording, and any stretch of it can be read by itself. All numbers little-endian:

    offset  bytes
    0       4      "TDPK"
    4       2      version: 1
    6       2      tracks
    8       8      frames of the recording (8,000 a second)
    16      24     per zoom (two, coarse first): u32 frames per point, u32 points, u32 offset of its data
    40             per zoom, per track: points × (i16 lowest, i16 highest)

Offsets of data are in bytes from the file's first. A point that lies partly beyond the end is made of what there is;
a track that ends before the recording does is 0 to 0 from there on.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recordings.audio.pcm import RATE, Samples

CONTENT_TYPE = "application/octet-stream"
FINE = RATE // 100
"""Frames per point of the fine zoom: 100 points a second."""
COARSE = RATE // 10
"""Frames per point of the coarse zoom: 10 points a second."""
ZOOMS = (COARSE, FINE)

Pairs = NDArray[np.int16]
"""Points × 2: lowest, highest."""

_MAGIC = b"TDPK"
_VERSION = 1
_HEAD = struct.Struct("<4sHHQ")
_ZOOM = struct.Struct("<III")
_PAIR_BYTES = 4
HEADER_BYTES = _HEAD.size + len(ZOOMS) * _ZOOM.size


class NotPeaks(ValueError):
    """The bytes are not the header of a peaks file."""


class TrackPeaks:
    """One track's points, fed from its first frame on. Memory: 400 bytes a second of the recording."""

    def __init__(self, frames: int) -> None:
        """`frames` is the length of the recording; the track may end before it."""
        self._fine: Pairs = np.zeros((_points(frames, FINE), 2), dtype="<i2")
        self._frames = 0

    def feed(self, samples: Samples) -> None:
        """The track's next frames: whole points (multiples of 80), but for its last. Raises ValueError otherwise, and
        for more than the recording has."""
        first, odd = divmod(self._frames, FINE)
        points = _points(samples.size, FINE)
        if odd or first + points > len(self._fine):
            raise ValueError(f"{samples.size} frames do not follow frame {self._frames} in whole points")
        if points:
            starts = np.arange(0, samples.size, FINE)
            self._fine[first : first + points, 0] = np.minimum.reduceat(samples, starts)
            self._fine[first : first + points, 1] = np.maximum.reduceat(samples, starts)
        self._frames += samples.size

    def points(self, zoom: int) -> Pairs:
        """The points of one of ZOOMS."""
        if zoom == FINE or not len(self._fine):
            return self._fine
        starts = np.arange(0, len(self._fine), zoom // FINE)
        lowest = np.minimum.reduceat(self._fine[:, 0], starts)
        return np.stack([lowest, np.maximum.reduceat(self._fine[:, 1], starts)], axis=1)


def packed(tracks: Sequence[TrackPeaks], *, frames: int) -> Iterator[bytes]:
    """The peaks file of a recording of `frames` frames, in blocks. Its tracks were all made for that length."""
    layout = Layout(len(tracks), frames)
    yield layout.header()
    for zoom in ZOOMS:
        for track in tracks:
            yield track.points(zoom).tobytes()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where what stands in a peaks file."""

    tracks: int
    frames: int

    @classmethod
    def parse(cls, header: bytes) -> "Layout":
        """The layout that the first HEADER_BYTES of a file give. Raises NotPeaks."""
        if len(header) < HEADER_BYTES:
            raise NotPeaks(f"{len(header)} bytes are no peaks file")
        magic, version, tracks, frames = _HEAD.unpack_from(header)
        layout = cls(tracks, frames)
        if (magic, version) != (_MAGIC, _VERSION) or layout.header() != header[:HEADER_BYTES]:
            raise NotPeaks("the bytes are no header of a peaks file of this version")
        return layout

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return HEADER_BYTES + sum(self.tracks * _points(self.frames, zoom) * _PAIR_BYTES for zoom in ZOOMS)

    def header(self) -> bytes:
        zooms = (_ZOOM.pack(zoom, _points(self.frames, zoom), self._base(zoom)) for zoom in ZOOMS)
        return _HEAD.pack(_MAGIC, _VERSION, self.tracks, self.frames) + b"".join(zooms)

    def span(self, zoom: int, *, track: int, first: int, last: int) -> tuple[int, int]:
        """Offset and length in bytes of the points [first, last) of a track; what lies beyond the end is left out.

        Raises ValueError for another zoom than ZOOMS, and for a track that there is not.
        """
        if zoom not in ZOOMS or not 0 <= track < self.tracks:
            raise ValueError(f"there is no track {track} at {zoom} frames a point")
        points = _points(self.frames, zoom)
        first, last = min(max(first, 0), points), min(max(last, 0), points)
        offset = self._base(zoom) + (track * points + first) * _PAIR_BYTES
        return offset, max(last - first, 0) * _PAIR_BYTES

    def _base(self, zoom: int) -> int:
        before = (each for each in ZOOMS if each > zoom)
        return HEADER_BYTES + sum(self.tracks * _points(self.frames, each) * _PAIR_BYTES for each in before)


def read_pairs(data: bytes) -> Pairs:
    """The points in bytes that `Layout.span` named."""
    return np.frombuffer(data, dtype="<i2").reshape(-1, 2)


def _points(frames: int, zoom: int) -> int:
    return -(-frames // zoom)

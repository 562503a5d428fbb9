"""What is wrong with how a recording sounds, found while its tracks are read once.

Speech is told from what is always there (hum, hiss, comfort noise): a window of 20 ms counts as speech where its level
is above SPEECH_DBFS and SPEECH_RISE_DB above the track's own floor, the level that a tenth of its windows stay below.
Levels are taken around each window's mean, so that an offset is no sound. Memory does not grow with the length.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from recordings.audio.pcm import RATE, Samples

WINDOW = RATE // 50
"""Frames of a window: 20 ms."""
SPEECH_DBFS = -50.0
"""Below this a window is no speech, in dB of full scale (RMS of a full-scale square wave: 0)."""
SPEECH_RISE_DB = 9.0
"""Speech stands out of its track's floor by at least this, in dB."""
SPEECH_MS = 200
"""A track with less speech than this in all has none: a click is no word. In ms."""
FLOOR_SHARE = 0.1
"""The share of a track's windows that lie at its floor or below."""
CLIP_LEVEL = 32_000
"""Samples from here to full scale (−0.2 dB) may be clipped; G.711 itself ends at 32,124 (µ-law) and 32,256."""
CLIP_RUN = 3
"""So many of them in a row are: a voice's own peaks are shorter."""
CLIPPED_MS = 10
"""Less clipping than this in all is no finding. In ms."""
CLIPPED_SHARE = 1e-4
"""Nor is less than this share of the track."""
GAP_MS = 200
"""A hole in a track that is no longer than this is jitter, not a gap. In ms."""
GAPS_KEPT = 100
"""Of more gaps the longest are told."""
SHORT_BY_MS = 3000
"""A recording that lacks no more than this of what it should cover is whole: engines take a moment. In ms."""
SHORT_SHARE = 0.01
"""Nor one that lacks no more than this share of it: clocks differ."""

_SILENCE_DB = -120
_LEVELS = 1 - _SILENCE_DB
"""Bins of 1 dB, from −120 to 0 dBFS."""

Span = tuple[int, int]
"""Frames [first, last)."""


class Kind(StrEnum):
    ONE_SIDED = "one_sided"  # of several tracks only one has speech; `tracks` are the others
    SILENT = "silent"  # no track has speech
    CLIPPED = "clipped"  # the source was too loud: `track`, `ms` in all, `at_ms` where it begins
    GAP = "gap"  # silence stands in for sound that never came: `track`, `at_ms`, `ms`
    SHORT = "short"  # shorter than the call, by `ms`


class Finding(TypedDict, total=False):
    """One finding, as it is kept; times in ms from the recording's first frame, tracks by position."""

    kind: str
    track: int
    tracks: list[int]
    at_ms: int
    ms: int


class TrackScan:
    """What is heard of one track, fed from its first frame on."""

    def __init__(self) -> None:
        self.frames = 0
        self.clipped_frames = 0
        """Those in a row of CLIP_RUN or more; the first of each row are not counted."""
        self.first_clip: int | None = None
        """The frame at which clipping begins."""
        self._levels: NDArray[np.int64] = np.zeros(_LEVELS, dtype=np.int64)
        self._loud_before: NDArray[np.bool_] = np.zeros(CLIP_RUN - 1, dtype=np.bool_)

    def feed(self, samples: Samples) -> None:
        """The track's next frames: whole windows (multiples of 160), but for its last. Raises ValueError otherwise."""
        if self.frames % WINDOW:
            raise ValueError(f"frames follow frame {self.frames}, which ends inside a window")
        self._measure(samples[: samples.size // WINDOW * WINDOW])
        self._count_clips(samples)
        self.frames += samples.size

    @property
    def speech_ms(self) -> int:
        """How much of it is speech, in ms."""
        windows = int(self._levels.sum())
        if not windows:
            return 0
        floor = int(np.searchsorted(np.cumsum(self._levels), windows * FLOOR_SHARE)) + _SILENCE_DB
        least = max(SPEECH_DBFS, floor + SPEECH_RISE_DB)
        return int(self._levels[int(np.ceil(least)) - _SILENCE_DB :].sum()) * WINDOW * 1000 // RATE

    @property
    def speaks(self) -> bool:
        return self.speech_ms >= SPEECH_MS

    def _measure(self, samples: Samples) -> None:
        windows = samples.reshape(-1, WINDOW).astype(np.float32)
        rms = windows.std(axis=1) / 32768
        db = 20 * np.log10(np.maximum(rms, 1e-6))
        bins = np.clip(np.floor(db).astype(np.int64) - _SILENCE_DB, 0, _LEVELS - 1)
        self._levels += np.bincount(bins, minlength=_LEVELS)

    def _count_clips(self, samples: Samples) -> None:
        loud = np.concatenate([self._loud_before, (samples >= CLIP_LEVEL) | (samples <= -CLIP_LEVEL)])
        self._loud_before = loud[-(CLIP_RUN - 1) :]
        if not loud.any():
            return
        in_a_row = loud[2:] & loud[1:-1] & loud[:-2]
        count = int(in_a_row.sum())
        if count and self.first_clip is None:
            self.first_clip = self.frames + int(in_a_row.argmax()) - (CLIP_RUN - 1)
        self.clipped_frames += count


def findings(
    scans: Sequence[TrackScan], *, gaps: Sequence[Sequence[Span]], frames: int, expected_ms: int | None
) -> list[Finding]:
    """What is wrong with a recording of `frames` frames; [] is a good one.

    `scans` and `gaps` are by track; `expected_ms` is what the recording should cover (None: not known).
    """
    found = _speech(scans)
    for track, scan in enumerate(scans):
        least = max(CLIPPED_MS * RATE / 1000, scan.frames * CLIPPED_SHARE)
        if scan.first_clip is not None and scan.clipped_frames >= least:
            found.append(
                {"kind": Kind.CLIPPED, "track": track, "at_ms": _ms(scan.first_clip), "ms": _ms(scan.clipped_frames)}
            )
    found += _gaps(gaps)
    lacking = (expected_ms or 0) - _ms(frames)
    if expected_ms and lacking > max(SHORT_BY_MS, expected_ms * SHORT_SHARE):
        found.append({"kind": Kind.SHORT, "ms": lacking})
    return found


def holes(covered: Iterable[Span]) -> list[Span]:
    """What nothing covers between the first and the last of these spans, in order, where it is longer than GAP_MS.

    Before a track's first sound and after its last nobody was there, which is no gap.
    """
    found: list[Span] = []
    reached: int | None = None
    for first, last in sorted(covered):
        if reached is not None and first - reached > GAP_MS * RATE // 1000:
            found.append((reached, first))
        reached = last if reached is None else max(reached, last)
    return found


def _speech(scans: Sequence[TrackScan]) -> list[Finding]:
    quiet = [track for track, scan in enumerate(scans) if not scan.speaks]
    if len(quiet) == len(scans):
        return [{"kind": Kind.SILENT}]
    if quiet and len(quiet) == len(scans) - 1:
        return [{"kind": Kind.ONE_SIDED, "tracks": quiet}]
    return []


def _gaps(gaps: Sequence[Sequence[Span]]) -> list[Finding]:
    """In order of place; a hole in every track at once is told once per track."""
    every = [(last - first, first, track) for track, spans in enumerate(gaps) for first, last in spans]
    kept = sorted(every, reverse=True)[:GAPS_KEPT]
    return [
        {"kind": Kind.GAP, "track": track, "at_ms": _ms(first), "ms": _ms(frames)}
        for frames, first, track in sorted(kept, key=lambda gap: gap[1:])
    ]


def _ms(frames: int) -> int:
    return frames * 1000 // RATE

"""The outline to draw of a recording, and its health, both gathered while assembly reads its tracks.

A survey listens to every track once, in the same pass that writes the track's file where one is written.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import numpy as np
from django.db.models import Max

from calls.models import Call
from recordings import rendering, storage
from recordings.audio import health, peaks
from recordings.audio.health import Finding, Kind, Span, TrackScan
from recordings.audio.pcm import RATE
from recordings.audio.peaks import TrackPeaks
from recordings.models import AudioFile, Chunk, Recording, Track
from recordings.states import EndReason, State

STEP = 8 * RATE
"""Frames read at a time: whole windows of the health and whole points of the peaks."""
FRAMES_PER_MS = RATE // 1000


def read_track(recording: Recording, track: Track, *, frames: int) -> Iterator[bytes]:
    """The track's first `frames` frames as PCM in blocks of STEP frames; silence where nothing reached us."""
    timeline = rendering.timeline_of(recording, 0, frames, track=track)
    for first in range(0, frames, STEP):
        yield timeline.render(first, min(first + STEP, frames), read=storage.read)


class Survey:
    """One look at an ended recording in its present generation."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._frames = recording.frames or 0
        self._tracks = list(Track.objects.filter(recording=recording))
        self._heard: dict[UUID, tuple[TrackScan, TrackPeaks]] = {}

    def listen(self, track: Track, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The blocks of `read_track`, passed on; once the last was taken the track is known."""
        scan, outline = TrackScan(), TrackPeaks(self._frames)
        for block in blocks:
            samples = np.frombuffer(block, dtype="<i2")
            scan.feed(samples)
            outline.feed(samples)
            yield block
        self._heard[track.pk] = scan, outline

    def complete(self) -> None:
        """Listen to the tracks that were not heard on the way, since their files stood already."""
        for track in self._tracks:
            if track.pk not in self._heard:
                for _ in self.listen(track, read_track(self._recording, track, frames=self._frames)):
                    pass

    def findings(self) -> list[Finding]:
        """What is wrong with it; [] where nothing is. Every track has been heard."""
        return health.findings(
            [self._heard[track.pk][0] for track in self._tracks],
            gaps=[health.holes(_covered(self._recording, track)) for track in self._tracks],
            frames=self._frames,
            expected_ms=_expected_ms(self._recording),
        )

    def peaks(self) -> Iterator[bytes]:
        """The peaks file, its tracks in the order of their positions. Every track has been heard."""
        return peaks.packed([self._heard[track.pk][1] for track in self._tracks], frames=self._frames)


def _covered(recording: Recording, track: Track) -> list[Span]:
    """Where sound of the track reached us. Of what an older file holds in place of its chunks, the gaps are those that
    were found when it was made."""
    chunks = Chunk.objects.filter(track=track, generation__lte=recording.generation)
    spans = [(start, start + frames) for start, frames in chunks.values_list("start_frame", "frames")]
    older = AudioFile.objects.filter(track=track, generation__lt=recording.generation).order_by("-generation").first()
    if older is None:
        return spans
    reached = 0
    for first, last in _known_gaps(recording, track):
        spans.append((reached, first))
        reached = last
    return [*spans, (reached, older.frames)]


def _known_gaps(recording: Recording, track: Track) -> list[Span]:
    gaps = [each for each in recording.health or [] if each["kind"] == Kind.GAP and each["track"] == track.position]
    return sorted((gap["at_ms"] * FRAMES_PER_MS, (gap["at_ms"] + gap["ms"]) * FRAMES_PER_MS) for gap in gaps)


def _expected_ms(recording: Recording) -> int | None:
    """What the recording should cover: from when it was asked for until it was stopped.

    Where its sockets ended before that, they ended the call; where the capture was lost, the call went on to its end.
    """
    stopped = recording.transitions.filter(to_state=State.STOPPING).aggregate(at=Max("at"))["at"]
    if stopped is None:
        return None
    if recording.end_reason == EndReason.CAPTURE_LOST:
        until = max(stopped, _hung_up(recording) or stopped)
    else:
        closed = recording.streams.aggregate(at=Max("closed_at"))["at"]
        until = min(stopped, closed or stopped)
    return max(0, int((until - recording.tm_create).total_seconds() * 1000))


def _hung_up(recording: Recording) -> datetime | None:
    return Call.objects.filter(uuid=recording.reference_id).values_list("tm_hangup", flat=True).first()

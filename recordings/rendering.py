"""The full-call WAV of a recording, rendered from whatever pieces stand in storage.

Any byte range can be had at any time: while the call runs, after it, and across the moment at which assembly swaps
chunks for files.
"""

from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID

from django.db.models import F

from recordings import storage
from recordings.audio import wav
from recordings.audio.pcm import BYTES_PER_FRAME
from recordings.audio.timeline import Piece, Timeline, render_wav
from recordings.errors import ObjectMissing
from recordings.models import AudioFile, Chunk, Recording, Track

Plan = Callable[[int, int], Timeline]
"""The pieces that stand on frames [first, last) now."""
REPLANS = 3
"""How often one stretch may find its piece gone before that is an error rather than an assembly in between."""


def read_wav(recording: Recording, first: int, last: int, *, frames: int | None, header: bytes) -> Iterator[bytes]:
    """Bytes [first, last) of `header` and the mixed PCM, in blocks of at most 128 KiB; `frames` is None while it runs.

    Where a piece has gone since it was planned (assembly dropped it, its file took over) the rest is planned anew at
    the same byte, so no download breaks. Raises StorageError where a piece cannot be had at all.
    """
    return read_planned(partial(timeline_of, recording), first, last, frames=frames, header=header)


def read_planned(plan: Plan, first: int, last: int, *, frames: int | None, header: bytes) -> Iterator[bytes]:
    """As `read_wav`, of whatever `plan` gives the pieces of: it is asked for frames [first, last), and once more from
    where a piece was gone."""
    position, attempts = first, 0
    while position < last:
        timeline = plan(max(position - len(header), 0) // BYTES_PER_FRAME, last // BYTES_PER_FRAME)
        try:
            for block in render_wav(timeline, position, last, frames=frames, header=header, read=storage.read):
                yield block
                position += len(block)
                attempts = 0
        except ObjectMissing:
            attempts += 1
            if attempts > REPLANS:
                raise


def whole(recording: Recording, frames: int) -> Iterator[bytes]:
    """The complete WAV of a recording whose every frame is stored, though it may not have ended yet."""
    return read_wav(recording, 0, wav.size_of(frames), frames=frames, header=wav.header(frames))


def mixed_key(recording: Recording) -> str:
    """The storage key of the mixed full-call WAV."""
    name = "recording.wav" if recording.generation == 1 else f"recording-{recording.generation}.wav"
    return storage.file_key(workspace=recording.workspace_id, recording=recording.pk, name=name)


def timeline_of(recording: Recording, first: int, last: int, *, track: Track | None = None) -> Timeline:
    """The pieces that stand on frames [first, last), per track: assembled files where they are of this generation,
    chunks otherwise, with an older file filling what chunks leave free."""
    newest: dict[UUID | None, AudioFile] = {}
    for file in AudioFile.objects.filter(recording=recording).exclude(track=None).order_by("generation"):
        if file.generation <= recording.generation or file.track_id not in newest:
            newest[file.track_id] = file  # a download that began before an amendment ends without it
    tracks = [track.id] if track else Track.objects.filter(recording=recording).values_list("id", flat=True)
    return Timeline(tuple(tuple(_pieces(track, newest.get(track), recording, first, last)) for track in tracks))


def _pieces(track: UUID, file: AudioFile | None, recording: Recording, first: int, last: int) -> Iterator[Piece]:
    if file is None or file.generation != recording.generation:
        chunks = Chunk.objects.filter(track=track, start_frame__lt=last, start_frame__gt=first - F("frames"))
        heard = chunks.filter(generation__lte=recording.generation)
        for key, start, frames in heard.order_by("id").values_list("key", "start_frame", "frames"):
            yield Piece(key, 0, start, frames)
    if file is not None:
        yield Piece(file.key, wav.header_bytes(file.frames), 0, file.frames)

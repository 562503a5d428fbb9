"""From chunks to files, as steps that may be killed anywhere and run again:

1. finish    every socket is closed and all it received is stored → the recording ends
2. assemble  one WAV per track is put, verified and rowed; from then on readers use it. In the same pass the tracks are
             listened to: what is wrong with them is noted on the recording, and the outline to draw is put beside them
3. drop      an hour later the chunks go that the file holds: first the object, then its row

A reader that planned with a chunk that has gone plans anew (`recordings.rendering`), so no download breaks.
"""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import chain
from uuid import UUID

from django.conf import settings
from django.db.models import F, Max

from recordings import lifecycle, rendering, storage
from recordings.audio import peaks, wav
from recordings.audio.pcm import BYTES_PER_FRAME
from recordings.errors import ObjectConflict
from recordings.models import AudioFile, Chunk, Recording, Track
from recordings.states import State
from recordings.survey import Survey, read_track
from workspaces.audit import Actor
from workspaces.clock import now

ACTOR = Actor.named("assembly")
KEEP_CHUNKS = timedelta(hours=1)
"""Chunks outlive their file this long: a download that planned with them is most likely done by then."""
PEAKS = "peaks"
"""The rendition that is an outline to draw (`recordings.audio.peaks`)."""


def finish(recording_id: UUID) -> bool:
    """stopping → ended where all that was received is stored, or where its node has been gone for too long.

    With RECORDING_BASE_URL the mixed WAV is put first: `ended` means that its URL can be fetched.
    """
    recording = Recording.objects.get(pk=recording_id)
    if recording.status != State.STOPPING:
        return False
    unfinished = list(recording.streams.unfinished().select_related("node"))
    if not unfinished:
        if settings.RECORDING_BASE_URL:
            put_mixed(recording)
        return lifecycle.end(recording_id, actor=ACTOR)
    gone = now() - timedelta(seconds=settings.CAPTURE_LOST_AFTER)
    if all(stream.node.heartbeat_at < gone for stream in unfinished):
        if settings.RECORDING_BASE_URL:
            put_mixed(recording)
        return lifecycle.end_lost(recording_id, actor=ACTOR)
    Recording.objects.filter(pk=recording_id, status=State.STOPPING).update(due_at=now() + lifecycle.LOOK_AGAIN)
    return False


def assemble(recording_id: UUID) -> None:
    """Make what an ended recording lacks: its tracks' files, its health and its peaks, and once they are old enough,
    no more chunks."""
    recording = Recording.objects.select_related("workspace").get(pk=recording_id)
    if recording.status != State.ENDED:
        return
    _drop_old_chunks(recording)
    survey = Survey(recording)
    made = [_track_file(recording, track, survey) for track in Track.objects.filter(recording=recording)]
    if made and not _file(recording, PEAKS):
        _conclude(recording, survey)
    if settings.RECORDING_BASE_URL and not _file(recording, "wav"):  # amended, or ended before the setting was made
        put_mixed(recording)
    droppable = max((file.tm_create for file in made), default=now()) + KEEP_CHUNKS
    due = droppable if made and droppable > now() else None
    Recording.objects.filter(pk=recording_id, generation=recording.generation).update(due_at=due)


def put_mixed(recording: Recording) -> AudioFile:
    """The full-call WAV as one object, all tracks mixed."""
    try:
        return _put_mixed(recording)
    except ObjectConflict:
        if recording.status == State.ENDED:
            raise
        # Put before its node came back with more, and killed before the end: nobody has been told of it.
        AudioFile.objects.filter(recording=recording, rendition="wav", generation=recording.generation).delete()
        storage.delete(rendering.mixed_key(recording))
        return _put_mixed(recording)


def _put_mixed(recording: Recording) -> AudioFile:
    frames, key = recording.streams.reach(), rendering.mixed_key(recording)
    return _put(recording, None, "wav", key=key, frames=frames, blocks=rendering.whole(recording, frames))


def _file(recording: Recording, rendition: str) -> AudioFile | None:
    """The file of this generation."""
    return AudioFile.objects.filter(recording=recording, rendition=rendition, generation=recording.generation).first()


def _track_file(recording: Recording, track: Track, survey: Survey) -> AudioFile:
    rendition = f"track-{track.position}"
    if made := _file(recording, rendition):
        return made
    frames = _track_frames(recording, track)
    key = _key(recording, f"{rendition}-{recording.generation}.wav")
    blocks = chain([wav.header(frames)], survey.listen(track, read_track(recording, track, frames=frames)))
    return _put(recording, track, rendition, key=key, frames=frames, blocks=blocks)


def _conclude(recording: Recording, survey: Survey) -> None:
    """Note the health, then put the peaks: where their row stands, both are done."""
    survey.complete()
    current = Recording.objects.filter(pk=recording.pk, generation=recording.generation)
    if not current.update(health=survey.findings()):
        return  # amended meanwhile: the next run looks at the whole
    key, frames = _key(recording, f"peaks-{recording.generation}.bin"), recording.frames or 0

    def put() -> None:
        _put(recording, None, PEAKS, key=key, frames=frames, blocks=survey.peaks(), content_type=peaks.CONTENT_TYPE)

    try:
        put()
    except ObjectConflict:  # an earlier version of this code was killed before it wrote the row: nobody knows of it
        storage.delete(key)
        put()


def _key(recording: Recording, name: str) -> str:
    return storage.file_key(workspace=recording.workspace_id, recording=recording.pk, name=name)


def _track_frames(recording: Recording, track: Track) -> int:
    heard = Chunk.objects.filter(track=track, generation__lte=recording.generation)
    chunks = heard.aggregate(end=Max(F("start_frame") + F("frames")))["end"]
    files = AudioFile.objects.filter(track=track).aggregate(end=Max("frames"))["end"]
    return max(chunks or 0, files or 0)


def _put(
    recording: Recording,
    track: Track | None,
    rendition: str,
    *,
    key: str,
    frames: int,
    blocks: Iterator[bytes],
    content_type: str = wav.CONTENT_TYPE,
) -> AudioFile:
    kept = storage.put_blocks(key, blocks)
    file, _ = AudioFile.objects.get_or_create(
        recording=recording,
        rendition=rendition,
        generation=recording.generation,
        defaults={
            "track": track,
            "key": kept.key,
            "content_type": content_type,
            "size": kept.size,
            "frames": frames,
            "sha256": kept.sha256,
        },
    )
    return file


def _drop_old_chunks(recording: Recording) -> None:
    old = AudioFile.objects.filter(recording=recording, tm_create__lte=now() - KEEP_CHUNKS).exclude(track=None)
    for file in old.order_by("generation"):
        for chunk in list(Chunk.objects.filter(track=file.track)):
            if _holds(file, chunk):
                storage.delete(chunk.key)  # the object first: killed in between, the row still says what is left
                chunk.delete()


def _holds(file: AudioFile, chunk: Chunk) -> bool:
    """Audio that came after the file was made is not in it, and stays."""
    place = wav.header_bytes(file.frames) + chunk.start_frame * BYTES_PER_FRAME
    return sha256(storage.read(file.key, place, chunk.frames * BYTES_PER_FRAME)).hexdigest() == chunk.sha256

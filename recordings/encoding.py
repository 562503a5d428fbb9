"""The MP3 of an ended recording: streamed while it is encoded the first time, an object in storage from then on.

Whoever asks first need not wait for a file. What goes out is copied aside, and put once it is whole; of many who ask
at the same time each is served at once, and one object is left, since the same audio makes the same bytes. An MP3 that
nobody read to its end leaves nothing.
"""

import logging
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import file_digest
from typing import IO
from uuid import UUID
from weakref import WeakValueDictionary

from django.conf import settings

from recordings import rendering, storage
from recordings.audio import mp3, wav
from recordings.models import AudioFile, Recording

logger = logging.getLogger(__name__)

RENDITION = "mp3"
MEMORY_BYTES = 1 << 20
"""A copy that is longer than this (over four minutes) is kept on disk until it is put."""

_guard = threading.Lock()
_locks: WeakValueDictionary[UUID, threading.Lock] = WeakValueDictionary()


def stored(recording: Recording) -> AudioFile | None:
    """The MP3 of the recording's present generation, where it has been made."""
    return AudioFile.objects.filter(recording=recording, rendition=RENDITION, generation=recording.generation).first()


def made(recording: Recording) -> AudioFile:
    """The MP3's file, made now where there is none: for who needs its length, or a part of it.

    Of several in one process one encodes and the others wait. Raises EncodingFailed and StorageError.
    """
    with _lock_of(recording.pk):
        if file := stored(recording):
            return file
        with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES) as copy:
            for block in _encoded(recording):
                copy.write(block)
            return _put(recording, copy)


def streamed(recording: Recording) -> Iterator[bytes]:
    """The MP3 as it is encoded, its first bytes after a few seconds of audio; put into storage after its last.

    Raises EncodingFailed and StorageError while iterating. That it could not be kept is logged and breaks no download:
    it is made again when it is asked for again.
    """
    with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES) as copy:
        for block in _encoded(recording):
            yield block
            copy.write(block)
        try:
            if stored(recording) is None:
                _put(recording, copy)
        except Exception:
            logger.exception("the MP3 of recording %s was sent and could not be kept", recording.pk)


def _encoded(recording: Recording) -> Iterator[bytes]:
    frames = recording.frames or 0
    header = wav.header(frames)
    pcm = rendering.read_wav(recording, len(header), wav.size_of(frames), frames=frames, header=header)
    return mp3.encoded(pcm, rate=settings.MP3_SAMPLE_RATE)


def _put(recording: Recording, copy: IO[bytes]) -> AudioFile:
    """The hash in the key makes a second put of the same bytes a success, and of others (another sample rate, another
    encoder) no conflict; who comes second with those takes them back."""
    copy.seek(0)
    sha256 = file_digest(copy, "sha256").hexdigest()  # type: ignore[arg-type]  # it reads as a file does, and says so nowhere
    copy.seek(0)
    name = f"recording-{recording.generation}-{sha256[:16]}.mp3"
    key = storage.file_key(workspace=recording.workspace_id, recording=recording.pk, name=name)
    kept = storage.put_blocks(key, iter(partial(copy.read, storage.BLOCK_BYTES), b""))
    file, _ = AudioFile.objects.get_or_create(
        recording=recording,
        rendition=RENDITION,
        generation=recording.generation,
        defaults={
            "key": kept.key,
            "content_type": mp3.CONTENT_TYPE,
            "size": kept.size,
            "frames": recording.frames or 0,
            "sha256": kept.sha256,
        },
    )
    if file.key != key:
        storage.delete(key)
    return file


def _lock_of(recording_id: UUID) -> threading.Lock:
    with _guard:
        return _locks.setdefault(recording_id, threading.Lock())

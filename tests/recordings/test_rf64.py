"""A recording of more than 4 GiB: 74 hours of one track. Nothing here is that large; only its clock is."""

import struct

import pytest

from recordings import assembly, playback, ranges, storage
from recordings.audio import wav
from recordings.audio.timeline import Piece, Timeline, render_wav
from recordings.models import AudioFile, Chunk, Stream, Track
from recordings.storage import FileStore
from tests.builders import finish, open_stream, start, store, tone
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

LONGEST = (0xFFFFFFFF - 1 - 36) // 2
"""Frames of the longest file with a header of 44 bytes."""
HEARD = 1000


@pytest.fixture
def files(settings, tmp_path, monkeypatch):
    """A store whose objects are files here, so that a sparse one can be laid among them."""
    kept = FileStore(tmp_path)
    monkeypatch.setattr(storage, "store", lambda: kept)
    return tmp_path


def ended(call, frames, said):
    """An ended recording of so many frames, of which only the last are not silent."""
    recording = start(call)
    stream = open_stream(recording)
    Stream.objects.filter(pk=stream.pk).update(start_frame=frames - len(said) // 2)
    stream.refresh_from_db()
    store(stream, said)
    return finish(recording)


def assembled(recording, root):
    """Its track's file, sparse: the header, a hole, and what was said."""
    track, chunk = Track.objects.get(), Chunk.objects.get()
    file = AudioFile.objects.create(
        recording=recording,
        track=track,
        rendition="track-0",
        generation=1,
        key=storage.file_key(workspace=recording.workspace_id, recording=recording.pk, name="track-0-1.wav"),
        size=wav.size_of(recording.frames),
        frames=recording.frames,
        sha256="0" * 64,
    )
    with (root / file.key).open("wb") as sparse:
        sparse.write(wav.header(recording.frames))
        sparse.seek(wav.size_of(recording.frames) - 2 * chunk.frames)
        sparse.write(storage.read(chunk.key, 0, 2 * chunk.frames))
    return file


@pytest.mark.parametrize(("frames", "header"), [(LONGEST, 44), (LONGEST + 1, 80), (3 * LONGEST, 80)])
def test_its_ends_are_served_whatever_they_are_made_of(call, files, frames, header):
    said = tone(HEARD)
    recording = ended(call, frames, said)
    for step in ("chunks", "file"):
        if step == "file":
            assembled(recording, files)
        audio = playback.open_audio(recording)
        size = header + 2 * frames
        assert (audio.size, audio.available, len(audio.header)) == (size, size, header)
        assert b"".join(audio.read(0, header + 10)) == wav.header(frames) + bytes(10)
        assert b"".join(audio.read(header - 1, header + 1)) == wav.header(frames)[-1:] + b"\0"
        assert b"".join(audio.read(size - 2 * HEARD - 3, size)) == b"\0\0\0" + said
        assert b"".join(audio.read(size - 5, size)) == said[-5:]


def test_its_header_says_its_true_length(call, files):
    recording = ended(call, LONGEST + 1, tone(HEARD))
    head = b"".join(playback.open_audio(recording).read(0, 80))
    assert head[:4] + head[8:16] == b"RF64WAVEds64"
    riff, data, frames = struct.unpack("<QQQ", head[20:44])
    assert (riff + 8, data, frames) == (wav.size_of(LONGEST + 1), 2 * (LONGEST + 1), LONGEST + 1)


def test_a_request_for_its_end_is_a_part_of_the_whole(call, files):
    said = tone(HEARD)
    audio = playback.open_audio(ended(call, LONGEST + 1, said))
    size = 80 + 2 * (LONGEST + 1)
    told = []
    reply = ranges.answer(audio, method="GET", headers={"Range": "bytes=-2000"}, before_body=lambda: told.append(1))
    assert (reply.status_code, b"".join(reply.streaming_content)) == (206, said)
    assert reply["Content-Range"] == f"bytes {size - 2000}-{size - 1}/{size}"
    assert told == [1]
    head = ranges.answer(audio, method="HEAD", headers={}, before_body=lambda: None)
    assert head["Content-Length"] == str(size)


def test_the_first_block_of_audio_is_read_before_the_reply_begins(call, files):
    """The header alone proves nothing about the store, be it 44 bytes long or 80."""
    audio = playback.open_audio(ended(call, LONGEST + 1, tone(HEARD)))
    taken = []

    class Counted(playback.Audio):
        def read(self, first, last):
            for block in super().read(first, last):
                taken.append(len(block))
                yield block

    blocks = ranges.primed(Counted(audio.recording, frames=audio.frames, complete=True), 0, 300_000)
    assert taken == [80, 131_072]
    assert sum(map(len, blocks)) == 300_000


def test_chunks_go_once_the_long_file_holds_them(call, files):
    recording = ended(call, LONGEST + 1, tone(HEARD))
    file = assembled(recording, files)
    AudioFile.objects.update(tm_create=now() - assembly.KEEP_CHUNKS)
    assembly.assemble(recording.id)
    assert not Chunk.objects.exists()
    audio = playback.open_audio(recording)
    assert b"".join(audio.read(file.size - 2 * HEARD, file.size)) == tone(HEARD)


def test_a_timeline_renders_behind_either_header():
    """The audio begins where the header ends; no byte beyond the file can be asked for."""
    frames = LONGEST + 1
    said = tone(10)
    timeline = Timeline(((Piece("k", 0, frames - 10, 10),),))
    header, size = wav.header(frames), wav.size_of(frames)

    def read(key, offset, length):
        return said[offset : offset + length]

    tail = render_wav(timeline, size - 20, size, frames=frames, header=header, read=read)
    assert b"".join(tail) == said
    with pytest.raises(ValueError, match="are no range"):
        render_wav(timeline, 0, size + 1, frames=frames, header=header, read=read)

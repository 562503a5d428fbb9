"""MP3 files: streamed and kept, made for who needs them, one object whatever happens, and no error lost."""

import logging

import numpy as np
import pytest

from recordings import encoding, storage
from recordings.audio import mp3
from recordings.audio.mp3 import EncodingFailed, Mp3Encoder
from recordings.errors import StorageError
from recordings.models import AudioFile
from tests.builders import ended_recording
from tests.recordings.audio.mp3s import frames
from tests.workspaces.crowd import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def glide(frames_in):
    t = np.arange(frames_in) / 8000
    return (8000 * np.sin(2 * np.pi * (300 + 20 * t) * t)).astype("<i2").tobytes()


@pytest.fixture
def recording(call):
    return ended_recording(call, glide(150_000))


def objects(recording, settings):
    folder = settings.STORAGE_ROOT / "w" / str(recording.workspace_id) / "r" / str(recording.id)
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_what_is_streamed_is_what_is_kept(recording, settings):
    blocks = encoding.streamed(recording)
    first = next(blocks)
    assert encoding.stored(recording) is None
    sent = first + b"".join(blocks)
    file = encoding.stored(recording)
    assert storage.read(file.key, 0, file.size) == sent
    assert file.key.rpartition("/")[2] == f"recording-1-{file.sha256[:16]}.mp3"
    assert objects(recording, settings) == [file.key.rpartition("/")[2]]


def test_made_once_and_found_from_then_on(recording, monkeypatch):
    file = encoding.made(recording)
    assert frames(storage.read(file.key, 0, file.size))
    monkeypatch.setattr(storage, "put_blocks", lambda *_: pytest.fail("it was put again"))
    assert encoding.made(recording) == file
    assert b"".join(encoding.streamed(recording)) == storage.read(file.key, 0, file.size)
    assert encoding.stored(recording) == file


def test_killed_between_object_and_row_it_goes_on(recording, settings):
    file = encoding.made(recording)
    file.delete()
    again = encoding.made(recording)
    assert again.key == file.key
    assert objects(recording, settings) == [file.key.rpartition("/")[2]]


def test_who_comes_second_with_other_bytes_takes_them_back(recording, settings, monkeypatch):
    """Two processes with different settings: the row of the first stands, and no object without a row is left."""
    real = storage.put_blocks
    rival = []

    def put_blocks(key, blocks):
        kept = real(key, blocks)
        if not rival:
            rival.append(key)
            settings.MP3_SAMPLE_RATE = 16_000
            rival.append(encoding.made(call_again))
        return kept

    call_again = type(recording).objects.get(pk=recording.pk)
    monkeypatch.setattr(storage, "put_blocks", put_blocks)
    sent = b"".join(encoding.streamed(recording))
    frames(sent)
    file = encoding.stored(recording)
    assert file == rival[1]
    assert file.key != rival[0]
    assert objects(recording, settings) == [file.key.rpartition("/")[2]]


def test_a_store_that_refuses_breaks_no_download_and_is_told(recording, monkeypatch, caplog):
    def put_blocks(key, blocks):
        raise StorageError("disk full")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(storage, "put_blocks", put_blocks)
        sent = b"".join(encoding.streamed(recording))
    assert frames(sent)
    assert "was sent and could not be kept" in caplog.text
    assert "disk full" in caplog.text
    assert encoding.stored(recording) is None
    assert b"".join(encoding.streamed(recording)) == sent
    assert encoding.stored(recording)


def test_an_encoder_that_fails_half_way_ends_the_download_and_keeps_nothing(recording, monkeypatch):
    real, calls = Mp3Encoder.encode, []

    def encode(self, pcm):
        calls.append(len(pcm))
        if len(calls) == 2:
            raise EncodingFailed("the audio could not be encoded")
        return real(self, pcm)

    monkeypatch.setattr(Mp3Encoder, "encode", encode)
    blocks = encoding.streamed(recording)
    assert next(blocks)
    with pytest.raises(EncodingFailed):
        b"".join(blocks)
    assert not AudioFile.objects.exists()


def test_made_frees_its_place_when_it_fails(recording, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Mp3Encoder, "encode", lambda *_: (_ for _ in ()).throw(EncodingFailed("no")))
        with pytest.raises(EncodingFailed):
            encoding.made(recording)
    assert encoding.made(recording).frames == 150_000
    assert recording.id not in encoding._locks


@pytest.mark.django_db(transaction=True)
def test_of_many_who_need_the_file_one_encodes(recording, monkeypatch):
    encoders = []

    class Counted(Mp3Encoder):
        def __init__(self, **rate):
            encoders.append(rate)
            super().__init__(**rate)

    monkeypatch.setattr(mp3, "Mp3Encoder", Counted)
    files = at_once(8, lambda _: encoding.made(type(recording).objects.get(pk=recording.pk)).pk)
    assert len(set(files)) == 1
    assert encoders == [{"rate": 8000}]

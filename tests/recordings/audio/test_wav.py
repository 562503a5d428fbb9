"""Headers as other programs read them, and files that are not what they say."""

import io
import struct
import wave
from pathlib import Path

import pytest

from recordings.audio import wav
from recordings.audio.wav import WavError, WavSource

DEMO = Path(wav.__file__).parents[1] / "demo" / "agent.wav"


def write(path, *, frames=100, rate=8000, channels=1, width=2):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(n % 251 for n in range(frames * channels * width)))
    return path


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 2), (44100, 6)])
def test_the_standard_library_reads_our_header_as_its_own(rate, channels):
    body = bytes(24 * channels)
    made = wav.header(12, rate=rate, channels=channels) + body
    own = io.BytesIO()
    with wave.open(own, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", "not compressed"))
        file.writeframes(body)
    assert made == own.getvalue()
    assert wav.size_of(12, channels=channels) == len(made)


def test_a_recording_without_audio_is_a_valid_file_of_no_frames():
    with wave.open(io.BytesIO(wav.header(0))) as file:
        assert file.getnframes() == 0
    assert wav.size_of(0) == wav.HEADER_BYTES == len(wav.header(0)) == 44


def test_the_header_of_a_running_recording_leaves_both_sizes_open():
    running, ended = wav.header(None), wav.header(8000)
    assert len(running) == 44
    assert running[4:8] == running[40:44] == b"\xff\xff\xff\xff"
    assert (running[:4], running[8:40]) == (ended[:4], ended[8:40])


LONGEST = (0xFFFFFFFF - 36) // 2
"""Frames of the longest file whose sizes have room in 32 bits, short of the value that means none is known."""


def test_the_longest_riff_has_its_sizes_in_32_bits():
    made = wav.header(LONGEST)
    assert (made[:4], len(made)) == (b"RIFF", 44)
    assert struct.unpack("<I", made[4:8])[0] == LONGEST * 2 + 36 < 0xFFFFFFFF
    assert struct.unpack("<I", made[40:44])[0] == LONGEST * 2
    assert wav.size_of(LONGEST) == LONGEST * 2 + 44


@pytest.mark.parametrize(("frames", "channels"), [(LONGEST + 1, 1), (LONGEST // 2 + 1, 2), (10**12, 1)])
def test_one_frame_more_is_rf64(frames, channels):
    """EBU Tech 3306: both 32-bit sizes are 0xFFFFFFFF, and ds64 has the true ones, the frames, and no table."""
    made = wav.header(frames, channels=channels)
    data = frames * channels * 2
    assert len(made) == wav.header_bytes(frames, channels=channels) == 80
    assert made[:20] == b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28)
    assert struct.unpack("<QQQI", made[20:48]) == (data + 72, data, frames, 0)
    assert made[48:76] == wav.header(5, channels=channels)[12:40]
    assert made[76:] == b"\xff\xff\xff\xff"
    assert wav.size_of(frames, channels=channels) == data + 80


def test_a_running_recording_keeps_its_short_header():
    assert wav.header_bytes(None) == len(wav.header(None)) == 44


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match="-1 frames"):
        wav.header(-1)


def test_a_source_gives_any_stretch_of_its_file():
    whole = DEMO.read_bytes()
    with WavSource.open(DEMO) as source:
        assert (source.rate, source.channels, source.frames) == (8000, 1, 320_000)
        assert source.read(1000, 160) == whole[44 + 2000 : 44 + 2320]
        assert source.read(0, 3) == whole[44:50]
        assert source.read(319_990, 160) == whole[-20:]
        assert source.read(320_000, 160) == source.read(400_000, 1) == source.read(5, 0) == b""


def test_a_stereo_source_counts_frames_not_samples(tmp_path):
    path = write(tmp_path / "stereo.wav", frames=10, rate=16000, channels=2)
    with WavSource.open(str(path)) as source:
        assert (source.rate, source.channels, source.frames) == (16000, 2, 10)
        assert source.read(2, 3) == path.read_bytes()[44 + 8 : 44 + 20]


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, -1)])
def test_a_stretch_that_cannot_be_is_refused(first, count):
    with WavSource.open(DEMO) as source, pytest.raises(ValueError, match="cannot be read"):
        source.read(first, count)


def test_an_empty_wav_is_a_source_of_no_frames(tmp_path):
    with WavSource.open(write(tmp_path / "empty.wav", frames=0)) as source:
        assert source.frames == 0
        assert source.read(0, 10) == b""


@pytest.mark.parametrize("width", [1, 3, 4])
def test_other_widths_are_refused_by_name(tmp_path, width):
    path = write(tmp_path / "wide.wav", width=width)
    with pytest.raises(WavError, match=f"wide.wav holds {width * 8}-bit samples"):
        WavSource.open(path)


def test_a_companded_wav_is_refused(tmp_path):
    path = tmp_path / "ulaw.wav"
    path.write_bytes(wav.header(4)[:20] + b"\x07\x00" + wav.header(4)[22:] + bytes(8))
    with pytest.raises(WavError, match=r"ulaw.wav is not a PCM WAV file: unknown format: 7"):
        WavSource.open(path)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"ID3\x04" + bytes(60), wav.header(0)[:30], b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_wav_is_refused(tmp_path, data):
    path = tmp_path / "other.wav"
    path.write_bytes(data)
    with pytest.raises(WavError, match=r"other\.wav is not a PCM WAV file: ."):
        WavSource.open(path)


def test_a_wav_without_a_rate_is_refused(tmp_path):
    path = tmp_path / "still.wav"
    path.write_bytes(wav.header(4, rate=0) + bytes(8))
    with pytest.raises(WavError, match="no sample rate"):
        WavSource.open(path)


@pytest.mark.parametrize("missing", [1, 2, 100])
def test_a_truncated_file_is_refused_when_opened(tmp_path, missing):
    path = write(tmp_path / "cut.wav", frames=100)
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(WavError, match=r"cut\.wav is truncated: its header promises 100 frames"):
        WavSource.open(path)


def test_the_open_header_of_a_running_recording_is_not_taken_for_a_length(tmp_path):
    path = tmp_path / "running.wav"
    path.write_bytes(wav.header(None) + bytes(100))
    with pytest.raises(WavError, match="truncated"):
        WavSource.open(path)


def test_a_file_that_shrinks_while_open_is_noticed(tmp_path):
    path = write(tmp_path / "shrinks.wav", frames=50_000)
    with WavSource.open(path) as source:
        with path.open("r+b") as file:
            file.truncate(1000)
        with pytest.raises(WavError, match="truncated"):
            source.read(10_000, 20_000)


def test_an_absent_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        WavSource.open(tmp_path / "absent.wav")


def test_closing_twice_is_harmless():
    source = WavSource.open(DEMO)
    source.close()
    source.close()
    with pytest.raises(ValueError, match="closed"):
        source.read(0, 1)

"""MP3: whole frames, the same sound, the same bytes however it came in pieces, and nothing kept back."""

from pathlib import Path

import numpy as np
import pytest

from recordings.audio import mp3
from recordings.audio.wav import WavSource
from tests.recordings.audio.mp3s import FRAME_BYTES, decoded, frames, likeness

DEMO = Path(__file__).parents[3] / "recordings" / "demo"


@pytest.fixture(scope="module")
def speech():
    """Ten seconds of a real voice."""
    with WavSource.open(DEMO / "agent.wav") as source:
        return source.read(0, 80_000)


def in_pieces(pcm, size):
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def encode(pcm, *, piece=131_072, rate=8000):
    return b"".join(mp3.encoded(in_pieces(pcm, piece), rate=rate))


@pytest.mark.parametrize("rate", mp3.RATES)
def test_it_is_frames_of_32_kbit_mono_and_lasts_as_long_as_the_sound(speech, rate):
    made = encode(speech, rate=rate)
    samples = 576
    most = -(-80_000 * (rate // 8000) // samples) + 3
    assert most - 2 <= frames(made, rate=rate) <= most
    sound, heard = decoded(made)
    assert heard == rate
    assert sound.ndim == 1


def test_the_voice_is_the_voice(speech):
    sound, _ = decoded(encode(speech))
    assert likeness(sound, speech) > 0.99
    assert likeness(sound, speech[::-1]) < 0.5


def test_at_16_khz_too_and_there_is_nothing_above_4_khz(speech):
    sound, _ = decoded(encode(speech, rate=16_000))
    wanted = np.frombuffer(speech, dtype="<i2") / 32768
    even = [float(np.corrcoef(sound[d : d + 160_000 : 2][:79_000], wanted[:79_000])[0, 1]) for d in range(1000, 1300)]
    assert max(even) > 0.99
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    assert spectrum[spectrum.size * 5 // 8 :].sum() < spectrum.sum() * 1e-3


@pytest.mark.parametrize("rate", mp3.RATES)
@pytest.mark.parametrize("piece", [2, 334, 16_000, 160_000])
def test_the_same_bytes_however_it_is_cut(speech, rate, piece):
    pcm = speech[:8000] if piece == 2 else speech
    assert encode(pcm, piece=piece, rate=rate) == encode(pcm, piece=len(pcm), rate=rate)


@pytest.mark.parametrize("rate", mp3.RATES)
def test_the_first_bytes_come_with_the_first_second_and_no_block_is_empty(speech, rate):
    taken = []

    def blocks():
        for piece in in_pieces(speech, 16_000):
            taken.append(piece)
            yield piece

    made = mp3.encoded(blocks(), rate=rate)
    assert next(made)
    assert len(taken) == 1
    assert all(made)


@pytest.mark.parametrize("rate", mp3.RATES)
@pytest.mark.parametrize("frames_in", [1, 575, 576, 577, 4000])
def test_the_shortest_sounds_are_whole_files(rate, frames_in):
    made = encode(b"\1\2" * frames_in, rate=rate)
    assert frames(made, rate=rate) >= 2
    assert decoded(made)[0].size >= frames_in * rate // 8000
    assert len(made) % FRAME_BYTES[rate] == 0


@pytest.mark.parametrize("rate", mp3.RATES)
def test_no_sound_is_no_bytes(rate):
    assert list(mp3.encoded([], rate=rate)) == []
    assert list(mp3.encoded([b"", b""], rate=rate)) == []


def test_full_scale_does_not_wrap_at_16_khz():
    """What overshoots in resampling is clipped: a wrapped sample would be a click of full height."""
    square = np.repeat(np.resize(np.array([32767, -32768], dtype="<i2"), 800), 20).tobytes()
    sound, _ = decoded(encode(square, rate=16_000))
    spectrum = np.abs(np.fft.rfft(sound[4000:20_000])) ** 2
    tone = spectrum.argmax()
    assert tone == pytest.approx(200 * 16_000 / 16_000, abs=3)


@pytest.mark.parametrize("rate", [0, 11_025, 44_100])
def test_other_rates_are_refused_at_the_call(rate):
    with pytest.raises(ValueError, match=f"not at {rate}"):
        mp3.encoded([], rate=rate)


def test_half_a_frame_is_refused():
    with pytest.raises(ValueError, match="buffer size"):
        mp3.Mp3Encoder().encode(b"abc")


class Refusing:
    """An encoder that gives up after some calls."""

    def __init__(self, good):
        self.good = good

    def __getattr__(self, name):
        return lambda *_: None

    def encode(self, pcm):
        if not self.good:
            raise RuntimeError("Error encoding")
        self.good -= 1
        return bytearray(b"x")

    def flush(self):
        raise RuntimeError("Error flushing")


@pytest.mark.parametrize(("good", "words"), [(0, "could not be encoded"), (9, "could not be finished")])
def test_an_encoder_that_refuses_is_an_error_of_its_own(monkeypatch, good, words):
    monkeypatch.setattr(mp3.lameenc, "Encoder", lambda: Refusing(good))
    with pytest.raises(mp3.EncodingFailed, match=words):
        encode(b"\0\0" * 100)

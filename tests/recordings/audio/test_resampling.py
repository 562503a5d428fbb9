"""Pieces of a stream, resampled one by one, against one pass of soxr over the whole signal."""

import wave
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from recordings.audio import resampling
from recordings.audio.pcm import RATE
from recordings.audio.resampling import CONTEXT_MS, input_span, resample, safe_frames

RATES = [11025, 16000, 22050, 24000, 32000, 44100, 48000, 64000]
SECONDS = 6
DEMO = Path(resampling.__file__).parents[1] / "demo" / "customer.wav"


def speech(rate):
    with wave.open(str(DEMO), "rb") as file:
        file.setpos(40_000)
        voice = np.frombuffer(file.readframes(SECONDS * RATE), "<i2")
    return soxr.resample(voice.astype(np.float32), RATE, rate, quality="VHQ")


def noise(rate):
    return np.random.default_rng(5).normal(0, 5000, rate * SECONDS)


def sine(rate):
    return 12_000 * np.sin(2 * np.pi * 440 * np.arange(rate * SECONDS) / rate)


def in_16_bits(signal):
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


def one_pass(samples, rate):
    return soxr.resample(samples.astype(np.float64), rate, RATE, quality="HQ")


def chunked(samples, rate, *, seed, make=resample):
    """What a stream gives that arrives in random bursts and is resampled as soon as it safely can be."""
    bursts = np.random.default_rng(seed)
    made, done, received = [], 0, 0
    while received < samples.size:
        received = min(received + int(bursts.integers(1, rate)), samples.size)
        ready = safe_frames(received, rate=rate, final=received == samples.size)
        if ready > done:
            first, last = input_span(done, ready, rate=rate)
            arrived = samples[first : min(last, received)]
            made.append(make(arrived, rate=rate, first=first, start=done, stop=ready))
            done = ready
    return np.concatenate(made)


def worst_windows(made, expected):
    """The worst 20 ms of made - expected in dB: to the window's own level, and to full scale.

    Windows below 4 steps RMS (-78 dBFS) are left out of the first: there soxr's own 32-bit noise shows.
    """
    frames = made.size // 160 * 160
    error = (made[:frames].astype(np.float64) - expected[:frames]).reshape(-1, 160)
    rms = np.sqrt((error**2).mean(axis=1))
    level = np.sqrt((expected[:frames].reshape(-1, 160) ** 2).mean(axis=1))
    return 20 * np.log10((rms / level)[level > 4].max()), 20 * np.log10(rms.max() / 32768)


@pytest.mark.parametrize("signal", [speech, noise, sine])
@pytest.mark.parametrize("rate", RATES)
def test_pieces_join_into_what_one_pass_makes(rate, signal):
    samples = in_16_bits(signal(rate))
    whole = one_pass(samples, rate)
    # Before the rounding, whose noise would hide a seam; after it, nothing but the rounding is added.
    exact = chunked(samples, rate, seed=rate, make=resampling._resampled)
    to_level, to_full_scale = worst_windows(exact, whole)
    made = chunked(samples, rate, seed=rate)
    beyond = np.abs(made - np.clip(whole[: made.size], -32768, 32767)).max() - 0.5
    print(f"{rate} Hz {signal.__name__}: {to_level:.1f} dB, {to_full_scale:.1f} dBFS, {beyond:.4f} over")
    assert made.dtype == np.int16
    assert made.size == samples.size * RATE // rate
    assert to_level <= -70
    assert to_full_scale <= -120
    assert beyond <= 0.02


@pytest.mark.parametrize("rate", RATES)
def test_an_impulse_stays_where_it_was(rate):
    samples = np.zeros(rate, dtype=np.int16)
    at = rate // 2
    samples[at - at % (rate // 25)] = 30_000  # on a multiple of 40 ms, an output frame at every rate
    expected = (at - at % (rate // 25)) * RATE // rate
    assert int(np.argmax(chunked(samples, rate, seed=1))) == expected


def test_context_that_ends_early_is_heard_and_ours_does_not():
    rate, start, stop = 48_000, 16_000, 24_000
    samples = in_16_bits(noise(rate))
    whole = one_pass(samples, rate)[start:stop]
    bare = resample(samples[96_000:144_000], rate=rate, first=96_000, start=start, stop=stop)
    first, last = input_span(start, stop, rate=rate)
    ours = resample(samples[first:last], rate=rate, first=first, start=start, stop=stop)
    assert worst_windows(bare, whole)[0] > -50
    assert np.abs(ours - whole).max() <= 0.51


def test_loud_input_is_clipped_and_does_not_wrap():
    square = np.where(np.arange(48_000) // 480 % 2, 32767, -32768).astype(np.int16)
    made = resample(square, rate=48_000, first=0, start=0, stop=8_000)
    whole = one_pass(square, 48_000)
    assert np.abs(whole).max() > 33_000  # the filter overshoots
    np.testing.assert_array_equal(np.sign(made), np.sign(np.rint(whole)))


def test_8000_hz_passes_through_untouched():
    samples = np.arange(100, dtype=np.int16)
    assert input_span(20, 60, rate=8000) == (20, 60)
    assert safe_frames(123, rate=8000, final=False) == safe_frames(123, rate=8000, final=True) == 123
    assert resample(samples, rate=8000, first=10, start=20, stop=60).tolist() == list(range(10, 50))


@pytest.mark.parametrize(
    ("received", "rate", "final", "frames"),
    [
        (16_000, 16_000, False, 7_200),
        (16_000, 16_000, True, 8_000),
        (16_001, 16_000, True, 8_000),
        (1_600, 16_000, False, 0),
        (10, 16_000, False, 0),
        (0, 48_000, True, 0),
        (44_100, 44_100, False, 7_200),
        (44_099, 44_100, False, 7_120),  # 80 frames are the least that 44,100 Hz gives whole
        (44_099, 44_100, True, 7_999),
        (11_025, 11_025, False, 7_040),
    ],
)
def test_safe_frames(received, rate, final, frames):
    assert safe_frames(received, rate=rate, final=final) == frames


@pytest.mark.parametrize(
    ("start", "stop", "rate", "span"),
    [
        (0, 8_000, 16_000, (0, 17_600)),
        (800, 8_000, 16_000, (0, 17_600)),
        (8_000, 16_000, 48_000, (43_200, 100_800)),
        (8_000, 8_001, 44_100, (39_690, 48_516)),
    ],
)
def test_input_span(start, stop, rate, span):
    assert input_span(start, stop, rate=rate) == span


@given(
    received=st.integers(0, 10_000_000),
    rate=st.sampled_from([*RATES, 6000, 11127]),
    begin=st.floats(0, 1),
)
def test_what_is_safe_has_its_whole_context_already(received, rate, begin):
    ready = safe_frames(received, rate=rate, final=False)
    start = int(ready * begin)
    first, last = input_span(start, ready, rate=rate)
    assert ready == 0 or last <= received
    assert ready * rate % RATE == 0
    assert first == 0 or (start * rate - first * RATE) * 1000 >= CONTEXT_MS * rate * RATE
    assert (last * RATE - ready * rate) * 1000 >= CONTEXT_MS * rate * RATE


@pytest.mark.parametrize("rate", RATES)
def test_input_that_begins_between_output_frames_is_aligned(rate):
    samples = in_16_bits(noise(rate))
    whole = one_pass(samples, rate)[8_000:9_000]
    first = input_span(8_000, 9_000, rate=rate)[0] - 2 * 441 - 1
    made = resample(samples[first:], rate=rate, first=first, start=8_000, stop=9_000)
    assert np.abs(made - whole).max() <= 0.51


@pytest.mark.parametrize(("start", "stop"), [(999, 1200), (1000, 1601), (1300, 1200)])
@pytest.mark.parametrize(("rate", "first"), [(8_000, 1_000), (16_000, 2_000)])
def test_frames_that_the_samples_do_not_reach_are_refused(rate, first, start, stop):
    samples = np.zeros(600 * rate // RATE, dtype=np.int16)
    with pytest.raises(ValueError, match=f"{start} to {stop} are not within 1000 to 1600"):
        resample(samples, rate=rate, first=first, start=start, stop=stop)


@pytest.mark.parametrize("rate", [0, -8000])
def test_a_rate_that_cannot_be_is_refused(rate):
    with pytest.raises(ValueError, match="frames a second"):
        safe_frames(1, rate=rate, final=True)
    with pytest.raises(ValueError, match="frames a second"):
        input_span(0, 1, rate=rate)

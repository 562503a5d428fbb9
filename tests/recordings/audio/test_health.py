"""Health: what is wrong is found in real speech and in made sounds, and what is well is left alone."""

from pathlib import Path

import numpy as np
import pytest

from recordings.audio import health
from recordings.audio.health import TrackScan, findings, holes
from recordings.audio.wav import WavSource

DEMO = Path(__file__).parents[3] / "recordings" / "demo"
RATE = 8000
T = np.arange(10 * RATE) / RATE


def speech(name):
    with WavSource.open(DEMO / f"{name}.wav") as source:
        return np.frombuffer(source.read(0, source.frames), dtype="<i2")


AGENT, CUSTOMER = speech("agent"), speech("customer")
SILENCE = np.zeros(40 * RATE, dtype=np.int16)


def int16(samples):
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def scanned(samples, *, piece=64_000):
    scan = TrackScan()
    for first in range(0, samples.size, piece):
        scan.feed(samples[first : first + piece])
    return scan


def found(*tracks, gaps=None, expected_ms=None):
    frames = max((track.size for track in tracks), default=0)
    scans = [scanned(track) for track in tracks]
    return findings(scans, gaps=gaps or [[] for _ in tracks], frames=frames, expected_ms=expected_ms)


def kinds(*tracks, **values):
    return [str(finding["kind"]) for finding in found(*tracks, **values)]


# --- Speech -------------------------------------------------------------------------------------------------------


def test_two_who_talk_are_well():
    assert found(AGENT, CUSTOMER) == []
    assert found(AGENT) == []


@pytest.mark.parametrize("voice", [AGENT, CUSTOMER], ids=["agent", "customer"])
@pytest.mark.parametrize("gain", [1.0, 0.1, 0.05])
def test_a_quiet_voice_is_a_voice(voice, gain):
    assert scanned(int16(voice * gain)).speaks


@pytest.mark.parametrize("voice", [AGENT, CUSTOMER], ids=["agent", "customer"])
def test_a_voice_in_noise_is_a_voice(voice):
    hiss = np.random.default_rng(5).normal(0, 300, voice.size)
    hum = 500 * np.sin(2 * np.pi * 50 * np.arange(voice.size) / RATE)
    assert scanned(int16(voice + hiss + hum + 1000)).speaks


NO_VOICE = {
    "nothing": np.zeros(10 * RATE, dtype=np.int16),
    "an offset": np.full(10 * RATE, 3000, dtype=np.int16),
    "a click": np.eye(1, 10 * RATE, 4000, dtype=np.int16)[0] * np.int16(30_000),
    "hum": int16(2000 * np.sin(2 * np.pi * 50 * T)),
    "hiss": int16(np.random.default_rng(6).normal(0, 1000, T.size)),
    "comfort noise": int16(np.random.default_rng(7).normal(0, 30, T.size)),
    "a steady tone": int16(8000 * np.sin(2 * np.pi * 1000 * T)),
    "too short to tell": np.ones(100, dtype=np.int16),
    "no frames": np.zeros(0, dtype=np.int16),
}


@pytest.mark.parametrize("sound", NO_VOICE.values(), ids=NO_VOICE)
def test_what_is_always_there_is_no_speech(sound):
    assert scanned(sound).speech_ms < health.SPEECH_MS
    assert kinds(sound) == ["silent"]


def test_one_side_without_speech_is_one_sided_and_says_which():
    assert found(AGENT, SILENCE) == [{"kind": "one_sided", "tracks": [1]}]
    assert found(SILENCE, CUSTOMER) == [{"kind": "one_sided", "tracks": [0]}]
    assert found(SILENCE, AGENT, NO_VOICE["hiss"]) == [{"kind": "one_sided", "tracks": [0, 2]}]


def test_of_three_two_may_talk():
    assert found(AGENT, CUSTOMER, SILENCE) == []


def test_no_side_with_speech_is_silent():
    assert found(SILENCE, NO_VOICE["hum"]) == [{"kind": "silent"}]
    assert found() == [{"kind": "silent"}]


def test_speech_is_counted_the_same_in_any_pieces():
    whole = scanned(AGENT, piece=AGENT.size)
    pieces = scanned(AGENT, piece=health.WINDOW)
    assert whole.speech_ms == pieces.speech_ms
    assert 10_000 < whole.speech_ms < 30_000  # of 40 s, in which two take turns


# --- Clipping -----------------------------------------------------------------------------------------------------


def test_a_source_that_was_too_loud_is_clipped_and_says_where():
    loud = int16(AGENT * 8.0)
    [finding] = found(loud, CUSTOMER)
    assert (finding["kind"], finding["track"]) == ("clipped", 0)
    assert np.abs(loud[finding["at_ms"] * 8 : finding["at_ms"] * 8 + 16].astype(int)).max() >= health.CLIP_LEVEL
    assert health.CLIPPED_MS <= finding["ms"] < 40_000


def test_clipping_that_came_as_mu_law_is_clipping():
    """Its loudest code stands for 32,124."""
    assert "clipped" in kinds(np.clip(int16(AGENT * 8.0), -32_124, 32_124).astype(np.int16))


def test_a_loud_voice_that_does_not_clip_is_well():
    loudest = AGENT * (32_700 / np.abs(AGENT.astype(int)).max())
    assert found(int16(loudest), CUSTOMER) == []


def test_a_few_clipped_samples_are_no_finding():
    spoilt = AGENT.copy()
    spoilt[8000:8020] = 32_767
    assert scanned(spoilt).clipped_frames == 18
    assert found(spoilt, CUSTOMER) == []


@pytest.mark.parametrize("first", [64_000 - 1, 64_000 - 2, 64_000 - 3, 64_000])
def test_a_row_of_clipped_samples_across_two_pieces_is_one(first):
    samples = np.zeros(128_000, dtype=np.int16)
    samples[first : first + 4] = -32_768
    scan = scanned(samples)
    assert (scan.clipped_frames, scan.first_clip) == (2, first)


def test_pieces_must_be_whole_windows():
    scan = TrackScan()
    scan.feed(AGENT[:161])
    with pytest.raises(ValueError, match="frame 161"):
        scan.feed(AGENT[:160])


# --- Gaps and length ----------------------------------------------------------------------------------------------


def test_a_hole_between_two_spans_is_a_gap_with_place_and_length():
    gaps = [holes([(0, 80_000), (100_000, 320_000)]), []]
    assert found(AGENT, CUSTOMER, gaps=gaps) == [{"kind": "gap", "track": 0, "at_ms": 10_000, "ms": 2500}]


def test_jitter_overlaps_and_what_comes_before_and_after_are_no_gaps():
    assert holes([]) == []
    assert holes([(50_000, 60_000)]) == []
    assert holes([(0, 8000), (9600, 16_000)]) == []  # 200 ms
    assert holes([(0, 8000), (9601, 16_000)]) == [(8000, 9601)]
    assert holes([(16_000, 24_000), (0, 20_000), (4000, 6000), (24_000, 32_000)]) == []


def test_of_very_many_gaps_the_longest_are_told_in_order():
    spans = [(n * 10_000, n * 10_000 + (5000 if n % 3 else 2000)) for n in range(200)]
    told = [finding for finding in found(AGENT, CUSTOMER, gaps=[holes(spans), []]) if finding["kind"] == "gap"]
    assert len(told) == health.GAPS_KEPT
    assert [finding["at_ms"] for finding in told] == sorted(finding["at_ms"] for finding in told)
    assert sum(finding["ms"] == 1000 for finding in told) == 67


@pytest.mark.parametrize(
    ("expected_ms", "lacking"),
    [(None, None), (0, None), (40_000, None), (43_000, None), (43_001, 3001), (100_000, 60_000), (30_000, None)],
)
def test_shorter_than_the_call(expected_ms, lacking):
    assert AGENT.size == 40 * RATE
    wanted = [] if lacking is None else [{"kind": "short", "ms": lacking}]
    assert found(AGENT, CUSTOMER, expected_ms=expected_ms) == wanted


def test_clocks_may_differ_by_a_hundredth():
    scans = [scanned(AGENT), scanned(CUSTOMER)]
    hour = 3_600_000
    assert findings(scans, gaps=[], frames=(hour - 36_000) * 8, expected_ms=hour) == []
    assert findings(scans, gaps=[], frames=(hour - 36_001) * 8, expected_ms=hour) == [{"kind": "short", "ms": 36_001}]

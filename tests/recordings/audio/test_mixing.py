"""Mixing against the exact sum, at the edges of 16 bits and of a block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recordings.audio import mixing

LOUD = st.sampled_from([-32768, -32767, -16385, -1, 0, 1, 16384, 32766, 32767]) | st.integers(-32768, 32767)


def exact(tracks):
    total = np.zeros(max((track.size for track in tracks), default=0), dtype=np.int64)
    for track in tracks:
        total[: track.size] += track
    return np.clip(total, -32768, 32767)


def samples(*values):
    return np.array(values, dtype=np.int16)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (32767, 1, 32767),
        (-32768, -1, -32768),
        (32767, 32767, 32767),
        (-32768, -32768, -32768),
        (-32768, 32767, -1),
        (20000, 12767, 32767),
        (-20000, -12768, -32768),
        (100, -300, -200),
    ],
)
def test_two_samples(one, other, both):
    assert mixing.mix([samples(0, one), samples(0, other)]).tolist() == [0, both]


def test_the_sum_is_clipped_once_and_not_along_the_way():
    assert mixing.mix([samples(30000), samples(30000), samples(-30000)]).tolist() == [30000]
    assert mixing.mix([samples(-30000), samples(-30000), samples(30000), samples(1)]).tolist() == [-29999]


def test_a_sum_that_wraps_all_the_way_round_is_still_clipped():
    assert mixing.mix([samples(32767)] * 4).tolist() == [32767]
    assert mixing.mix([samples(10000)] * 7).tolist() == [32767]


@given(
    tracks=st.lists(st.integers(0, 40).flatmap(lambda n: arrays(np.int16, n, elements=LOUD)), max_size=6),
    block=st.integers(1, 50),
)
def test_any_tracks_give_the_clip_of_their_exact_sum(tracks, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixing, "BLOCK", block)
        mixed = mixing.mix(tracks)
    assert mixed.dtype == np.int16
    assert mixed.tolist() == exact(tracks).tolist()


@pytest.mark.parametrize("wrapping_at", [0, 65_535, 65_536, 131_071, 131_072, 150_000])
def test_one_overflow_in_a_long_call_is_found_wherever_it_stands(wrapping_at):
    noise = np.random.default_rng(3)
    tracks = [noise.integers(-9000, 9000, 150_001).astype(np.int16) for _ in range(3)]
    tracks[0][wrapping_at] = tracks[1][wrapping_at] = 32000
    mixed = mixing.mix(tracks)
    np.testing.assert_array_equal(mixed, exact(tracks))
    assert mixed[wrapping_at] == 32767


def test_the_tracks_are_left_as_they_were():
    one, other = samples(32767, 5), samples(32767, 6)
    mixing.mix([one, other, other])
    mixed = mixing.mix([one])
    mixed[0] = 0
    assert (one.tolist(), other.tolist()) == ([32767, 5], [32767, 6])


@pytest.mark.parametrize(
    ("one", "other", "wraps"),
    [
        (32767, 1, True),
        (-32768, -1, True),
        (32767, 32767, True),
        (32767, -32768, False),
        (5, -9, False),
        (9, -5, False),
        (-5, -9, False),
        (0, -32768, False),
    ],
)
def test_only_a_block_that_wrapped_is_added_again(one, other, wraps):
    for before, added in ((one, other), (other, one)):
        pair = samples(before), samples(added)
        assert mixing._wrapped(pair[0], added=pair[1], total=pair[0] + pair[1]) is wraps

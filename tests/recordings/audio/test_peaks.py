"""Peaks: the exact lowest and highest sample of every point, and any stretch of the file read by itself."""

import numpy as np
import pytest

from recordings.audio import peaks
from recordings.audio.peaks import COARSE, FINE, ZOOMS, Layout, NotPeaks, TrackPeaks, packed, read_pairs


def noise(frames, *, seed=1):
    return np.random.default_rng(seed).integers(-32768, 32768, frames, dtype=np.int16)


def fed(samples, *, frames=None, piece=64_000):
    track = TrackPeaks(samples.size if frames is None else frames)
    for first in range(0, samples.size, piece):
        track.feed(samples[first : first + piece])
    return track


def expected(samples, zoom, *, frames):
    """The same, one point after another."""
    points = []
    for first in range(0, frames, zoom):
        part = samples[first : first + zoom]
        whole = np.append(part, 0) if part.size < min(zoom, frames - first) else part
        points.append([whole.min(), whole.max()])
    return points


@pytest.mark.parametrize("frames", [1, 79, 80, 81, 799, 800, 801, 64_000, 130_007])
@pytest.mark.parametrize("zoom", ZOOMS)
def test_every_point_is_its_lowest_and_highest_sample(frames, zoom):
    samples = noise(frames)
    assert fed(samples).points(zoom).tolist() == expected(samples, zoom, frames=frames)


@pytest.mark.parametrize("piece", [80, 160, 8000, 130_000])
def test_it_does_not_matter_in_which_pieces_it_came(piece):
    samples = noise(130_007)
    for zoom in ZOOMS:
        assert (fed(samples, piece=piece).points(zoom) == fed(samples).points(zoom)).all()


def test_full_scale_is_kept_to_the_last_bit():
    assert fed(np.array([-32768, 32767] * 40, dtype=np.int16)).points(FINE).tolist() == [[-32768, 32767]]


def test_a_track_that_ends_early_is_flat_from_there_on():
    samples = noise(8000)
    points = fed(samples, frames=24_000).points(COARSE)
    assert points[:10].tolist() == expected(samples, COARSE, frames=8000)
    assert points[10:].tolist() == [[0, 0]] * 20


def test_what_does_not_fall_on_points_is_refused():
    track = TrackPeaks(1000)
    track.feed(noise(81))
    with pytest.raises(ValueError, match="80 frames do not follow frame 81"):
        track.feed(noise(80))
    with pytest.raises(ValueError, match="do not follow"):
        TrackPeaks(80).feed(noise(81))


@pytest.mark.parametrize(("tracks", "frames"), [(0, 0), (1, 0), (1, 1), (2, 130_007), (3, 800)])
def test_any_stretch_of_the_file_is_found_by_its_layout(tracks, frames):
    made = [fed(noise(frames, seed=seed)) for seed in range(tracks)]
    file = b"".join(packed(made, frames=frames))
    layout = Layout.parse(file[: peaks.HEADER_BYTES])
    assert (layout.tracks, layout.frames, layout.size) == (tracks, frames, len(file))
    for zoom in ZOOMS:
        for track in range(tracks):
            points = made[track].points(zoom)
            for first, last in ((0, len(points)), (3, 9), (5, 5), (7, 3), (-4, 2), (len(points) - 1, len(points) + 99)):
                offset, length = layout.span(zoom, track=track, first=first, last=last)
                found = read_pairs(file[offset : offset + length])
                assert len(file[offset : offset + length]) == length
                assert found.tolist() == points[max(first, 0) : max(last, 0)].tolist()


def test_a_stretch_that_there_is_not_is_refused():
    layout = Layout(2, 8000)
    for zoom, track in ((FINE, 2), (FINE, -1), (100, 0)):
        with pytest.raises(ValueError, match="there is no track"):
            layout.span(zoom, track=track, first=0, last=1)


@pytest.mark.parametrize("spoilt", [slice(0, 4), slice(4, 6), slice(20, 24), slice(28, 32)])
def test_other_bytes_are_no_peaks(spoilt):
    header = bytearray(Layout(2, 130_007).header())
    assert Layout.parse(bytes(header)) == Layout(2, 130_007)
    header[spoilt] = bytes(len(header[spoilt]))
    with pytest.raises(NotPeaks):
        Layout.parse(bytes(header))
    with pytest.raises(NotPeaks, match="3 bytes"):
        Layout.parse(b"TDP")


def test_the_file_is_what_its_description_says():
    """Read by the offsets in the documentation, without the code that wrote it."""
    samples = noise(1600)
    file = b"".join(packed([fed(samples)], frames=1600))
    numbers = [int.from_bytes(file[at : at + 4], "little") for at in range(16, 40, 4)]
    assert numbers == [800, 2, 40, 80, 20, 48]
    assert np.frombuffer(file[40:48], "<i2").tolist() == np.ravel(expected(samples, 800, frames=1600)).tolist()
    assert len(file) == 40 + 2 * 4 + 20 * 4

"""Any slice of any layout of pieces, against a recording painted frame by frame."""

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.audio import mixing, timeline, wav
from recordings.audio.timeline import Piece, ShortRead, Timeline, render_wav

DEMO = Path(timeline.__file__).parents[1] / "demo"
NOISE = np.random.default_rng(11).integers(-30000, 30000, 400).astype("<i2").tobytes()


class Store:
    """Objects in memory, and what was read of them."""

    def __init__(self, objects):
        self.objects = objects
        self.reads = []

    def __call__(self, key, offset, length, /):
        self.reads.append((key, offset, length))
        return self.objects[key][offset : offset + length]


def demo(name):
    with wave.open(str(DEMO / name), "rb") as file:
        return file.readframes(file.getnframes())


def stereo_call(*, seconds=40, piece=10_000):
    """The two demo speakers cut in pieces, the objects that hold them, and the mix as one array."""
    voices = {name: demo(f"{name}.wav")[: seconds * 16_000] for name in ("agent", "customer")}
    objects, tracks = {}, []
    for name, voice in voices.items():
        starts = range(0, len(voice) // 2, piece)
        objects |= {f"{name}/{start}": voice[start * 2 : (start + piece) * 2] for start in starts}
        tracks.append(tuple(Piece(f"{name}/{s}", 0, s, len(objects[f"{name}/{s}"]) // 2) for s in starts))
    return Timeline(tuple(tracks)), Store(objects), painted(tracks, objects)


def painted(tracks, objects):
    """The oracle: every frame of every track set once, by the first piece that covers it."""
    frames = max((piece.end for pieces in tracks for piece in pieces if piece.frames), default=0)
    total = np.zeros(frames, dtype=np.int64)
    for pieces in tracks:
        free = np.ones(frames, dtype=bool)
        for piece in pieces:
            heard = np.frombuffer(objects[piece.key], "<i2", count=piece.frames, offset=piece.offset)
            span = slice(piece.start, piece.end)
            total[span] += np.where(free[span], heard, 0)
            free[span] = False
    return np.clip(total, -32768, 32767).astype("<i2").tobytes()


PIECES = st.builds(
    Piece,
    key=st.sampled_from(["a", "b"]),
    offset=st.integers(0, 99),  # odd ones too: an offset is a number of bytes
    start=st.integers(0, 150),
    frames=st.integers(0, 60),
)
LAYOUTS = st.lists(st.lists(PIECES, max_size=7).map(tuple), max_size=4).map(tuple)
OBJECTS = {"a": NOISE, "b": NOISE[::-1]}


@settings(max_examples=400)
@given(tracks=LAYOUTS, block=st.integers(1, 300), data=st.data())
def test_any_slice_of_any_layout_is_the_slice_of_the_painted_recording(tracks, block, data):
    line, whole = Timeline(tracks), painted(tracks, OBJECTS)
    assert line.frames == len(whole) // 2
    first = data.draw(st.integers(0, line.frames + 20))
    last = data.draw(st.integers(first, line.frames + 40))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixing, "BLOCK", block)
        rendered = line.render(first, last, read=Store(OBJECTS))
    assert rendered == (whole + bytes(200))[first * 2 : last * 2]


@settings(max_examples=300)
@given(tracks=LAYOUTS, block=st.integers(1, 60), data=st.data())
def test_any_bytes_of_the_wav_are_those_bytes_of_the_whole_file(tracks, block, data):
    line = Timeline(tracks)
    header = wav.header(line.frames)
    whole = header + painted(tracks, OBJECTS)
    first = data.draw(st.integers(0, len(whole)))
    last = data.draw(st.integers(first, len(whole)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixing, "BLOCK", block)
        blocks = list(render_wav(line, first, last, frames=line.frames, header=header, read=Store(OBJECTS)))
    assert b"".join(blocks) == whole[first:last]
    assert all(0 < len(part) <= max(block * 2, 44) for part in blocks)


def test_a_call_of_two_speakers_is_mixed_across_blocks_and_pieces():
    line, store, whole = stereo_call()
    assert line.frames == 320_000
    assert line.render(0, line.frames, read=store) == whole
    for first, last in ((65_535, 65_537), (9_999, 150_001), (131_072, 196_608), (319_999, 320_000)):
        assert line.render(first, last, read=store) == whole[first * 2 : last * 2]


def test_a_slice_reads_what_it_touches_and_nothing_else():
    line, store, _ = stereo_call()
    line.render(25_000, 30_001, read=store)
    assert sorted(store.reads) == [
        ("agent/20000", 10_000, 10_000),
        ("agent/30000", 0, 2),
        ("customer/20000", 10_000, 10_000),
        ("customer/30000", 0, 2),
    ]


def test_several_tracks_are_read_in_blocks():
    voice = demo("agent.wav")
    store = Store({"in": voice, "out": voice})
    line = Timeline(tuple((Piece(key, 0, 0, 320_000),) for key in store.objects))
    line.render(0, 320_000, read=store)
    assert max(length for _, _, length in store.reads) == 131_072


def test_of_overlapping_pieces_the_one_written_first_is_heard():
    store = Store({key: np.full(100, value, "<i2").tobytes() for key, value in (("a", 1), ("b", 2), ("c", 3))})
    later_inside = Timeline(((Piece("a", 0, 10, 20), Piece("b", 0, 20, 20), Piece("c", 0, 0, 50)),))
    heard = np.frombuffer(later_inside.render(0, 60, read=store), "<i2").tolist()
    assert heard == [3] * 10 + [1] * 20 + [2] * 10 + [3] * 10 + [0] * 10


def test_what_fills_a_gap_is_read_from_where_the_gap_is():
    store = Store({"a": bytes(4), "b": np.arange(10, dtype="<i2").tobytes()})
    line = Timeline(((Piece("a", 0, 3, 2), Piece("b", 0, 0, 10)),))
    assert np.frombuffer(line.render(0, 10, read=store), "<i2").tolist() == [0, 1, 2, 0, 0, 5, 6, 7, 8, 9]


def test_a_piece_may_stand_behind_a_header_in_its_object():
    track = wav.header(4) + np.array([5, 6, 7, 8], "<i2").tobytes()
    line = Timeline(((Piece("track", 44, 1, 4),),))
    assert np.frombuffer(line.render(0, 5, read=Store({"track": track})), "<i2").tolist() == [0, 5, 6, 7, 8]


def test_one_track_hands_on_the_bytes_that_were_read():
    given_out = []

    def read(_key, offset, length, /):
        given_out.append(NOISE[offset : offset + length])
        return given_out[-1]

    rendered = Timeline(((Piece("a", 0, 0, 200),),)).render(50, 150, read=read)
    assert rendered is given_out[0]


def test_nothing_is_silence_of_the_length_that_was_asked():
    for line in (Timeline(()), Timeline(((),)), Timeline(((), ()))):
        assert line.frames == 0
        assert line.render(5, 70_005, read=Store({})) == bytes(140_000)
        assert line.render(3, 3, read=Store({})) == b""


@pytest.mark.parametrize("got", [0, 3, 199, 201])
@pytest.mark.parametrize("tracks", [1, 2])
def test_a_read_of_another_length_is_an_error_that_names_the_object(got, tracks):
    line = Timeline(((Piece("w/1/chunk", 6, 0, 100),),) * tracks)
    with pytest.raises(ShortRead, match=rf"w/1/chunk: {got} of 200 bytes from byte 6 on") as caught:
        line.render(0, 100, read=lambda _key, _offset, _length: bytes(got))
    error = caught.value
    assert (error.key, error.offset, error.asked, error.got) == ("w/1/chunk", 6, 200, got)


@pytest.mark.parametrize("tracks", [1, 2])
def test_what_read_raises_passes_through(tracks):
    line = Timeline(((Piece("gone", 0, 0, 100),),) * tracks)
    with pytest.raises(KeyError, match="gone"):
        line.render(0, 100, read=Store({}))


def test_a_wav_that_fails_half_way_has_given_whole_blocks_that_can_be_continued_from():
    line, store, whole = stereo_call()
    expected = wav.header(line.frames) + whole
    missing = store.objects.pop("customer/190000")
    blocks = render_wav(line, 0, len(expected), frames=320_000, header=expected[:44], read=store)
    sent = b"".join(next(blocks) for _ in range(3))
    with pytest.raises(KeyError, match="customer/190000"):
        next(blocks)
    assert sent == expected[: 44 + 131_072 * 2]
    store.objects["customer/190000"] = missing
    rest = render_wav(line, len(sent), len(expected), frames=320_000, header=expected[:44], read=store)
    assert sent + b"".join(rest) == expected


def test_wav_blocks_are_of_128_kib():
    line, store, whole = stereo_call()
    blocks = list(render_wav(line, 45, 640_044, frames=320_000, header=wav.header(320_000), read=store))
    assert [len(block) for block in blocks] == [131_071, 131_072, 131_072, 131_072, 115_712]
    assert b"".join(blocks) == whole[1:]


def test_an_ended_recording_longer_than_its_audio_ends_in_silence():
    header = wav.header(300)
    blocks = render_wav(Timeline(((Piece("a", 0, 0, 100),),)), 0, 644, frames=300, header=header, read=Store(OBJECTS))
    assert b"".join(blocks) == header + NOISE[:200] + bytes(400)


def test_a_running_recording_is_rendered_as_far_as_its_caller_says():
    line, header = Timeline(((Piece("a", 0, 0, 100),),)), wav.header(None)
    blocks = render_wav(line, 40, 44 + 150, frames=None, header=header, read=Store(OBJECTS))
    assert b"".join(blocks) == header[40:] + NOISE[:150]


@pytest.mark.parametrize(("first", "last"), [(-1, 4), (5, 4), (0, 245)])
def test_a_range_that_cannot_be_is_refused_before_the_first_block(first, last):
    with pytest.raises(ValueError, match=f"bytes {first} to {last} are no range of 244"):
        render_wav(Timeline(()), first, last, frames=100, header=wav.header(100), read=Store({}))


def test_a_running_recording_has_no_bytes_in_reverse():
    with pytest.raises(ValueError, match="a running recording"):
        render_wav(Timeline(()), 5, 4, frames=None, header=wav.header(None), read=Store({}))


@pytest.mark.parametrize(("first", "last"), [(-1, 4), (5, 4)])
def test_a_slice_that_cannot_be_is_refused(first, last):
    with pytest.raises(ValueError, match="no slice"):
        Timeline(()).render(first, last, read=Store({}))


@pytest.mark.parametrize(("offset", "start", "frames"), [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_a_piece_that_cannot_be_is_refused(offset, start, frames):
    with pytest.raises(ValueError, match="no such piece"):
        Piece("a", offset, start, frames)

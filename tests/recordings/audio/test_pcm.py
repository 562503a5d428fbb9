"""G.711 against a walk along the tables of the recommendation, and the ways between channels and tracks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recordings.audio import pcm
from recordings.audio.pcm import Encoding

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
EVERY_CODE = bytes(range(256))


def edges_of(first_step, *, first_run, step):
    """Decision values of one half: a first run of steps, then segments of 16 steps, each twice as wide."""
    edges = [0, *first_step]
    for run in [first_run, *[16] * 8]:
        edges += [edges[-1] + step * (n + 1) for n in range(run)]
        step *= 2
    return edges


# G.711 table 2a in units of 1/8159, table 1a in units of 1/4096; both scaled to 16 bits.
ULAW_EDGES = [edge * 4 for edge in edges_of([1], first_run=15, step=2)][:129]
ALAW_EDGES = [edge * 8 for edge in edges_of([], first_run=32, step=2)][:129]


def values_of(edges):
    return [(low + high) // 2 for low, high in pairwise(edges)]


def interval(sample, edges):
    magnitude = sample if sample >= 0 else ~sample
    for n in range(127, -1, -1):
        if magnitude >= edges[n]:
            return n
    raise AssertionError(sample)


def test_the_walk_reaches_the_published_ends():
    assert ULAW_EDGES[-1] == 8159 * 4
    assert ALAW_EDGES[-1] == 4096 * 8


def test_ulaw_decodes_to_the_values_of_table_2a():
    values = [0, *values_of(ULAW_EDGES)[1:]]
    decoded = pcm.decode(EVERY_CODE, Encoding.ULAW).tolist()
    assert decoded[0x80:] == values[::-1]  # positive: all bits inverted
    assert decoded[:0x80] == [-value for value in values[::-1]]
    assert (decoded[0x00], decoded[0x80], decoded[0xFF]) == (-32124, 32124, 0)


def test_alaw_decodes_to_the_values_of_table_1a():
    values = values_of(ALAW_EDGES)
    decoded = pcm.decode(bytes(code ^ 0x55 for code in range(256)), Encoding.ALAW).tolist()
    assert decoded[0x80:] == values
    assert decoded[:0x80] == [-value for value in values]
    assert pcm.decode(b"\xd5\x55\xaa\x2a", Encoding.ALAW).tolist() == [8, -8, 32256, -32256]


@pytest.mark.parametrize("encoding", [Encoding.ULAW, Encoding.ALAW])
def test_every_sample_is_encoded_by_its_decision_interval(encoding):
    edges = ULAW_EDGES if encoding is Encoding.ULAW else ALAW_EDGES
    encode = pcm.encode_ulaw if encoding is Encoding.ULAW else pcm.encode_alaw

    def code(sample):
        n = interval(sample, edges)
        if encoding is Encoding.ULAW:
            return 0xFF - n if sample >= 0 else 0x7F - n
        return (n | 0x80 if sample >= 0 else n) ^ 0x55

    assert list(encode(EVERY_SAMPLE)) == [code(int(sample)) for sample in EVERY_SAMPLE]


def test_silence_is_the_byte_engines_send_for_it():
    silence = np.zeros(3, dtype=np.int16)
    assert pcm.encode_ulaw(silence) == b"\xff\xff\xff"
    assert pcm.encode_alaw(silence) == b"\xd5\xd5\xd5"


def test_codes_survive_a_round_trip():
    ulaw = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is a second zero
    assert pcm.encode_ulaw(pcm.decode(ulaw, Encoding.ULAW)) == ulaw
    assert pcm.encode_alaw(pcm.decode(EVERY_CODE, Encoding.ALAW)) == EVERY_CODE


@given(data=st.binary(max_size=400), encoding=st.sampled_from([Encoding.ULAW, Encoding.ALAW]))
def test_companded_bytes_decode_one_by_one_in_order_whatever_their_number(data, encoding):
    singly = [int(pcm.decode(bytes([byte]), encoding)[0]) for byte in data]
    decoded = pcm.decode(data, encoding)
    assert decoded.dtype == np.int16
    assert decoded.tolist() == singly


def test_l16_is_little_endian_and_not_copied():
    data = b"\x01\x00\xff\xff\x00\x80"
    decoded = pcm.decode(data, Encoding.L16)
    assert decoded.tolist() == [1, -1, -32768]
    assert not decoded.flags.owndata


def test_l16_that_ends_inside_a_sample_is_refused():
    with pytest.raises(ValueError, match="3 bytes of 16-bit audio end inside a sample"):
        pcm.decode(b"\x01\x00\xff", Encoding.L16)


def test_bytes_per_sample():
    assert {encoding.value: encoding.bytes_per_sample for encoding in Encoding} == {
        "l16": 2,
        "ulaw": 1,
        "alaw": 1,
    }


def test_stereo_is_split_left_first_and_contiguous():
    left, right = pcm.split_channels(np.array([1, -1, 2, -2, 3, -3], dtype=np.int16), 2)
    assert left.tolist() == [1, 2, 3]
    assert right.tolist() == [-1, -2, -3]
    assert left.flags.c_contiguous
    assert right.flags.c_contiguous


def test_mono_is_not_copied():
    samples = np.array([1, 2], dtype=np.int16)
    (only,) = pcm.split_channels(samples, 1)
    assert only is samples


@pytest.mark.parametrize(("size", "channels"), [(5, 2), (4, 3), (4, 0), (4, -1)])
def test_samples_that_do_not_fill_their_channels_are_refused(size, channels):
    with pytest.raises(ValueError, match="channels"):
        pcm.split_channels(np.zeros(size, dtype=np.int16), channels)


@given(
    channels=st.integers(1, 5),
    data=st.data(),
    frames=st.integers(0, 50),
)
def test_join_undoes_split(channels, data, frames):
    samples = data.draw(arrays(np.int16, frames * channels))
    joined = pcm.join_channels(pcm.split_channels(samples, channels))
    assert joined.dtype == np.int16
    assert joined.tolist() == samples.tolist()


def test_shorter_tracks_are_joined_with_silence_after_them():
    long, short = np.array([1, 2, 3], dtype=np.int16), np.array([9], dtype=np.int16)
    assert pcm.join_channels([long, short]).tolist() == [1, 9, 2, 0, 3, 0]
    assert pcm.join_channels([]).size == 0

"""Samples in the stored form, and the ways from and to what telephony engines speak.

The stored form everywhere is signed 16-bit little-endian PCM at 8,000 Hz, one channel per track. A frame is
one sample of one track: two bytes, 125 µs.

G.711 is turned by tables made from the definition in ITU-T G.711 (tables 1a and 2a); where that leaves a
decision value to neither neighbour, the convention of ITU-T G.191 decides (negative samples by their ones'
complement).
"""

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

RATE = 8000
BYTES_PER_FRAME = 2

Samples = NDArray[np.int16]
"""One-dimensional, one value per frame."""

_STORED = np.dtype("<i2")
_ULAW_BIAS = 0x84
_ULAW_CLIP = 32767 - _ULAW_BIAS


class Encoding(StrEnum):
    """How an engine writes a sample on the wire."""

    L16 = "l16"  # signed 16-bit little-endian: what engines send, though RFC 2586 has it the other way round
    ULAW = "ulaw"
    ALAW = "alaw"

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of one sample of one channel."""
        return 2 if self is Encoding.L16 else 1


def decode(data: bytes, encoding: Encoding) -> Samples:
    """The samples in `data`, interleaved as they came when it holds several channels.

    L16 is a read-only view of `data`; µ-law and A-law give a new array. Raises ValueError for L16 that ends
    inside a sample.
    """
    if encoding is Encoding.L16:
        if len(data) % 2:
            raise ValueError(f"{len(data)} bytes of 16-bit audio end inside a sample")
        return np.frombuffer(data, dtype=_STORED)
    return _expand(data, single=_SINGLES[encoding], pairs=_PAIRS[encoding])


def encode_ulaw(samples: Samples) -> bytes:
    """G.711 µ-law, one byte per sample; silence is 0xFF."""
    return _COMPRESSED[Encoding.ULAW].take(samples.view(np.uint16), mode="clip").tobytes()


def encode_alaw(samples: Samples) -> bytes:
    """G.711 A-law with its even bits inverted as sent, one byte per sample; silence is 0xD5."""
    return _COMPRESSED[Encoding.ALAW].take(samples.view(np.uint16), mode="clip").tobytes()


def split_channels(samples: Samples, channels: int) -> list[Samples]:
    """One contiguous array per channel from interleaved samples; a single channel is given back as it is.

    Raises ValueError for fewer than one channel, and for samples that end before the last channel.
    """
    if channels < 1:
        raise ValueError(f"audio of {channels} channels cannot be split")
    if samples.size % channels:
        raise ValueError(f"{samples.size} samples do not fill {channels} channels")
    if channels == 1:
        return [samples]
    return list(np.ascontiguousarray(samples.reshape(-1, channels).T))


def join_channels(tracks: Sequence[Samples]) -> Samples:
    """Interleaved samples of all tracks, as long as the longest: shorter ones are padded with silence."""
    frames = max((track.size for track in tracks), default=0)
    joined = np.zeros((frames, len(tracks)), dtype=np.int16)
    for channel, track in enumerate(tracks):
        joined[: track.size, channel] = track
    return joined.reshape(-1)


def _expand(data: bytes, *, single: Samples, pairs: NDArray[np.uint32]) -> Samples:
    # Two bytes per look-up halve the work; `clip` spares the bounds check that `raise` would buffer for.
    even = len(data) & ~1
    samples = pairs.take(np.frombuffer(data, dtype="<u2", count=even // 2), mode="clip").view(_STORED)
    if even == len(data):
        return samples
    return np.append(samples, single[data[even]])


def _ulaw_value(code: int) -> int:
    bits = ~code & 0xFF
    magnitude = (((bits & 0x0F) << 3) + _ULAW_BIAS << (bits >> 4 & 7)) - _ULAW_BIAS
    return -magnitude if bits & 0x80 else magnitude


def _alaw_value(code: int) -> int:
    bits = code ^ 0x55
    segment, step = bits >> 4 & 7, (bits & 0x0F) << 4
    magnitude = step + 0x108 << segment - 1 if segment else step + 0x08
    return magnitude if bits & 0x80 else -magnitude


def _ulaw_code(sample: int) -> int:
    magnitude = min(sample if sample >= 0 else ~sample, _ULAW_CLIP) + _ULAW_BIAS
    segment = magnitude.bit_length() - 8
    bits = segment << 4 | magnitude >> segment + 3 & 0x0F
    return ~(bits if sample >= 0 else bits | 0x80) & 0xFF


def _alaw_code(sample: int) -> int:
    magnitude = sample if sample >= 0 else ~sample
    segment = max(magnitude.bit_length() - 8, 0)
    bits = segment << 4 | magnitude >> (segment + 3 if segment else 4) & 0x0F
    return (bits | 0x80 if sample >= 0 else bits) ^ 0x55


def _pair_table(single: Samples) -> NDArray[np.uint32]:
    halves = single.view(np.uint16).astype(np.uint32)
    return (halves[np.newaxis, :] | halves[:, np.newaxis] << 16).reshape(-1).astype("<u4")


def _code_table(code: Callable[[int], int]) -> NDArray[np.uint8]:
    # Indexed by the sample's 16 bits read without sign.
    return np.array([code(sample) for sample in (*range(32768), *range(-32768, 0))], dtype=np.uint8)


_SINGLES = {
    Encoding.ULAW: np.array([_ulaw_value(code) for code in range(256)], dtype=np.int16),
    Encoding.ALAW: np.array([_alaw_value(code) for code in range(256)], dtype=np.int16),
}
_PAIRS = {encoding: _pair_table(single) for encoding, single in _SINGLES.items()}
_COMPRESSED = {Encoding.ULAW: _code_table(_ulaw_code), Encoding.ALAW: _code_table(_alaw_code)}

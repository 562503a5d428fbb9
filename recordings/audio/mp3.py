"""MP3, made while it is read: MPEG Layer III, mono, 32 kbit/s constant, the same bytes for the same audio.

At 8,000 Hz that is MPEG-2.5 (frames of 72 ms, 288 bytes), an extension that a few strict players lack; at 16,000 Hz
it is MPEG-2 (ISO/IEC 13818-3; frames of 36 ms, 144 bytes), for which the audio is resampled first. No tag stands
before the first frame, so a file is frames from its first byte to its last. The encoder adds what the format's
overlap needs: 138 ms of silence before the audio at 8,000 Hz (69 ms at 16,000 Hz), and up to three frames after it.
"""

from collections.abc import Iterable, Iterator

import lameenc
import numpy as np
import soxr

from recordings.audio.pcm import RATE, Samples

RATES = (8000, 16_000)
"""Hz that can be made."""
BIT_RATE = 32
"""kbit/s: 4,000 bytes a second."""
CONTENT_TYPE = "audio/mpeg"

_QUALITY = 7
"""Of LAME's 0 (best) to 9: for speech in this band nothing better is heard, and 2 takes three times as long."""


class EncodingFailed(Exception):
    """The encoder refused; what it gave before is not a whole file."""


class Mp3Encoder:
    """PCM s16le at 8,000 Hz in, MP3 out. Not for use by several threads at once; the GIL is free while it works."""

    def __init__(self, *, rate: int = RATE) -> None:
        """`rate` is the file's, in Hz. Raises ValueError for one that is not in RATES."""
        if rate not in RATES:
            raise ValueError(f"MP3 is made at {' or '.join(map(str, RATES))} Hz, not at {rate}")
        self._upsampler = soxr.ResampleStream(RATE, rate, 1, dtype="float32", quality="HQ") if rate != RATE else None
        self._begun = False
        self._encoder = lameenc.Encoder()
        self._encoder.silence()  # it would tell standard output what it does
        self._encoder.set_channels(1)
        self._encoder.set_bit_rate(BIT_RATE)
        self._encoder.set_in_sample_rate(rate)
        self._encoder.set_out_sample_rate(rate)
        self._encoder.set_quality(_QUALITY)

    def encode(self, pcm: bytes) -> bytes:
        """The MP3 that is complete after `pcm` (b"" where that is not yet a frame). Raises EncodingFailed."""
        return self._fed(np.frombuffer(pcm, dtype="<i2"), last=False)

    def finish(self) -> bytes:
        """The rest; b"" where no audio ever came. Nothing may follow. Raises EncodingFailed."""
        rest = self._fed(np.zeros(0, dtype=np.int16), last=True)
        if not self._begun:
            return rest
        try:
            return rest + bytes(self._encoder.flush())
        except RuntimeError as error:
            raise EncodingFailed(f"the MP3 could not be finished: {error}") from error

    def _fed(self, samples: Samples, *, last: bool) -> bytes:
        if self._upsampler is not None:
            # In floating point and rounded here: soxr's own 16-bit output is dithered, and no two files were alike.
            exact = self._upsampler.resample_chunk(samples.astype(np.float32), last=last)
            samples = np.clip(np.rint(exact), -32768, 32767).astype("<i2")
        if not samples.size:
            return b""
        self._begun = True
        try:
            return bytes(self._encoder.encode(samples.tobytes()))
        except RuntimeError as error:
            raise EncodingFailed(f"the audio could not be encoded: {error}") from error


def encoded(blocks: Iterable[bytes], *, rate: int = RATE) -> Iterator[bytes]:
    """The MP3 of PCM s16le at 8,000 Hz, block by block: none is empty, and the first comes after the first blocks.

    Blocks may be of any length in whole frames. Raises ValueError for a rate that is not in RATES, at the call;
    EncodingFailed, and what `blocks` raises, while iterating.
    """
    return _encoded(blocks, encoder=Mp3Encoder(rate=rate))


def _encoded(blocks: Iterable[bytes], *, encoder: Mp3Encoder) -> Iterator[bytes]:
    for block in blocks:
        if made := encoder.encode(block):
            yield made
    if rest := encoder.finish():
        yield rest

"""WAV files: the header we write, and the files we read.

The header is the 44-byte RIFF/WAVE form for PCM (Microsoft, Multimedia Programming Interface 1.0). Its
sizes are 32-bit, so a file of more than 4 GiB (74 hours of one track) has the 80-byte RF64 form instead
(EBU Tech 3306), whose chunk `ds64` holds them as 64-bit numbers.
"""

import struct
import wave
from pathlib import Path
from types import TracebackType
from typing import Self

from recordings.audio.pcm import BYTES_PER_FRAME, RATE

HEADER_BYTES = 44
"""The header of a file of up to 4 GiB, and of a recording that still runs; `header_bytes` knows of longer ones."""
LONG_HEADER_BYTES = 80
CONTENT_TYPE = "audio/wav"

_UNKNOWN = 0xFFFF_FFFF
_LARGEST_DATA = _UNKNOWN - 1 - (HEADER_BYTES - 8)
_PCM = 1
_RIFF = struct.Struct("<4sI4s")
_DS64 = struct.Struct("<4sIQQQI")
_FMT_DATA = struct.Struct("<4sIHHIIHH4sI")


class WavError(ValueError):
    """A file that is not a whole 16-bit PCM WAV; the message says which of that it is not."""


def header(frames: int | None, *, rate: int = RATE, channels: int = 1) -> bytes:
    """What stands before `frames` frames (one sample of each channel) of s16le audio at `rate` Hz: 44 bytes,
    or 80 where the file is larger than 4 GiB.

    None is a recording that still runs: both sizes are 0xFFFFFFFF, the value that players take for "until
    the stream ends".
    """
    if frames is None:
        return _RIFF.pack(b"RIFF", _UNKNOWN, b"WAVE") + _rest(_UNKNOWN, rate=rate, channels=channels)
    data = _data_bytes(frames, channels=channels)
    size = header_bytes(frames, channels=channels) + data - 8  # of all that follows the size itself
    if data <= _LARGEST_DATA:
        return _RIFF.pack(b"RIFF", size, b"WAVE") + _rest(data, rate=rate, channels=channels)
    sizes = _DS64.pack(b"ds64", _DS64.size - 8, size, data, frames, 0)
    return _RIFF.pack(b"RF64", _UNKNOWN, b"WAVE") + sizes + _rest(_UNKNOWN, rate=rate, channels=channels)


def header_bytes(frames: int | None, *, channels: int = 1) -> int:
    """The length of `header`: where the audio begins."""
    if frames is None or _data_bytes(frames, channels=channels) <= _LARGEST_DATA:
        return HEADER_BYTES
    return LONG_HEADER_BYTES


def size_of(frames: int, *, channels: int = 1) -> int:
    """Bytes of the whole file, header included."""
    return header_bytes(frames, channels=channels) + _data_bytes(frames, channels=channels)


def _rest(data: int, *, rate: int, channels: int) -> bytes:
    frame = channels * BYTES_PER_FRAME
    return _FMT_DATA.pack(
        *(b"fmt ", 16, _PCM, channels, rate, rate * frame, frame, BYTES_PER_FRAME * 8),
        *(b"data", data),
    )


def _data_bytes(frames: int, *, channels: int) -> int:
    if frames < 0:
        raise ValueError(f"a WAV file cannot hold {frames} frames")
    return frames * channels * BYTES_PER_FRAME


class WavSource:
    """A 16-bit PCM WAV file, open for reading anywhere in it. Not for use by several threads at once."""

    def __init__(self, reader: wave.Wave_read, *, path: Path) -> None:
        self._reader = reader
        self._path = path
        self.rate = reader.getframerate()
        self.channels = reader.getnchannels()
        self.frames = reader.getnframes()

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open and check the file at `path`.

        Raises WavError for anything but 16-bit PCM and for a file shorter than its header says, OSError
        where it cannot be read at all.
        """
        path = Path(path)
        try:
            reader = wave.open(str(path), "rb")  # noqa: SIM115 - the source owns it, and close() ends it
        except (wave.Error, EOFError) as error:
            reason = str(error) or "it ends inside its header"
            raise WavError(f"{path.name} is not a PCM WAV file: {reason}") from error
        try:
            source = cls(reader, path=path)
            source._check(width=reader.getsampwidth())
        except WavError:
            reader.close()
            raise
        return source

    def read(self, first: int, count: int) -> bytes:
        """`count` frames from frame `first` on as s16le, channels interleaved; fewer where the file ends.

        Raises WavError where the file has become shorter since it was opened.
        """
        if first < 0 or count < 0:
            raise ValueError(f"{count} frames from frame {first} on cannot be read")
        count = min(count, self.frames - first)
        if count <= 0:
            return b""
        self._reader.setpos(first)
        try:
            data = self._reader.readframes(count)
        except RuntimeError:  # how the library says that the data would end beyond the RIFF chunk around it
            data = b""
        if len(data) != count * self.channels * BYTES_PER_FRAME:
            raise WavError(f"{self._path.name} is truncated: its header promises {self.frames} frames")
        return data

    def close(self) -> None:
        """Close the file; again is harmless."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, *, width: int) -> None:
        if width != BYTES_PER_FRAME:
            raise WavError(f"{self._path.name} holds {width * 8}-bit samples, not 16-bit ones")
        if self.rate < 1:
            raise WavError(f"{self._path.name} gives no sample rate")
        # The header is believed only once the last frame it promises is seen to exist.
        self.read(max(self.frames - 1, 0), 1)

"""Reading MP3 in tests: the frames by their headers, and the sound by a decoder that is not ours."""

import io

import numpy as np
import soundfile

FRAME_BYTES = {8000: 288, 16_000: 144}
SYNC = {8000: b"\xff\xe3", 16_000: b"\xff\xf3"}  # MPEG-2.5 and MPEG-2, layer III, no checksum


def frames(data, *, rate=8000):
    """How many frames the file is made of; fails where it is anything but frames of 32 kbit/s mono at this rate."""
    size = FRAME_BYTES[rate]
    assert data
    assert len(data) % size == 0
    for at in range(0, len(data), size):
        head = data[at : at + 4]
        assert head[:2] == SYNC[rate], f"no frame at byte {at}"
        assert head[2] >> 4 == 4  # 32 kbit/s in the tables of MPEG-2 and 2.5
        assert head[2] >> 2 & 3 == {16_000: 2, 8000: 2}[rate]
        assert head[3] >> 6 == 3  # mono
    return len(data) // size


def decoded(data):
    """Samples (−1 to 1) and their rate."""
    return soundfile.read(io.BytesIO(data))


def likeness(sound, pcm):
    """The correlation of what was decoded at 8,000 Hz with the PCM it was made of, where they fit best."""
    wanted = np.frombuffer(pcm, dtype="<i2") / 32768
    best = 0.0
    for delay in range(1000, 1300):
        part = sound[delay : delay + wanted.size]
        size = min(part.size, wanted.size)
        best = max(best, float(np.corrcoef(part[:size], wanted[:size])[0, 1]))
    return best

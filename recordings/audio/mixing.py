"""Several tracks into one: the exact sum, clipped to 16 bits.

Speech rarely overflows, so a block is added in 16 bits and only a block that wrapped is added again in 32.
"""

from collections.abc import Sequence

import numpy as np

from recordings.audio.pcm import Samples

BLOCK = 65_536
"""Frames added at a time: 128 KiB a track, which stays in the cache."""

_LOWEST, _HIGHEST = -32768, 32767


def mix(tracks: Sequence[Samples]) -> Samples:
    """The clipped sum of all tracks, as long as the longest; shorter ones end in silence."""
    mixed: Samples = np.empty(max((track.size for track in tracks), default=0), dtype=np.int16)
    for first in range(0, mixed.size, BLOCK):
        out = mixed[first : first + BLOCK]
        parts = [track[first : first + BLOCK] for track in tracks if track.size > first]
        add([_padded(part, frames=out.size) for part in parts], out=out)
    return mixed


def add(parts: Sequence[Samples], *, out: Samples) -> None:
    """Write the clipped sum of `parts` to `out`; all are of one length, and `out` is none of them.

    For any number of parts (up to 65,536) the result is the clip of the exact sum, not a chain of clipped
    ones.
    """
    if len(parts) < 2:
        out[:] = parts[0] if parts else 0
        return
    np.add(parts[0], parts[1], out=out)
    wrapped = _wrapped(parts[0], added=parts[1], total=out)
    for part in parts[2:]:
        if wrapped:
            break
        before = out.copy()
        np.add(before, part, out=out)
        wrapped = _wrapped(before, added=part, total=out)
    if wrapped:
        exact = np.add(parts[0], parts[1], dtype=np.int32)
        for part in parts[2:]:
            exact += part
        out[:] = np.clip(exact, _LOWEST, _HIGHEST)


def _wrapped(before: Samples, *, added: Samples, total: Samples) -> bool:
    # A sum wrapped exactly where its sign differs from the signs of both that were added.
    signs = total ^ before
    signs &= total ^ added
    return bool(signs.min(initial=0) < 0)


def _padded(part: Samples, *, frames: int) -> Samples:
    if part.size == frames:
        return part
    padded: Samples = np.zeros(frames, dtype=np.int16)
    padded[: part.size] = part
    return padded

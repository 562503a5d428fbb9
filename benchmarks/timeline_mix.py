"""How fast a two-track call is mixed from its pieces, beside numpy adding the same audio in one go.

Run from the project's root: `python -m benchmarks.timeline_mix`. It renders one hour of two tracks in 720
pieces of 10 s from memory, takes the best of several interleaved runs of both, checks that both made the
same bytes, and prints the ratio of their times (below 1: faster than the plain sum). Exit status 1 when the
ratio is above the bound.
"""

import sys
import time
import wave
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recordings.audio import pcm
from recordings.audio.timeline import Piece, Timeline, render_wav
from recordings.audio.wav import header

SECONDS = 3600
PIECE_SECONDS = 10
RUNS = 7
BOUND = 1.0
DEMO = Path(__file__).parents[1] / "recordings" / "demo"


def speech(name: str) -> NDArray[np.int16]:
    """An hour of a demo speaker, repeated."""
    with wave.open(str(DEMO / name), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return np.resize(samples, SECONDS * pcm.RATE)


def plain(tracks: list[NDArray[np.int16]]) -> bytes:
    """The sum in 32 bits, clipped: what one writes first."""
    total = tracks[0].astype(np.int32) + tracks[1]
    return np.clip(total, -32768, 32767).astype(np.int16).tobytes()


def timed(act: Callable[[], bytes]) -> tuple[float, bytes]:
    """Seconds that `act` took, and what it gave."""
    begun = time.perf_counter()
    made = act()
    return time.perf_counter() - begun, made


def main() -> int:
    """Measure, print, and give the exit status."""
    tracks = [speech("agent.wav"), speech("customer.wav")]
    frames, length = SECONDS * pcm.RATE, PIECE_SECONDS * pcm.RATE
    objects: dict[str, bytes] = {}
    laid = []
    for label, track in enumerate(tracks):
        pieces = [Piece(f"{label}/{start}", 0, start, length) for start in range(0, frames, length)]
        objects |= {p.key: track[p.start : p.end].tobytes() for p in pieces}
        laid.append(tuple(pieces))

    def read(key: str, offset: int, size: int) -> bytes:
        return objects[key][offset : offset + size]

    def rendered() -> bytes:
        return Timeline(tuple(laid)).render(0, frames, read=read)

    def streamed() -> bytes:
        blocks = render_wav(Timeline(tuple(laid)), 0, 44 + frames * 2, frames=frames, header=header(frames), read=read)
        return deque(blocks, maxlen=1).pop()  # each block is dropped as a server drops it

    best = {"plain": 1e9, "render": 1e9, "stream": 1e9}
    for _ in range(RUNS):
        plain_time, expected = timed(lambda: plain(tracks))
        render_time, made = timed(rendered)
        stream_time, _ = timed(streamed)
        if made != expected:
            print("render and the plain sum differ", file=sys.stderr)
            return 1
        for name, took in (("plain", plain_time), ("render", render_time), ("stream", stream_time)):
            best[name] = min(best[name], took)
    ratio = best["render"] / best["plain"]
    print(f"1 h, 2 tracks, {len(objects)} pieces: render {best['render'] * 1e3:.1f} ms", end=", ")
    print(f"as WAV blocks {best['stream'] * 1e3:.1f} ms, plain int32 sum {best['plain'] * 1e3:.1f} ms")
    print(f"{SECONDS / best['render']:,.0f} x real time ({SECONDS / best['stream']:,.0f} x as blocks)")
    print(f"ratio render/plain {ratio:.2f} (bound {BOUND})")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())

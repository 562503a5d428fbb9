"""A small memory of what was read last, so that a mix in steps of 8 s does not fetch a piece of 10 s three times.

Objects never change, so what was read stays true; it is forgotten after a minute all the same, so that the audio of a
deleted recording does not linger.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

WINDOW_BYTES = 1 << 20
"""Six chunks, or a minute of a track's file: one request for what a listener hears next."""
MEMORY_BYTES = 32 << 20
LIFE_SECONDS = 60.0

Fetch = Callable[[int, int], bytes]
"""(offset, length) -> bytes, fewer where the object ends."""


class Windows:
    """Aligned windows of objects, the least recently used dropped first. For any number of threads."""

    _clock = staticmethod(time.monotonic)

    def __init__(self, *, memory: int = MEMORY_BYTES) -> None:
        self._memory = memory
        self._held: OrderedDict[tuple[str, int], tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def read(self, key: str, offset: int, length: int, *, fetch: Fetch) -> bytes:
        """Bytes [offset, offset + length), each window of them from memory or by one `fetch`."""
        parts: list[bytes] = []
        last = offset + length
        for start in range(offset // WINDOW_BYTES * WINDOW_BYTES, last, WINDOW_BYTES):
            window = self._window(key, start, fetch)
            parts.append(window[max(offset - start, 0) : last - start])
            if len(window) < WINDOW_BYTES:
                break  # the object ends here
        return b"".join(parts)

    def forget(self, key: str) -> None:
        """Drop all windows of an object."""
        with self._lock:
            for held in [held for held in self._held if held[0] == key]:
                self._drop(held)

    def _window(self, key: str, start: int, fetch: Fetch) -> bytes:
        moment = self._clock()
        with self._lock:
            self._drop_old(moment)
            held = self._held.get((key, start))
            if held is not None:
                self._held.move_to_end((key, start))
                return held[1]
        window = fetch(start, WINDOW_BYTES)  # not under the lock: others read meanwhile, two the same at the worst
        with self._lock:
            self._keep((key, start), moment, window)
        return window

    def _keep(self, name: tuple[str, int], moment: float, window: bytes) -> None:
        if name in self._held:
            self._drop(name)
        self._held[name] = (moment, window)
        self._bytes += len(window)
        while self._bytes > self._memory:
            self._drop(next(iter(self._held)))

    def _drop_old(self, moment: float) -> None:
        old = [name for name, (since, _) in self._held.items() if moment - since > LIFE_SECONDS]
        for name in old:
            self._drop(name)

    def _drop(self, name: tuple[str, int]) -> None:
        _, window = self._held.pop(name)
        self._bytes -= len(window)

"""Following a recording while it runs: its WAV from the first byte, as it comes, until it ends.

A follower holds a thread of the web process, so a process takes LIVE_FOLLOWERS_MAX of them (0: no cap).
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from django.conf import settings

from recordings import playback
from recordings.api.kit.problems import TooManyFollowers
from recordings.models import Recording
from recordings.playback import Audio
from recordings.ranges import primed
from workspaces.clock import NEVER

POLL_SECONDS = 0.25
RETRY_AFTER_SECONDS = 5.0


class Seats:
    """How many follow now, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.taken = 0

    def take(self, limit: int) -> bool:
        with self._lock:
            if limit and self.taken >= limit:
                return False
            self.taken += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self.taken -= 1


seats = Seats()


class Follower:
    """The blocks of a running recording's WAV, header first (its sizes are 0xFFFFFFFF to the end).

    Raises TooManyFollowers when made beyond the cap, and StorageError where its first audio cannot be read. The seat
    is given back by `close`, by the end of the recording, and by any error, whichever comes first; a recording that
    is deleted, or a caller who is no longer `allowed`, ends it too.
    """

    def __init__(self, audio: Audio, *, allowed: Callable[[], bool]) -> None:
        if not seats.take(settings.LIVE_FOLLOWERS_MAX):
            raise TooManyFollowers(RETRY_AFTER_SECONDS)
        self._seated = True
        self._lock = threading.Lock()
        self._recording = audio.recording
        self._allowed = allowed
        try:
            self._blocks = self._follow(audio, primed(audio, 0, audio.available))
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._blocks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the seat back; again is harmless."""
        with self._lock:
            seated, self._seated = self._seated, False
        if seated:
            seats.leave()

    def _follow(self, audio: Audio, blocks: Iterator[bytes]) -> Iterator[bytes]:
        position = 0
        while True:
            for block in blocks:
                yield block
                position += len(block)
            if audio.complete or not self._seated:
                return
            time.sleep(POLL_SECONDS)
            if not (self._listed() and self._allowed()):
                return
            audio = playback.open_audio(self._recording)
            blocks = audio.read(position, audio.available)

    def _listed(self) -> bool:
        return Recording.objects.filter(pk=self._recording.pk, tm_delete=NEVER).exists()

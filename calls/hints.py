"""The one door to the broker: `hint(task, id)` says that something may be due; the database says what.

A hint that is lost costs time only, since the sweep finds what is due. So publishing never waits and never fails a
caller: a bounded queue, one daemon thread, and a breaker that drops hints for a while when the broker refuses
(a refused broker costs a default publish 0.6 s, a silent one over 30).
"""

import atexit
import logging
import os
import queue
import threading
import time
from uuid import UUID

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 60
BREAKER_SECONDS = 5.0
QUEUE_SIZE = 10_000
FLUSH_SECONDS = 1.0


class Publisher:
    """Takes hints from any thread and publishes them from one of its own."""

    _clock = staticmethod(time.monotonic)  # the breaker's

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[str, str]] = queue.Queue(QUEUE_SIZE)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._open_until = 0.0
        self.dropped = 0

    def put(self, task: str, subject: str) -> None:
        """Queue a hint; drop it where the queue is full or the breaker open."""
        if self._clock() < self._open_until:
            self.dropped += 1
            return
        self._start()
        try:
            self._queue.put_nowait((task, subject))
        except queue.Full:
            self.dropped += 1

    def flush(self, timeout: float) -> bool:
        """Wait until the queue is empty; False where that took longer than `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self._queue.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.005)
        return not self._queue.unfinished_tasks

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            task, subject = self._queue.get()
            try:
                if self._clock() < self._open_until:
                    self.dropped += 1
                else:
                    self._publish(task, subject)
            finally:
                self._queue.task_done()

    def _publish(self, task: str, subject: str) -> None:
        try:
            current_app.send_task(task, args=[subject], expires=EXPIRES_SECONDS, retry=False, ignore_result=True)
        except Exception as error:  # noqa: BLE001 - each broker library raises its own; the sweep does the work instead
            self._open_until = self._clock() + BREAKER_SECONDS
            self.dropped += 1
            logger.warning("the broker takes no hints (%s); the sweep works on", error)


_publisher = Publisher()


def _renew() -> None:
    """A forked child has the parent's queue but not its thread."""
    global _publisher  # noqa: PLW0603 - one publisher a process is the point
    _publisher = Publisher()


os.register_at_fork(after_in_child=_renew)
atexit.register(lambda: _publisher.flush(FLUSH_SECONDS))


def hint(task: str, subject: UUID | str | int) -> None:
    """Once the surrounding transaction has committed, hint that `task` may have work with `subject`."""
    # robust: what is committed is done, whatever becomes of its hint (a process at its limit starts no thread).
    transaction.on_commit(lambda: _publisher.put(task, str(subject)), robust=True)

"""A capture process inside the test's own: its loop in a thread, real sockets, the test's database.

SIGTERM is what the server asks its loop to handle, so the loop here keeps the handlers and `sigterm` calls them.
"""

import asyncio
import signal
import socket
import threading
import time

import uvloop
from django.db import connections

from recordings.capture.server import CaptureServer
from recordings.capture.spool import NodeFolder

PATIENCE = 15.0


class Loop(uvloop.Loop):
    """A loop that may run beside the main thread, where no signal can be handled."""

    def __init__(self):
        super().__init__()
        self.handlers = {}
        self.listening = []

    def add_reader(self, fd, callback, *args):
        if args and isinstance(args[0], socket.socket):  # a port's: its callback is told which
            self.listening.append(args[0])
        super().add_reader(fd, callback, *args)

    def add_signal_handler(self, sig, callback, *args):
        self.handlers[sig] = (callback, args)


class Node:
    """`port` takes sockets from the moment the constructor returns; with `wait=False` it may be later."""

    def __init__(self, root, *, wait=True):
        self.folder = NodeFolder.claim(root)
        self.server = CaptureServer(self.folder, host="127.0.0.1", port=0)
        self.port = 0
        self.error = None
        self._cut = []  # connections that a crash leaves open
        self.loop = Loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="node")
        self._thread.start()
        if wait:
            self.wait_ready()

    def wait_ready(self):
        assert self._ready.wait(PATIENCE), "the node did not come up"
        if self.error:
            raise self.error

    def _run(self):
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self.server.run(ready=self._up))
        except asyncio.CancelledError:
            self.folder.release()  # as the kernel does for a process that was killed
        except Exception as error:  # noqa: BLE001 - whatever it is, the test's own thread raises it
            self.error = error
        finally:
            self._ready.set()
            self._clear_up()

    def _up(self, port):
        self.port = port
        self._ready.set()

    def _clear_up(self):
        """What the end of a process does by itself: its tasks, its sockets and its threads' connections."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for connection in self._cut or self.server._connections.values():
            if connection._transport is not None:
                connection._transport.disconnect(False)
        for listening in self.loop.listening:
            self.loop.remove_reader(listening.fileno()) if listening.fileno() >= 0 else None
            listening.close()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        for pool in (self.server._doors, self.server._work, self.server._pulse):
            close_connections_of(pool)
        self.loop.close()

    def url(self, path="", **query):
        words = "&".join(f"{name}={value}" for name, value in query.items())
        return f"ws://127.0.0.1:{self.port}/capture/{path}" + (f"?{words}" if words else "")

    def connection(self, stream):
        """The server's end of this stream's socket."""
        return self.server._connections[stream.pk]

    def call(self, act, *args):
        """Run on the loop, as everything there does."""
        done = asyncio.run_coroutine_threadsafe(_called(act, args), self.loop)
        return done.result(PATIENCE)

    def sigterm(self):
        callback, args = self.loop.handlers[signal.SIGTERM]
        self.loop.call_soon_threadsafe(callback, *args)

    def crash(self):
        """As after kill -9: nothing is closed in order, the lock is free, the spool is as it was."""

        def cancel():
            self._cut = list(self.server._connections.values())
            for task in asyncio.all_tasks(self.loop):
                task.cancel()

        self.loop.call_soon_threadsafe(cancel)
        self.join()

    def stop(self):
        if self._thread.is_alive():
            self.sigterm()
            self.join()

    def join(self, timeout=PATIENCE):
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the node does not end"

    @property
    def alive(self):
        return self._thread.is_alive()


async def _called(act, args):
    return act(*args)


def close_connections_of(pool):
    """Every thread of the pool closes its database connection: they meet at a barrier, so that each has its turn."""
    together = threading.Barrier(pool._max_workers)

    def close():
        together.wait(PATIENCE)
        connections.close_all()

    for done in [pool.submit(close) for _ in range(pool._max_workers)]:
        done.result(PATIENCE)
    pool.shutdown(wait=True)


def eventually(condition, *, within=PATIENCE, what="it"):
    """Wait until `condition()` holds and return its value."""
    until = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < until, f"{what} did not come within {within} s"
        time.sleep(0.01)
    return value

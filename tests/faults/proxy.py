"""A TCP proxy that can be cut: what stands behind it is gone, or silent, for the product alone."""

import asyncio
import threading
from contextlib import suppress


class Proxy:
    """Forwards from a port of its own to `host`:`port` while its block runs; `state` says what else it does."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._writers = set()
        self._refuses = False

    def __enter__(self):
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._on_loop(asyncio.start_server(self._forward, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._on_loop(self._set(refuses=False, flows=True))
        return self

    def __exit__(self, *error):
        self._on_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def refuse(self):
        """Every connection is cut, and new ones are cut as soon as they come."""
        self._on_loop(self._set(refuses=True, flows=True))

    def fall_silent(self):
        """Connections stay and new ones are taken, but not a byte passes."""
        self._on_loop(self._set(refuses=False, flows=False))

    def mend(self):
        self._on_loop(self._set(refuses=False, flows=True))

    def _on_loop(self, act):
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(10)

    async def _set(self, *, refuses, flows):
        self._refuses = refuses
        if flows:
            self._open.set()
        else:
            self._open.clear()
        if refuses:
            self._cut()

    def _cut(self):
        for writer in list(self._writers):
            writer.transport.abort()

    async def _close(self):
        self._server.close()
        self._open.set()
        self._refuses = True
        self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # the aborted transports are closed in the next round of the loop

    async def _forward(self, reader, writer):
        if self._refuses:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}

    async def _pump(self, reader, writer):
        with suppress(OSError, asyncio.CancelledError):  # cancelled where the proxy goes
            while data := await reader.read(65_536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

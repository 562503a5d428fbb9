"""The peers of `capture_cpu`: bare WebSocket servers that append each message to a file of its stream, and no more.

Run as `python -m benchmarks._peers websockets|picows FOLDER`; the first line on standard output is the port. Both run
on uvloop, without compression: as fast as each can be had.
"""

import itertools
import os
import sys
from pathlib import Path

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
from websockets.asyncio.server import ServerConnection, serve


class Appender(WSListener):
    """A picows connection that writes each message as it comes."""

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            os.write(self._file, frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        os.close(self._file)


class Files:
    """A new file for each stream."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    def open(self) -> int:
        path = self._folder / f"{next(self._numbers)}.raw"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


async def bare_picows(files: Files) -> None:
    def listener(request: WSUpgradeRequest) -> WSListener:  # noqa: ARG001 - picows' signature
        return Appender(files.open())

    server = await ws_create_server(listener, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def bare_websockets(files: Files) -> None:
    async def append(connection: ServerConnection) -> None:
        file = files.open()
        try:
            async for message in connection:
                if isinstance(message, bytes):
                    os.write(file, message)
        finally:
            os.close(file)

    async with serve(append, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    import uvloop  # noqa: PLC0415 - not on every platform

    name, folder = sys.argv[1:]
    act = {"picows": bare_picows, "websockets": bare_websockets}[name]

    async def run() -> None:
        await act(Files(Path(folder)))

    uvloop.run(run())


if __name__ == "__main__":
    main()

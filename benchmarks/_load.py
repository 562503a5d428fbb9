"""The load of `capture_cpu`, in a process of its own: streams at the pace of speech, and what they cost the server.

Run as `python -m benchmarks._load URL PID STREAMS WARM_UP SECONDS`. Each stream is a WebSocket
that carries a masked binary message of 20 ms L16 at 8 kHz every 20 ms; the streams' messages are spread evenly. Only
after `WARM_UP` seconds the CPU time of process PID (children included) is read, and again `SECONDS` later. One JSON
object on standard output says what was sent and spent.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

FRAME_SECONDS = 0.02
FRAME_BYTES = 320
SLOTS = 20
CONNECTING = 16
TICK = os.sysconf("SC_CLK_TCK")


class Stream(WSListener):
    """The engine's end of a stream; a server that closes it fails the run."""

    def __init__(self) -> None:
        super().__init__()
        self.hung_up = False
        self.closed = asyncio.Event()
        self.broken = ""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            if not self.hung_up:
                self.broken = f"closed with {frame.get_close_code()}: {frame.get_close_reason()}"
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        if not self.hung_up and not self.broken:
            self.broken = "the connection broke"
        self.closed.set()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with its threads and the children it has waited for (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


async def connect(url: str, count: int) -> list[tuple[WSTransport, Stream]]:
    """`count` sockets, some at a time."""
    turn = asyncio.Semaphore(CONNECTING)

    async def one() -> Any:
        async with turn:
            return await ws_connect(Stream, url, websocket_handshake_timeout=30)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def measure(url: str, *, pid: int, count: int, warm_up: float, seconds: float) -> dict[str, float]:
    """Stream, and give frames, CPU and wall seconds of the window, all frames, and how late the load was at most."""
    streams = await connect(url, count)
    slots = [[transport for transport, _ in streams[slot::SLOTS]] for slot in range(SLOTS)]
    payload = bytes((n * 37) % 251 for n in range(FRAME_BYTES))
    began = time.monotonic()
    first, last = (round(span / FRAME_SECONDS) for span in (warm_up, warm_up + seconds))
    late, before, opened = 0.0, 0.0, 0.0
    for number in range(last):
        if number == first:
            before, opened, late = cpu_seconds(pid), time.monotonic(), 0.0
        for slot, transports in enumerate(slots):
            ahead = began + (number + slot / SLOTS) * FRAME_SECONDS - time.monotonic()
            late = max(late, -ahead)
            if ahead > 0:
                await asyncio.sleep(ahead)
            for transport in transports:
                transport.send(WSMsgType.BINARY, payload)
        if number % 50 == 0 and (broken := next((s.broken for _, s in streams if s.broken), "")):
            raise SystemExit(f"a stream was lost: {broken}")
    spent, wall = cpu_seconds(pid) - before, time.monotonic() - opened
    for transport, stream in streams:
        stream.hung_up = True
        transport.send_close(WSCloseCode.OK)
    await asyncio.wait_for(asyncio.gather(*(stream.closed.wait() for _, stream in streams)), 30)
    return {"frames": (last - first) * count, "cpu": spent, "wall": wall, "sent": last * count, "late": late}


def main() -> None:
    """Run the load that the arguments describe."""
    import uvloop  # noqa: PLC0415 - not on every platform

    url, pid, count, warm_up, seconds = sys.argv[1:]
    told = measure(url, pid=int(pid), count=int(count), warm_up=float(warm_up), seconds=float(seconds))
    print(json.dumps(uvloop.run(told)))


if __name__ == "__main__":
    main()

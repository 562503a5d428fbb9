"""The capture process: a port, its streams, and the beats that keep them honest."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import aiofastnet
from django.conf import settings
from django.db import Error as DatabaseError
from picows import WSAutoPingStrategy
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stub leaves it out

from recordings.capture import admission, ledger
from recordings.capture.admission import Admission
from recordings.capture.connection import Connection
from recordings.capture.door import Door
from recordings.capture.ledger import Close
from recordings.capture.lives import Life, Lives
from recordings.capture.protocols import Handshake, Started, detect
from recordings.capture.session import in_thread
from recordings.capture.spool import NodeFolder
from recordings.errors import Fault, StreamRefused

logger = logging.getLogger(__name__)
picows_logger = logging.LoggerAdapter(logging.getLogger("picows.server"))

TICK_SECONDS = 0.25
BEAT_SECONDS = 2.0
ADOPT_SECONDS = 30.0
ANSWER_SECONDS = 5.0
LAST_STORES_SECONDS = 15.0
READ_BUFFER_BYTES = 4096


class CaptureServer:
    """A node: it takes sockets, spools their audio, and brings it to storage."""

    def __init__(self, folder: NodeFolder, *, host: str, port: int) -> None:
        self._folder = folder
        self._host = host
        self._port = port
        self._connections: dict[UUID, Connection] = {}
        self._doors = ThreadPoolExecutor(4, thread_name_prefix="door")
        self._work = ThreadPoolExecutor(8, thread_name_prefix="store")
        self._pulse = ThreadPoolExecutor(1, thread_name_prefix="pulse")
        self._lives = Lives(folder, self._work)
        self._refusal = "The recording server is starting"
        """Why no new stream is taken now, in a sentence; "" while they are."""
        self._stopping = asyncio.Event()

    async def run(self, *, ready: Callable[[int], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain. `ready` is told the port once sockets are taken."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopping.set)
        left = await self._take_stock()
        self._refusal = self._disk_trouble()
        server = await aiofastnet.create_server(
            loop, lambda: Door(self._welcome, self._protocol), self._host, self._port, reuse_port=True, backlog=1024
        )
        self._lives.adopt(self._folder, left)
        beats = [loop.create_task(_for_ever(act)) for act in (self._sweep, self._tick, self._beat, self._adopt)]
        ready(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()  # a successor has the port by SO_REUSEPORT; open sockets stay until their calls end
        await self._drain()
        for beat in beats:
            beat.cancel()
        self._folder.release()

    # --- New sockets --------------------------------------------------------------------------------------------------

    async def _welcome(self, handshake: Handshake) -> Connection:
        if handshake.path != admission.PATH and not handshake.path.startswith(admission.PATH + "/"):
            raise StreamRefused("Nothing is here", fault=Fault.REQUEST)
        refusal = "The recording server is stopping" if self._stopping.is_set() else self._refusal
        if refusal:
            raise StreamRefused(refusal, fault=Fault.OURS)
        start_ms = _start_ms(handshake)
        protocol = detect(handshake)
        events = protocol.open()
        started = next((event for event in events if isinstance(event, Started)), None)
        admitted = await self._ask(handshake, protocol.name, started)
        session = self._lives.begin(admitted, start_ms=start_ms)
        connection = Connection(session, protocol, events, max_message_bytes=settings.CAPTURE_MAX_MESSAGE_BYTES)
        self._connections[admitted.stream] = connection
        return connection

    async def _ask(self, handshake: Handshake, protocol: str, started: Started | None) -> Admission:
        asked = in_thread(
            self._doors,
            admission.admit,
            handshake,
            node_id=self._folder.node_id,
            protocol=protocol,
            started=started,
        )
        try:
            return await asyncio.wait_for(asyncio.shield(asked), ANSWER_SECONDS)
        except TimeoutError as error:
            asked.add_done_callback(self._too_late)
            raise StreamRefused("The database does not answer", fault=Fault.OURS) from error
        except DatabaseError as error:
            logger.warning("no stream was taken: %s", error)
            raise StreamRefused("The database does not answer", fault=Fault.OURS) from error

    def _too_late(self, asked: "asyncio.Future[Admission]") -> None:
        """A row that was opened after its socket had been refused: close it."""
        if not asked.cancelled() and asked.exception() is None:
            session = self._lives.begin(asked.result())
            session.close(Close("the database answered too late", orderly=False))

    def _protocol(self, listener_factory: Any) -> WSProtocol:
        return WSProtocol(
            None,
            None,
            False,  # noqa: FBT003 - picows' positional signature: this is the server's side
            listener_factory,
            picows_logger,
            True,  # noqa: FBT003 - disconnect on an exception in a callback
            5.0,
            False,  # noqa: FBT003 - no pings of ours: engines need not answer them
            20.0,
            20.0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            True,  # noqa: FBT003 - answer pings
            settings.CAPTURE_MAX_MESSAGE_BYTES,
            None,
            READ_BUFFER_BYTES,
        )

    # --- Beats --------------------------------------------------------------------------------------------------------

    async def _take_stock(self) -> list[tuple[UUID, UUID]]:
        """The node is in the database, and what its last process left open is known before new sockets come."""
        while not self._stopping.is_set():
            try:
                await in_thread(self._pulse, self._write_beat)
                return await in_thread(self._pulse, ledger.open_streams, self._folder.node_id)
            except DatabaseError as error:
                logger.warning("the database does not answer yet: %s", error)
                await asyncio.sleep(1)
        return []

    async def _sweep(self) -> None:
        """What needs no database: marks, floods, idleness."""
        await asyncio.sleep(TICK_SECONDS)
        moment = time.monotonic()
        for stream, connection in list(self._connections.items()):
            if self._lives.known(stream):
                connection.sweep(moment, idle_seconds=settings.CAPTURE_IDLE_SECONDS)
            else:
                del self._connections[stream]  # all of it is stored

    async def _tick(self) -> None:
        """One query for all sockets: which of them are to close. Without an answer no new stream is taken."""
        await asyncio.sleep(TICK_SECONDS)
        try:
            asked = in_thread(self._pulse, ledger.to_close, self._folder.node_id)
            closing = await asyncio.wait_for(asked, ANSWER_SECONDS)
        except (DatabaseError, TimeoutError) as error:
            self._refusal = "The database does not answer"
            logger.warning("capture goes on without the database: %s", error)
            return
        self._refusal = self._disk_trouble()
        for stream in closing.keys() & self._connections.keys():
            self._connections[stream].finish(Close(closing[stream], orderly=True))

    async def _beat(self) -> None:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            await in_thread(self._pulse, self._write_beat)
        except DatabaseError as error:
            logger.warning("no heartbeat: %s", error)

    def _write_beat(self) -> None:
        troubles = self._lives.troubles()
        ledger.beat(
            self._folder.node_id,
            spool_bytes=self._folder.spooled_bytes(),
            free_bytes=self._folder.free_bytes(),
            trouble=self._disk_trouble() or (f"{len(troubles)} streams wait: {troubles[0]}" if troubles else ""),
        )

    def _disk_trouble(self) -> str:
        free = self._folder.free_bytes()
        full = f"The recording server's disk is full ({free >> 20} MiB left)"
        return full if free < settings.CAPTURE_MIN_FREE_BYTES else ""

    async def _adopt(self) -> None:
        """Bring to an end what killed processes left: any folder whose lock is free."""
        await asyncio.sleep(ADOPT_SECONDS)
        folders = await in_thread(self._work, NodeFolder.claim_abandoned, self._folder.path.parent)
        lives: list[Life] = []
        try:
            for folder in folders:
                lives += self._lives.adopt(folder, await in_thread(self._pulse, ledger.open_streams, folder.node_id))
        except (DatabaseError, OSError) as error:
            logger.warning("abandoned streams wait for the next round: %s", error)
        finally:
            if lives:
                await asyncio.wait(lives)  # their locks are ours until their streams are stored
            for folder in folders:
                folder.release()

    # --- The end ------------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        deadline = time.monotonic() + settings.CAPTURE_DRAIN_SECONDS
        while self._connections and time.monotonic() < deadline:  # noqa: ASYNC110 - calls end one by one, no one event
            await asyncio.sleep(TICK_SECONDS)
        for connection in list(self._connections.values()):
            connection.finish(Close("the recording server restarts", orderly=False), code=1012)
        await self._lives.settle(seconds=LAST_STORES_SECONDS)


async def _for_ever(act: Callable[[], Awaitable[None]]) -> None:
    """One beat after the other. What fails in one is told, and the next comes all the same: calls are running."""
    while True:
        try:
            await act()
        except Exception:
            logger.exception("a beat of the recording server failed")
            await asyncio.sleep(TICK_SECONDS)


def serve(*, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Run a capture process until it is told to stop."""
    import uvloop  # noqa: PLC0415 - not on every platform; the process cannot do without where it runs

    folder = NodeFolder.claim(Path(settings.CAPTURE_DIR))

    async def main() -> None:
        await CaptureServer(folder, host=host, port=port).run(ready=ready)

    uvloop.run(main())


def _start_ms(handshake: Handshake) -> int | None:
    """`?at_ms=`: where on the timeline the engine says its first frame stands."""
    text = handshake.query.get("at_ms")
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise StreamRefused("at_ms is no number of milliseconds", fault=Fault.REQUEST)
    return int(text)

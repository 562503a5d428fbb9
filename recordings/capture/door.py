"""Before the WebSocket: the request's head is read, the socket's row opened or refused, and only then it is upgraded.

picows decides on an upgrade in a plain function, on the loop, where no database may be asked. So this protocol stands
in front of it, and hands the connection over with all it has read once the answer is known. Whoever may not stream
gets an HTTP status and a sentence, and not a byte of what it sent is kept.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from picows import WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stub leaves it out

from recordings.capture.connection import Connection
from recordings.capture.protocols import Handshake, choose_subprotocol
from recordings.errors import Fault, StreamRefused

logger = logging.getLogger(__name__)

HEAD_BYTES_MAX = 16_384
HEAD_SECONDS = 5.0
STATUS = {
    Fault.CREDENTIAL: HTTPStatus.UNAUTHORIZED,
    Fault.STATE: HTTPStatus.CONFLICT,
    Fault.REQUEST: HTTPStatus.BAD_REQUEST,
    Fault.OURS: HTTPStatus.SERVICE_UNAVAILABLE,
}

Welcome = Callable[[Handshake], Awaitable[Connection]]
"""Opens the socket's row; raises StreamRefused."""


class Door(asyncio.Protocol):
    """One connection until it is upgraded."""

    def __init__(self, welcome: Welcome, make_protocol: Callable[..., WSProtocol]) -> None:
        self._welcome = welcome
        self._make_protocol = make_protocol
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # aiofastnet's has the methods, not the base class
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEAD_SECONDS, self._answer, HTTPStatus.REQUEST_TIMEOUT, "The request is too slow")

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._task is not None:
            return
        end = self._head.find(b"\r\n\r\n")
        if 0 <= end <= HEAD_BYTES_MAX:
            self._cancel_timer()
            self._task = asyncio.get_running_loop().create_task(self._open())
        elif len(self._head) > HEAD_BYTES_MAX:
            self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._cancel_timer()
        self._transport = None

    async def _open(self) -> None:
        head = bytes(self._head).partition(b"\r\n\r\n")[0]
        try:
            method, handshake = parse(head)
            if handshake.path == "/healthz":
                self._answer(HTTPStatus.OK, "ok")
                return
            if method != "GET" or handshake.headers.get("upgrade", "").lower() != "websocket":
                self._answer(HTTPStatus.UPGRADE_REQUIRED, "This address takes WebSockets only")
                return
            if self._transport is not None:
                self._transport.pause_reading()
            connection = await self._welcome(handshake)
        except StreamRefused as refusal:
            self._answer(STATUS[refusal.fault], str(refusal))
        except Exception:
            logger.exception("a connection could not be answered")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here")
        else:
            self._hand_over(connection, handshake)

    def _hand_over(self, connection: Connection, handshake: Handshake) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():  # it went while we asked
            connection.abandon("it hung up before it was answered")
            return
        extra = {"X-Recording-Id": str(connection.session.recording)}
        subprotocol = choose_subprotocol(handshake)
        if subprotocol:
            extra["Sec-WebSocket-Protocol"] = subprotocol
        response = WSUpgradeResponse.create_101_response(extra)
        protocol = self._make_protocol(lambda _request: WSUpgradeResponseWithListener(response, connection))
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        feed(protocol, bytes(self._head))
        if not connection.connected:
            connection.abandon("its upgrade was not a WebSocket's")
        if not transport.is_closing():
            transport.resume_reading()

    def _answer(self, status: HTTPStatus, sentence: str) -> None:
        self._cancel_timer()
        transport, self._transport = self._transport, None
        if transport is None or transport.is_closing():
            return
        body = sentence.encode() + b"\n"
        extra = 'WWW-Authenticate: Basic realm="capture"\r\n' if status == HTTPStatus.UNAUTHORIZED else ""
        extra += "Retry-After: 5\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n{extra}"
        transport.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        transport.close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def parse(head: bytes) -> tuple[str, Handshake]:
    """The method and what the engine asks for. Raises StreamRefused where it is no HTTP/1.1 request."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] != "HTTP/1.1" or not parts[1].startswith("/"):
        raise StreamRefused("This is no HTTP/1.1 request", fault=Fault.REQUEST)
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise StreamRefused("A header line is malformed", fault=Fault.REQUEST)
        name = name.lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    try:
        target = urlsplit(parts[1])
    except ValueError as error:  # "//[": no IPv6 address
        raise StreamRefused("The address is malformed", fault=Fault.REQUEST) from error
    offered = headers.get("sec-websocket-protocol", "").split(",")
    return parts[0], Handshake(
        path=target.path,
        query=dict(parse_qsl(target.query, keep_blank_values=True)),
        headers=headers,
        subprotocols=tuple(name.strip() for name in offered if name.strip()),
    )


def feed(protocol: WSProtocol, data: bytes) -> None:
    """Give a buffered protocol bytes that were read before it took over."""
    rest = memoryview(data)
    while rest:
        buffer = protocol.get_buffer(len(rest))
        size = min(len(buffer), len(rest))
        buffer[:size] = rest[:size]
        protocol.buffer_updated(size)
        rest = rest[size:]

"""One WebSocket, from its first frame to its close: audio goes to the spool, everything else to the protocol.

The hot path takes binary frames of a protocol that is `raw`: their payloads are copied (picows' view dies with the
callback) and written once per receive. A low-water mark on the socket (SO_RCVLOWAT, 200 ms of this stream's wire
bytes) lets the kernel wake us five times a second instead of fifty; `sweep` takes it back from a quiet socket, since
a close or a ping is smaller than the mark.
"""

import asyncio
import logging
import select
import socket
import time
from typing import Any

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from recordings.capture.ledger import Close
from recordings.capture.protocols import (
    TEXT_BYTES_MAX,
    Dtmf,
    Ended,
    Event,
    MediaFormat,
    Metadata,
    Protocol,
    Refused,
    Started,
)
from recordings.capture.session import Session
from recordings.states import EndReason
from workspaces.clock import now

logger = logging.getLogger(__name__)

MARK_MS = 200
FRAME_MS = 20
FRAME_HEADER_BYTES = 8  # RFC 6455 §5.2: 2 + 2 of extended length + 4 of mask
BACKLOG_HIGH, BACKLOG_LOW = 64 << 20, 32 << 20
"""Bytes in the spool, not yet in storage, at which a socket that sends faster than real time is made to wait."""
MESSAGES_PER_SWEEP = 250
"""Texts and pongs taken between two sweeps; beyond that it is a flood. Pings picows answers without a word to us."""
ORDERLY_CODES = frozenset({WSCloseCode.OK, WSCloseCode.NO_INFO})
LINGER_SECONDS = 0.02
BINARY, CONTINUATION, CLOSE = WSMsgType.BINARY, WSMsgType.CONTINUATION, WSMsgType.CLOSE  # an enum's look-up is slow


class Connection(WSListener):
    """The socket's end of a session."""

    def __init__(self, session: Session, protocol: Protocol, events: list[Event], *, max_message_bytes: int) -> None:
        super().__init__()
        self.session = session
        self._protocol = protocol
        self._early = events
        self._max_message = max_message_bytes
        self._format: MediaFormat | None = None
        self._transport: WSTransport | None = None
        self._socket: socket.socket | None = None
        self._parts: list[bytes] = []
        self._text: list[bytes] | None = None  # fragments of a text that has begun
        self._message = 0  # bytes of the message in hand
        self._mark = 1
        self._full_mark = 1  # the mark of a stream that flows, in bytes on the wire
        self._flow = 1  # bytes of audio between two sweeps from which on it flows
        self._swept = 0  # bytes received at the last sweep
        self._chatter = 0
        self._heard_at = time.monotonic()
        self._waiting = False
        self._ending: Close | None = None

    # --- picows' callbacks ------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._socket = transport.underlying_transport.get_extra_info("socket")
        self._heed(self._early)
        if self._protocol.handshake.query.get("silence") == "1":
            asyncio.get_running_loop().call_later(FRAME_MS / 1000, self._send_silence)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if self._ending is not None:
            if kind == CLOSE:
                transport.disconnect()
            return
        if kind == BINARY and self._protocol.raw and frame.fin and not self._message and not frame.rsv1:
            self._parts.append(frame.get_payload_as_bytes())  # picows refuses a frame that is too large
        elif kind == BINARY or (kind == CONTINUATION and self._text is None):
            self._binary(frame)
        else:
            self._other(transport, frame, kind)
        if self._parts and frame.last_in_buffer:
            self._flush()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._parts:
            self._flush()
        if self._ending is None:
            shook = transport.close_handshake  # None where the connection broke without a word
            sent = shook.sent if shook is not None else None
            if sent is not None and sent.code == WSCloseCode.MESSAGE_TOO_BIG:
                self._ending = _engine_fault(f"a message is larger than {self._max_message} bytes")
        self.session.close(self._ending or Close("the connection broke", orderly=False))

    # --- What arrives -----------------------------------------------------------------------------------------------

    def _binary(self, frame: WSFrame) -> None:
        size = frame.payload_size
        whole = self._message + size
        self._message = 0 if frame.fin else whole
        if frame.rsv1:
            self._fault(1002, "a message is compressed, which was not agreed")
        elif whole > self._max_message:
            self._fault(1009, f"a message is larger than {self._max_message} bytes")
        elif self._protocol.raw:
            self._parts.append(frame.get_payload_as_bytes())
        else:
            self._heed(self._protocol.binary_before_start(size))

    def _other(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        self._chatter += 1
        if self._chatter > MESSAGES_PER_SWEEP:
            self._fault(1008, "too many messages that are no audio")
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._collect_text(frame)
        elif kind == WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._ending = Close(_said(code, frame.get_close_reason()), orderly=code in ORDERLY_CODES)
            transport.send_close(code if code != WSCloseCode.NO_INFO else WSCloseCode.OK)
            transport.disconnect()

    def _collect_text(self, frame: WSFrame) -> None:
        parts = self._text = self._text or []
        parts.append(frame.get_payload_as_bytes())
        if sum(map(len, parts)) > TEXT_BYTES_MAX:
            self._fault(1009, f"a text is larger than {TEXT_BYTES_MAX} bytes")
        elif frame.fin:
            self._text = None
            self._heed(self._protocol.text_bytes(b"".join(parts)))

    def _heed(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Started(format=media, call_id=call_id, metadata=metadata):
                    self._format = media
                    self._flow = media.wire_bytes(MARK_MS // 2)
                    self._full_mark = media.wire_bytes(MARK_MS) + MARK_MS // FRAME_MS * FRAME_HEADER_BYTES
                    self.session.describe({**metadata, **({"call_id": call_id} if call_id else {})})
                case Metadata(values=values):
                    self.session.describe(values)
                case Ended(reason=reason):
                    self.finish(Close(reason or "the engine said it was done", orderly=True))
                case Refused(code=code, reason=reason):
                    self._fault(code, reason)
                case Dtmf():
                    pass  # keys are not kept: they may be a card's number

    def _flush(self) -> None:
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        session = self.session
        if session.closed:
            return
        try:
            if not session.began:
                if self._format is None:
                    return
                session.begin(self._format, now())
            session.append(data)
        except OSError as error:
            session.trouble = f"the spool takes no more: {error.strerror}"
            logger.exception("stream %s: %s", session.stream, session.trouble)
            # At once: what came later would stand in the place of what was lost.
            self._hang_up(Close(session.trouble, orderly=False), 1011)

    # --- What we do -------------------------------------------------------------------------------------------------

    def sweep(self, moment: float, *, idle_seconds: float) -> None:
        """Every 250 ms: set the mark, make what comes too fast wait, end what is idle."""
        if self._parts:  # a ping came behind them, which picows answers without a word to us
            self._flush()
        received = self.session.received
        arrived, self._swept = received - self._swept, received
        self._chatter = 0
        if arrived:
            self._heard_at = moment
        if self._format is not None and self._ending is None:
            self._set_mark(self._full_mark if arrived >= self._flow else 1)
        self._hold_back()
        if not arrived and not self._waiting and self._ending is None:
            self._look_again()
        if moment - self._heard_at > idle_seconds and not self._waiting and self._ending is None:
            self.finish(Close(f"no audio for {idle_seconds:g} s", orderly=True))

    def finish(self, close: Close, *, code: int = 1000) -> None:
        """Close from our side: what the kernel holds is read first, then the socket goes."""
        if self._ending is not None or self._transport is None:
            return
        self._set_mark(1)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._hang_up, close, code)

    @property
    def connected(self) -> bool:
        """True once the socket was upgraded: from then on its end is told to us, before it is not."""
        return self._transport is not None

    def abandon(self, why: str) -> None:
        """It was never upgraded: its row closes, with nothing received."""
        self.session.close(Close(why, orderly=False))

    def _hang_up(self, close: Close, code: int) -> None:
        if self._ending is not None or self._transport is None:
            return
        if self._parts:
            self._flush()
            if self.session.closed:  # the disk took no more, and that closed it
                return
        self._ending = close
        self.session.close(close)
        self._transport.send_close(WSCloseCode(code), close.reason.encode()[:120])
        self._transport.disconnect()

    def _fault(self, code: int, reason: str) -> None:
        logger.warning("stream %s is closed with %d: %s", self.session.stream, code, reason)
        self._hang_up(_engine_fault(reason), code)

    def _set_mark(self, mark: int) -> None:
        if mark != self._mark and self._socket is not None and self._socket.fileno() >= 0:
            self._mark = mark
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)

    def _look_again(self) -> None:
        """libuv tells of a reset once and then watches no more; where audio stood before it, only that was read.
        Watched anew, the socket is read to its end."""
        if self._socket is None or self._transport is None or self._socket.fileno() < 0:
            return
        look = select.poll()
        look.register(self._socket.fileno(), 0)
        if look.poll(0):
            self._transport.underlying_transport.pause_reading()
            self._transport.underlying_transport.resume_reading()

    def _hold_back(self) -> None:
        if self._transport is None or self._transport.is_disconnected:
            return
        backlog = self.session.backlog
        if self._waiting and backlog < BACKLOG_LOW:
            self._waiting = False
            self._transport.underlying_transport.resume_reading()
        elif not self._waiting and backlog > BACKLOG_HIGH:
            self._waiting = True
            self._transport.underlying_transport.pause_reading()

    def _send_silence(self) -> None:
        """`?silence=1`: zero frames back through the socket keep the engine's channel alive while it is recorded."""
        transport = self._transport
        if self._ending is not None or transport is None or transport.is_disconnected:
            return
        if self._format is not None:
            zero = b"\0" if self._format.encoding == "l16" else b"\xff" if self._format.encoding == "ulaw" else b"\xd5"
            transport.send(WSMsgType.BINARY, zero * self._format.wire_bytes(FRAME_MS))
        asyncio.get_running_loop().call_later(FRAME_MS / 1000, self._send_silence)


def _engine_fault(reason: str) -> Close:
    return Close(reason, orderly=True, end_reason=EndReason.ENGINE_ERROR, detail=reason)


def _said(code: Any, reason: str | None) -> str:
    if code == WSCloseCode.NO_INFO:
        return "closed without a code"
    return f"closed with {code.value}" + (f": {reason}" if reason else "")

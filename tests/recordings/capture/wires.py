"""A WebSocket client down at the bytes (RFC 6455 §5.2), for what no well-behaved library would send."""

import os
import socket
import struct

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


def request(path, *, method="GET", headers=()):
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(opcode, payload=b"", *, fin=True, rsv1=False, masked=True):
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode
    mask_bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    pattern = (mask * (size // 4 + 1))[:size]
    sealed = (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big") if size else b""
    return head + mask + sealed


def close_frame(code, reason=""):
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


class Wire:
    """A TCP connection to a node; everything read is in order, and every wait ends after 10 s."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._held = b""

    def send(self, data):
        self.socket.sendall(data)

    def upgrade(self, path, **options):
        self.send(request(path, **options))
        status, headers, body = self.answer()
        assert status == 101, (status, body)
        return headers

    def answer(self):
        """Status, headers (names in lower case) and body of an HTTP answer."""
        while b"\r\n\r\n" not in self._held:
            self._held += self._some()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, self._exactly(int(headers.get("content-length", 0)))

    def receive(self):
        """Opcode and payload of the next frame."""
        first, second = self._exactly(2)
        assert not second & 0x80, "a server does not mask"
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
        return first & 0x0F, self._exactly(size)

    def receive_close(self):
        """Code and reason of the close, whatever came before it."""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    def at_end(self):
        """True where the server has closed the connection and nothing more is to be read."""
        try:
            return self._held == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def reset(self):
        """Break the connection without a word (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def _some(self):
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError("the server closed the connection")
        return data

    def _exactly(self, size):
        while len(self._held) < size:
            self._held += self._some()
        taken, self._held = self._held[:size], self._held[size:]
        return taken

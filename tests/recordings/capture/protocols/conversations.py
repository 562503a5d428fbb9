"""How the protocol tests shake hands."""

from urllib.parse import parse_qsl, urlsplit

from recordings.capture.protocols import Handshake


def handshake(url="/capture/key", *, subprotocols=(), headers=None):
    """The handshake of an engine that asks for `url`."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Handshake(parts.path, query, headers or {}, tuple(subprotocols))

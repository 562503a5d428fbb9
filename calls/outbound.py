"""Requests to addresses that workspaces supply: each is checked when it is connected to, and that one is connected to.

A name is resolved once, every address it gives is judged, and the socket goes to a judged address itself, so a name
that answers differently the second time (DNS rebinding) gains nothing. Host, SNI and certificate checks keep the
name. Refused unless settings.OUTBOUND_ALLOW lists their network: private, loopback, link-local, shared, multicast,
reserved and unspecified addresses, and those that carry such an IPv4 address inside (mapped, 6to4, Teredo, NAT64).
Redirects are never followed and no proxy of the environment is used.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import urllib3
from django.conf import settings
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

READ_LIMIT = 2048
"""Bytes of a reply's body that are read, and dropped."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class Unreachable(Exception):
    """No reply was had; the text is a sentence for whoever set the address up."""


class AddressRefused(Unreachable):
    """The address is none that requests may go to."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply's status and headers; its body is not kept."""

    status: int
    headers: Mapping[str, str]


def networks() -> list[IPv4Network | IPv6Network]:
    """settings.OUTBOUND_ALLOW, parsed; ValueError names an entry that is no network."""
    return [ipaddress.ip_network(text, strict=False) for text in settings.OUTBOUND_ALLOW]


def parse(url: str) -> Url:
    """The parts of an absolute http or https URL; Unreachable says what is wrong with another."""
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise Unreachable(f"{url!r} is no address: it cannot be read") from error
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise Unreachable(f"{url!r} is no address that begins with http:// or https:// and names a host")
    return parts


def judge(address: Address) -> None:
    """AddressRefused unless requests may go to `address`."""
    allowed = networks()
    if _listed(address, allowed):
        return
    for each in _carried(address) or (address,):
        # Site-local (fec0::/10) went out of use before it could become "private" to Python.
        local = isinstance(each, IPv6Address) and each.is_site_local
        public = each.is_global and not (each.is_multicast or each.is_reserved or local)
        if not public and not _listed(each, allowed):
            raise AddressRefused(f"{address} is not a public address, and OUTBOUND_ALLOW does not list it")


def _listed(address: Address, allowed: list[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in allowed if network.version == address.version)


def _carried(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses inside an IPv6 one: where a packet to it may really go."""
    if isinstance(address, IPv4Address):
        return ()
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if address in NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


class Deadline:
    """Ends whatever a socket does `seconds` after the start, however slowly the other side keeps talking.

    urllib3's time-outs restart with every byte; this does not. Resolving a name is the resolver's own time.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._watched: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> float:
        """Seconds, never below 1 ms: 0 would mean "do not block" to a socket."""
        return max(self._ends - time.monotonic(), 0.001)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._ends

    def watch(self, sock: socket.socket) -> None:
        self._watched = sock.dup()  # TLS takes the socket's own descriptor over

    def close(self) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._watched is not None:
            self._watched.close()

    def _cut(self) -> None:
        watched = self._watched
        if watched is not None:
            try:
                watched.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side was first: nothing is left to cut


def _connect(host: str, port: int, *, deadline: Deadline) -> socket.socket:
    """A socket connected to the first address of `host` that is allowed and answers."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host} cannot be resolved: {error}") from error
    failure: Exception = Unreachable(f"{host} has no address")
    for family, kind, protocol, _, place in found:
        try:
            judge(ipaddress.ip_address(str(place[0])))
            sock = socket.socket(family, kind, protocol)
        except (AddressRefused, OSError) as error:
            failure = error
            continue
        try:
            sock.settimeout(deadline.left())
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(place)
            deadline.watch(sock)
        except OSError as error:
            sock.close()
            failure = error
            continue
        return sock
    if isinstance(failure, AddressRefused):
        raise AddressRefused(f"{host} is refused: {failure}")
    raise Unreachable(f"{host} cannot be connected to: {failure or type(failure).__name__}") from failure


class _Checked(HTTPConnection):
    """Connects through `_connect`; `deadline` comes as a keyword of the pool."""

    def __init__(self, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deadline = deadline

    def _new_conn(self) -> socket.socket:
        port = self.port or self.default_port
        return _connect(self._dns_host.strip("[]"), port, deadline=self.deadline)


class _CheckedTLS(_Checked, HTTPSConnection):
    """The same under TLS: the certificate is checked against the name."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Checked


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _CheckedTLS


def post(url: str, *, body: bytes, headers: Mapping[str, str], seconds: float) -> Reply:
    """POST `body` and give the reply's status and headers, all within `seconds`.

    A redirect is a reply like any other. Raises Unreachable where there is no reply, and AddressRefused before a
    byte is sent where the address is not allowed.
    """
    parts = parse(url)
    kind = _PoolTLS if parts.scheme == "https" else _Pool
    deadline = Deadline(seconds)
    try:
        with kind(str(parts.host), parts.port, timeout=seconds, retries=False, deadline=deadline) as pool:
            reply = pool.urlopen(
                "POST",
                parts.request_uri,
                body=body,
                headers=headers,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
            if deadline.passed:  # http.client takes headers that were cut off for complete ones
                reply.close()
                raise TimeoutError
            _drop_body(reply)
            return Reply(reply.status, reply.headers)
    except (HTTPError, OSError, ValueError) as error:  # ValueError: http.client's view of an odd target or header
        if deadline.passed:
            raise Unreachable(f"{parts.host} gave no reply within {seconds:g} s") from error
        raise Unreachable(f"{parts.host} gave no reply: {error}") from error
    finally:
        deadline.close()


def _drop_body(reply: urllib3.BaseHTTPResponse) -> None:
    """Read a little, so that a short reply's connection ends in order; then hang up."""
    try:
        reply.read(READ_LIMIT)
    except (HTTPError, OSError):
        return  # the status is in hand, and it alone decides
    finally:
        reply.close()

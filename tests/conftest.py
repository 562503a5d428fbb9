"""What every test shares: the cast, and a guard that keeps unit tests off the network."""

import socket
from ipaddress import ip_address

import pytest

ON_THE_NETWORK = {"e2e", "browser", "fault"}  # tests that start processes, which no patch of ours reaches anyway


@pytest.fixture
def cast(db):
    from tests.cast import Cast

    return Cast()


@pytest.fixture(autouse=True)
def no_network(request, monkeypatch):
    """Refuses connections, datagrams and look-ups that leave this machine; loopback and Unix sockets pass."""
    if any(request.node.get_closest_marker(name) for name in ON_THE_NETWORK):
        return
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
    look_up = socket.getaddrinfo

    def guarded_connect(self, address):
        _refuse_remote(self, address)
        return connect(self, address)

    def guarded_connect_ex(self, address):
        _refuse_remote(self, address)
        return connect_ex(self, address)

    def guarded_sendto(self, data, *rest):
        _refuse_remote(self, rest[-1])
        return sendto(self, data, *rest)

    def guarded_look_up(host, *args, **kwargs):
        name = host.decode() if isinstance(host, bytes) else host
        if name and name.endswith(".invalid"):  # RFC 6761: known not to exist, without asking anyone
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not _is_local(name):
            pytest.fail(f"a unit test looked up {name}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket.socket, "sendto", guarded_sendto)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


def _refuse_remote(sock, address):
    if sock.family in {socket.AF_INET, socket.AF_INET6} and not _is_local(address[0]):
        pytest.fail(f"a unit test reached for {address[0]}:{address[1]}")


def _is_local(host):
    """Loopback, this machine's own name, or the address that means all of its interfaces."""
    if host in {None, "", "localhost", socket.gethostname()}:
        return True
    try:
        address = ip_address(host.split("%")[0])
    except ValueError:  # a name
        return False
    return address.is_loopback or address.is_unspecified

import socket

import pytest

REFUSED = pytest.fail.Exception


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("192.0.2.1", 80)),
        (socket.AF_INET, ("example.com", 80)),
        (socket.AF_INET6, ("2001:db8::1", 80)),
    ],
)
@pytest.mark.parametrize("verb", ["connect", "connect_ex"])
def test_connections_that_leave_the_machine_are_refused(family, address, verb):
    with socket.socket(family) as sock, pytest.raises(REFUSED, match=address[0]):
        getattr(sock, verb)(address)


def test_datagrams_and_look_ups_that_leave_the_machine_are_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(REFUSED):
        sock.sendto(b"x", ("192.0.2.1", 53))
    with pytest.raises(REFUSED, match="looked up"):
        socket.create_connection(("example.com", 80))
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nobody.invalid", 80)


def test_loopback_and_unix_sockets_pass(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("localhost", port), timeout=5).close()
        with socket.socket() as sock:
            assert sock.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b:
        b.bind(("127.0.0.1", 0))
        a.sendto(b"x", b.getsockname())
        assert b.recv(9) == b"x"


@pytest.mark.e2e
def test_tests_that_start_processes_are_left_alone():
    assert socket.socket.connect.__qualname__ == "socket.connect"

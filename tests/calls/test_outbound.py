import ipaddress
import socket
import ssl

import pytest

from calls import outbound

FORBIDDEN = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "fec0::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2".replace("3fff:fdd2", "f5ff:fffe"),  # Teredo around 10.0.0.1
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_addresses_that_are_not_public_are_refused(text, settings):
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(outbound.AddressRefused, match="not a public address"):
        outbound.judge(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_addresses_pass(text, settings):
    settings.OUTBOUND_ALLOW = []
    assert outbound.judge(ipaddress.ip_address(text)) is None


def test_what_is_listed_passes_and_only_that(settings):
    settings.OUTBOUND_ALLOW = ["10.0.0.0/8", "fd00::1/8"]
    for text in ["10.9.9.9", "::ffff:10.9.9.9", "fd12::1"]:
        outbound.judge(ipaddress.ip_address(text))
    for text in ["192.168.1.1", "fe80::1", "::1"]:
        with pytest.raises(outbound.AddressRefused):
            outbound.judge(ipaddress.ip_address(text))


def post(url, seconds=5):
    return outbound.post(url, body=b"{}", headers={"x-one": "1"}, seconds=seconds)


def answer(*addresses):
    """What getaddrinfo gives for these."""
    return [
        (
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM,
            socket.IPPROTO_TCP,
            "",
            (address, port, 0, 0) if ":" in address else (address, port),
        )
        for address, port in addresses
    ]


def resolver(monkeypatch, *answers):
    """Names resolve to each answer in turn; the list of names that were asked for."""
    asked, left = [], list(answers)

    def look_up(host, port, *args, **kwargs):
        asked.append(host)
        return left.pop(0)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"])
def test_a_refused_address_is_not_even_connected_to(integrator, settings, monkeypatch, host):
    settings.OUTBOUND_ALLOW = []
    port = integrator.server_address[1]
    if host in {"2130706433", "0x7f.1"}:  # 127.0.0.1 as some resolvers read it
        resolver(monkeypatch, answer(("127.0.0.1", port)))
    if "ffff" in host:
        resolver(monkeypatch, answer(("::ffff:127.0.0.1", port)))
    with pytest.raises(outbound.AddressRefused, match="is refused"):
        post(f"http://{host}:{port}/")
    assert integrator.connections == 0


def test_a_name_is_resolved_once_and_the_judged_address_is_connected_to(integrator, settings, monkeypatch):
    port = integrator.server_address[1]
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    asked = resolver(monkeypatch, answer(("127.0.0.1", port)), answer(("127.0.0.2", port)))
    assert post(f"http://hooks.example:{port}/a?b=c").status == 204
    assert asked == ["hooks.example"]
    assert integrator.requests[0].path == "/a?b=c"
    assert integrator.requests[0].headers["host"] == f"hooks.example:{port}"
    assert integrator.requests[0].headers["x-one"] == "1"


def test_a_name_that_turns_to_a_private_address_is_refused_the_second_time(integrator, settings, monkeypatch):
    port = integrator.server_address[1]
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    resolver(monkeypatch, answer(("127.0.0.1", port)), answer(("127.0.0.2", port)))
    post(f"http://hooks.example:{port}/")
    with pytest.raises(outbound.AddressRefused, match=r"hooks\.example is refused: 127\.0\.0\.2"):
        post(f"http://hooks.example:{port}/")
    assert integrator.connections == 1


def test_of_several_addresses_the_first_allowed_that_answers_is_used(integrator, settings, monkeypatch):
    port = integrator.server_address[1]
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    resolver(monkeypatch, answer(("10.0.0.1", port), ("127.0.0.3", port), ("127.0.0.1", port)))
    assert post(f"http://hooks.example:{port}/").status == 204


def test_a_name_that_does_not_exist(settings):
    with pytest.raises(outbound.Unreachable, match=r"nowhere\.invalid cannot be resolved"):
        post("http://nowhere.invalid/")


def test_a_name_without_addresses(monkeypatch):
    resolver(monkeypatch, [])
    with pytest.raises(outbound.Unreachable, match="has no address"):
        post("http://hooks.example/")


def test_a_port_that_nobody_listens_on(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(outbound.Unreachable, match="cannot be connected to"):
            post(f"http://127.0.0.1:{taken.getsockname()[1]}/")


@pytest.mark.parametrize("url", ["ftp://example.org/", "/hook", "http://", "http://[::1", "http://a:b:c/", ""])
def test_what_is_no_web_address(url):
    with pytest.raises(outbound.Unreachable, match="is no address"):
        outbound.parse(url)


def test_a_server_that_trickles_is_cut_off_at_the_deadline(integrator):
    integrator.trickles = True
    with pytest.raises(outbound.Unreachable, match=r"no reply within 0\.3 s"):
        post(integrator.url, seconds=0.3)


def test_a_server_that_closes_without_a_reply(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    from threading import Thread

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises(outbound.Unreachable, match=r"127\.0\.0\.1 gave no reply"):
            post(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()


def test_a_long_body_is_not_read_to_its_end(integrator):
    integrator.body = b"x" * 50_000_000
    integrator.replies.append((200, {}))
    assert post(integrator.url).status == 200
    assert integrator.cut_off.wait(10)


def test_a_body_that_breaks_off_does_not_undo_the_status(integrator):
    integrator.replies.append((200, {"transfer-encoding": "chunked"}))  # and then no chunk
    assert post(integrator.url).status == 200


def test_tls_is_verified_by_name(settings, monkeypatch, tmp_path):
    """A certificate nobody vouches for is refused, and SNI carries the name, not the address."""
    from threading import Thread

    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def greet():
            connection, _ = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        thread = Thread(target=greet)
        thread.start()
        resolver(monkeypatch, answer(("127.0.0.1", port)))
        with pytest.raises(outbound.Unreachable, match=r"hooks\.example gave no reply"):
            post(f"https://hooks.example:{port}/")
        thread.join()
    assert names == ["hooks.example"]

"""A session on a call, a style that writes events plainly, and an integrator's server that replies as told."""

from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Flag
from threading import Thread

import pytest

SECRET = "whsec_" + "c2VjcmV0" * 4  # base64 of "secret" four times


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


class Integrator(ThreadingHTTPServer):
    """Answers each POST by the next of `replies`, (status, headers), or 204 where there is none."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Desk)
        self.requests: list[Request] = []
        self.connections = 0
        self.replies: deque[tuple[int, dict[str, str]]] = deque()
        self.silent = False
        self.trickles = False
        self.let_go = Flag()
        self.cut_off = Flag()
        self.body = b""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)


class Desk(BaseHTTPRequestHandler):
    server: Integrator

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(self.path, headers, body))
        if self.server.silent:
            self.server.let_go.wait(20)
            return
        if self.server.trickles:
            self._trickle()
            return
        status, headers = self.server.replies.popleft() if self.server.replies else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        try:
            self.wfile.write(self.server.body)
        except ConnectionError:
            self.server.cut_off.set()

    def _trickle(self):
        """A reply that never gets past its headers, and never falls silent either."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
            while not self.server.let_go.wait(0.02):
                self.wfile.write(b"z")
        except OSError:
            return

    def log_message(self, *args):
        return


@pytest.fixture
def integrator(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with Integrator() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.let_go.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def plain_styles(monkeypatch):
    """`sessions` sends results and ends, `resources` starts only; each writes what it was given."""
    from calls import outbox

    def write(event):
        return {"type": event.type, "sequence": event.sequence} | event.payload

    monkeypatch.setattr(outbox, "_styles", {})
    outbox.register_style("sessions", outbox.Style(outbox.SEQUENCED, write))
    outbox.register_style("resources", outbox.Style(frozenset({"recording.started"}), write))


@pytest.fixture
def call(cast):
    from calls.lifecycle import register_call

    return register_call(cast.workspace, from_number="+4420", to_number="+4930")


@pytest.fixture
def session(cast, call):
    from calls.models import Session

    return Session.objects.create(id="acW68-1", workspace=cast.workspace, app=cast.app, call=call)


@pytest.fixture
def hinted(monkeypatch):
    """What was hinted, in place of a broker: a list of (task, subject)."""
    from calls import hints

    heard = []

    class Notebook:
        def put(self, task, subject):
            heard.append((task, subject))

    monkeypatch.setattr(hints, "_publisher", Notebook())
    return heard


@pytest.fixture
def endpoint(cast, plain_styles):
    """Makes endpoints; by default one of the cast's app at an address of the test's."""
    from calls.models import WebhookEndpoint

    def make(url, **fields):
        values = {"workspace": cast.workspace, "app": cast.app, "style": "sessions", "secret": SECRET, "url": url}
        return WebhookEndpoint.objects.create(**(values | fields))

    return make

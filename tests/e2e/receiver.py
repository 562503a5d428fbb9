"""An integrator's webhook receiver: checks every signature, keeps every body."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook


class Receiver:
    """Listens on loopback while its block runs. `heard` holds (moment, body) in order of arrival."""

    def __init__(self):
        self.secret = ""
        self.heard = []
        self.complaints = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._take(body, dict(self.headers.items()))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                """Nothing: the tests look at what arrived."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, body, headers):
        moment = time.monotonic()
        try:
            Webhook(self.secret).verify(body, {name.lower(): value for name, value in headers.items()})
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is a complaint, which the test reads
            self.complaints.append(f"{type(error).__name__}: {error}")
        with self._changed:
            self.heard.append((moment, json.loads(body)))
            self._changed.notify_all()

    def find(self, event, session):
        """(moment, body) of what has been heard of this event of the session so far."""
        with self._changed:
            return [pair for pair in self.heard if pair[1]["event"] == event and pair[1].get("session_uuid") == session]

    def wait(self, event, session, *, seconds=20):
        """The first (moment, body) of this event of the session; fails after `seconds`."""
        deadline = time.monotonic() + seconds
        while not (found := self.find(event, session)):
            with self._changed:
                left = deadline - time.monotonic()
                assert left > 0, f"no {event} of {session} within {seconds} s; heard {len(self.heard)}"
                self._changed.wait(min(left, 0.5))
        return found[0]

"""S3 servers that tests speak to, and what may go wrong on the way to one."""

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "expect", "transfer-encoding", "keep-alive"}


class FaultyWay:
    """An HTTP proxy before a server: `url` takes its place. What is set on it holds for the requests that follow.

    `down`: the connection closes without a reply. `seconds`: every reply waits so long. `every`: each so-many-th
    request is answered 503. `damage`: a function of (method, path, body) that gives the body that arrives.
    `shorten`: so many replies with content break off in their middle. `asked` lists methods and paths.
    """

    def __init__(self, endpoint):
        self.down = False
        self.seconds = 0.0
        self.every = 0
        self.damage = None
        self.shorten = 0
        self.asked = []
        self._lock = threading.Lock()
        self._target = urlsplit(endpoint).netloc
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def count(self, method):
        """Requests of this method so far."""
        return sum(1 for asked, _ in self.asked if asked == method)

    def pass_on(self, handler, body):
        """One request to the server; status, headers and content of its reply, or None for no reply at all."""
        with self._lock:
            self.asked.append((handler.command, handler.path))
            number = len(self.asked)
        if self.seconds:
            time.sleep(self.seconds)
        if self.down:
            return None
        if self.every and number % self.every == 0:
            return 503, [("Content-Length", "0")], b""
        if self.damage:
            body = self.damage(handler.command, handler.path, body)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in HOP}
        headers["Content-Length"] = str(len(body))
        onward = http.client.HTTPConnection(self._target, timeout=30)
        try:
            onward.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                onward.putheader(name, value)
            onward.endheaders(body or None)
            reply = onward.getresponse()
            content = reply.read()
            return reply.status, [pair for pair in reply.getheaders() if pair[0].lower() not in HOP], content
        finally:
            onward.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that went away is what these tests are about."""


def _handler(way):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = way.pass_on(self, body)
            if answer is None:
                self.close_connection = True
                return
            status, headers, content = answer
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if not any(name.lower() == "content-length" for name, _ in headers):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if content and way.shorten:
                way.shorten -= 1
                content, self.close_connection = content[: len(content) // 2], True
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)
    return Handler

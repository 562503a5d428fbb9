"""How soon a stopped recording can be fetched: from POST record/stop to `recording.completed` and to the first 200.

Run from the project's root: `python -m benchmarks.stop_to_completed [--calls N] [--hours N]`. It runs the whole product
(`manage.py up`: SQLite, files, web, capture, worker and beat; DATABASE_URL and the other settings count), a receiver
of webhooks, and an engine that is asked for audio by `recording.requested` and streams both legs as fast as it goes.
When the engine's last byte has been taken and the cooldown of 2 s is over, the recording is stopped. Calls of 10 s
come first, then one of an hour, and some of 10 s again; each is fetched, and must have the length that was sent.
Prints p50, p95 and the largest, where the time went, and the hour's figure beside them. Exit status 1 when a bound is
missed.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from uuid import UUID

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks import _product

BOUND_SECONDS = 1.0
"""p95 of the short calls, and the hour's."""
SHORT_SECONDS = 10
COOLDOWN_SECONDS = 2.05
WAIT_SECONDS = 60.0
APP_ID = "benchmark"
EVENTS = "command.result,recording.ended,recording.requested"
WAV_HEADER_BYTES, WAV_BYTES_PER_SECOND = 44, 16_000
STAGES = ("stopping", "closed", "ended", "completed", "fetched")


class BenchError(Exception):
    """The run does not count; the message says why."""


@dataclass(frozen=True, slots=True)
class Product:
    """Where to reach what runs, and as whom."""

    web: str
    key: str
    workspace: Any
    events: "Queue[tuple[float, dict[str, Any]]]"

    def post(self, session: str, command: str) -> None:
        """A command of the session; BenchError unless it is taken."""
        headers = {"X-App-ID": APP_ID, "X-API-Key": self.key}
        address = f"{self.web}/api/v1/sessions/{session}/commands/record/{command}"
        request = urllib.request.Request(address, data=b"{}", headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                reply.read()
        except urllib.error.HTTPError as error:
            raise BenchError(f"record/{command} was answered {error.code}: {error.read()[:200]!r}") from error

    def await_event(self, name: str, session: str) -> tuple[float, dict[str, Any]]:
        """When the session's next event of this name arrived (time.time()), and what it said."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            at, body = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            if body["event"] == name and body["session_uuid"] == session:
                return at, body
            if body.get("success") is False:
                raise BenchError(f"{body['command']} failed: {body.get('error')}")
        raise BenchError(f"no {name} within {WAIT_SECONDS:g} s")


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks."""

    queue: "Queue[tuple[float, dict[str, Any]]]"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        at = time.time()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.queue.put((at, json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
        """Nothing: the figures are the output."""


class Engine(WSListener):
    """One call's socket."""

    def __init__(self) -> None:
        super().__init__()
        self.writable = asyncio.Event()
        self.writable.set()
        self.taken = asyncio.Event()
        self.closed = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PONG:
            self.taken.set()
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        self.closed.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


async def stream(url: str, seconds: int, *, sent: asyncio.Event, fetched: asyncio.Event) -> None:
    """Both legs, as fast as it goes, in messages of 20 ms; `sent` is set once the server has read the last.

    The socket stays open until the server closes it; after `fetched` it has a minute to.
    """
    transport, listener = await ws_connect(Engine, f"{url}?rate=8000&channels=2")
    assert isinstance(listener, Engine)
    message = bytes(range(128)) * 5
    for number in range(seconds * 50):
        transport.send(WSMsgType.BINARY, message)
        if number % 50 == 0:
            await asyncio.sleep(0)
            await listener.writable.wait()
    transport.send_ping()  # it is read after all that was sent before
    await asyncio.wait_for(listener.taken.wait(), WAIT_SECONDS)
    sent.set()
    await fetched.wait()
    await asyncio.wait_for(listener.closed.wait(), WAIT_SECONDS)


async def one_call(product: Product, seconds: int) -> dict[str, float]:
    """Record a call and stop it: seconds from the POST to each stage."""
    session = await asyncio.to_thread(new_session, product.workspace)
    await asyncio.to_thread(product.post, session, "start")
    started = time.monotonic()  # the cooldown began before its answer
    _, asked = await asyncio.to_thread(product.await_event, "recording.requested", session)
    sent, done = asyncio.Event(), asyncio.Event()
    engine = asyncio.create_task(stream(asked["stream_url"], seconds, sent=sent, fetched=done))
    waiting = asyncio.create_task(sent.wait())
    await asyncio.wait([engine, waiting], return_when=asyncio.FIRST_COMPLETED)
    if engine.done():
        await engine
    await asyncio.sleep(max(0.0, started + COOLDOWN_SECONDS - time.monotonic()))
    begun = time.time()
    await asyncio.to_thread(product.post, session, "stop")
    at, body = await asyncio.to_thread(product.await_event, "recording.completed", session)
    await asyncio.to_thread(fetch, body["recording_url"], seconds)
    fetched = time.time() - begun
    done.set()
    await engine
    if abs(body["duration"] - seconds) > 0.001:
        raise BenchError(f"{seconds} s were sent and {body['duration']} s are said to be recorded")
    stages = await asyncio.to_thread(moments, asked["recording_id"])
    return {name: moment.timestamp() - begun for name, moment in stages.items()} | {
        "completed": at - begun,
        "fetched": fetched,
    }


def new_session(workspace: Any) -> str:
    """A live call and the app's session on it."""
    from calls.lifecycle import register_call  # noqa: PLC0415 - Django is set up by now
    from calls.models import Session  # noqa: PLC0415 - Django is set up by now
    from workspaces.ids import new_id  # noqa: PLC0415 - Django is set up by now
    from workspaces.models import App  # noqa: PLC0415 - Django is set up by now

    call = register_call(workspace)
    app = App.objects.get(app_id=APP_ID)
    return str(Session.objects.create(id=f"bench-{new_id()}", workspace=workspace, app=app, call=call).pk)


def moments(recording_id: str) -> dict[str, datetime]:
    """When the recording got to each stage, by the product's own history."""
    from recordings.models import Stream, Transition  # noqa: PLC0415 - Django is set up by now

    history = dict(Transition.objects.filter(recording_id=UUID(recording_id)).values_list("to_state", "at"))
    closed = Stream.objects.filter(recording_id=UUID(recording_id)).latest("closed_at").closed_at
    return {"stopping": history["stopping"], "closed": closed, "ended": history["ended"]}  # type: ignore[dict-item]  # closed by now


def fetch(url: str, seconds: int) -> None:
    """The first answer must be 200 and announce the whole length; the first block is read."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        size = int(reply.headers["Content-Length"])
        reply.read(65_536)
    if size != WAV_HEADER_BYTES + seconds * WAV_BYTES_PER_SECOND:
        raise BenchError(f"the WAV of {seconds} s has {size} bytes")


@contextmanager
def product(folder: Path) -> Iterator[Product]:
    """`manage.py up`, a workspace with an app and a key, and a receiver its app's webhooks go to."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    from workspaces import keys  # noqa: PLC0415 - Django is set up by now
    from workspaces.models import Workspace  # noqa: PLC0415 - Django is set up by now
    from workspaces.tenancy import claim_app  # noqa: PLC0415 - Django is set up by now

    Receiver.queue = Queue()
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=receiver.serve_forever, daemon=True).start()
    workspace = Workspace.objects.create(name="Benchmark", slug=f"benchmark-{time.time_ns()}")
    _, key = keys.mint_api_key(workspace, scopes=["all"], name="Benchmark", app=claim_app(workspace, app_id=APP_ID))
    address = f"http://127.0.0.1:{receiver.server_port}/"
    with (folder / "set-up.log").open("w") as quiet:
        call_command(
            "create_webhook_endpoint", workspace.slug, address, app=APP_ID, events=EVENTS, stdout=quiet, stderr=quiet
        )
    port, capture_port = _product.free_port(), _product.free_port()
    command = [_product.MANAGE, "up", "--port", str(port), "--capture-port", str(capture_port), "--no-demo"]
    process = _product.start(command, folder / "up.log")
    try:
        if process.stdout is None or not any(line.startswith("ready") for line in process.stdout):
            raise BenchError(f"up did not get ready: {(folder / 'up.log').read_text()[-500:]}")
        yield Product(web=f"http://127.0.0.1:{port}", key=key, workspace=workspace, events=Receiver.queue)
    finally:
        _product.stop(process)
        receiver.shutdown()


def p95(values: list[float]) -> float:
    """The nearest rank."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def spread(values: list[float]) -> str:
    return f"p50 {statistics.median(values):.3f}  p95 {p95(values):.3f}  max {max(values):.3f}"


async def measure(product: Product, options: argparse.Namespace) -> tuple[list[dict[str, float]], dict[str, float]]:
    """The short calls and the long one, which comes in their midst; one call before them warms everything up."""
    await one_call(product, SHORT_SECONDS)
    half = options.calls // 2
    short = [await one_call(product, SHORT_SECONDS) for _ in range(half)]
    long = await one_call(product, round(options.hours * 3600))
    short += [await one_call(product, SHORT_SECONDS) for _ in range(options.calls - half)]
    return short, long


def main() -> int:
    """Measure, print, and give the exit status."""
    parser = argparse.ArgumentParser(description="From POST record/stop to a recording that can be fetched")
    parser.add_argument("--calls", type=int, default=20, metavar="N", help="of 10 s (default %(default)s)")
    parser.add_argument("--hours", type=float, default=1, metavar="N", help="length of the long call (default 1)")
    options = parser.parse_args()
    try:
        with _product.premises(MEDIA_ENGINE="external") as folder, product(folder) as running:
            short, long = asyncio.run(measure(running, options))
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"seconds from POST record/stop, {len(short)} calls of {SHORT_SECONDS} s beside one of {options.hours:g} h")
    for stage in STAGES:
        print(f"{stage:10} {spread([call[stage] for call in short])}  long call {long[stage]:.3f}")
    worst = p95([call["fetched"] for call in short])
    ratio = long["fetched"] / worst
    print(f"p95 to the first 200 {worst:.3f} s (bound {BOUND_SECONDS:g}), long call {ratio:.2f} of that")
    return 0 if max(worst, long["fetched"]) <= BOUND_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())

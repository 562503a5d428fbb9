"""What serving a WAV costs: a web process of ours beside nginx with the same bytes as a flat file.

Run from the project's root: `python -m benchmarks.serve_wav`. It puts an hour of a call into storage, assembles it as
the worker does, starts gunicorn as `up` starts it, and, where it is installed, nginx over a copy of the file. Both are
asked by turns over kept connections, in ranges of 1 MiB as players ask, and for all of it at once (`bytes=0-`). The
bytes are compared. It prints MB/s of one client, CPU seconds of the server's processes per GB (10^9 bytes), and the
ratios: once for a call of two tracks, which are mixed as they are sent, and once for one track, which needs no mixing.
There is no bound; exit status 1 only where the servers differ in what they send.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks import _product
from benchmarks._load import cpu_seconds
from benchmarks.mp3 import HOUR, _await, furnish

RANGE_BYTES = 1 << 20
READ_BYTES = 1 << 16
CONF = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; {user}
events {{}}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}/files; location = /healthz {{ return 200; }} }}
}}
"""


@dataclass(slots=True)
class Server:
    """Somewhere a WAV is served, and what it has cost so far."""

    name: str
    port: int
    pid: int
    path: str
    headers: dict[str, str]
    wall: float = 0.0
    cpu: float = 0.0
    sent: int = 0
    digests: set[str] = field(default_factory=set)

    def serve(self, step: int) -> None:
        """Fetch the file once, `step` bytes a request (0: in one), and count what it took."""
        before, begun = processes_cpu(self.pid), time.perf_counter()
        digest = hashlib.sha256()
        took = 0.0
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        size, position = 1, 0
        while position < size:
            last = str(position + step - 1) if step else ""
            connection.request("GET", self.path, headers=self.headers | {"Range": f"bytes={position}-{last}"})
            reply = connection.getresponse()
            if reply.status != 206:
                raise SystemExit(f"{self.name} answered {reply.status}: {reply.read()[:200]!r}")
            size = int(reply.headers["Content-Range"].rpartition("/")[2])
            while block := reply.read(READ_BYTES):
                position += len(block)
                hashing = time.perf_counter()
                digest.update(block)
                took += time.perf_counter() - hashing
        self.wall += time.perf_counter() - begun - took  # what comparing costs is nobody's
        connection.close()
        self.cpu += processes_cpu(self.pid) - before
        self.sent += size
        self.digests.add(digest.hexdigest())

    @property
    def rate(self) -> float:
        """MB/s."""
        return self.sent / self.wall / 1e6

    @property
    def cost(self) -> float:
        """CPU seconds per GB."""
        return self.cpu / self.sent * 1e9


def processes_cpu(pid: int) -> float:
    """CPU seconds of a process and of its children, which must live on."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return cpu_seconds(pid) + sum(cpu_seconds(int(child)) for child in children)


@contextmanager
def web(folder: Path) -> Iterator[tuple[int, int]]:
    """gunicorn as `up` starts it: its process and its port."""
    from project.management.commands import up  # noqa: PLC0415 - Django is set up by now

    port = _product.free_port()
    process = _product.start([*up._gunicorn(), "--bind", f"127.0.0.1:{port}"], folder / "web.log")  # noqa: SLF001 - the very command line
    try:
        _await(port)
        yield process.pid, port
    finally:
        _product.stop(process)


@contextmanager
def nginx(folder: Path) -> Iterator[tuple[int, int] | None]:
    """nginx over `folder`/files: its process and its port; None where it is not installed."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        yield None
        return
    port = _product.free_port()
    conf = folder / "nginx.conf"
    conf.write_text(CONF.format(folder=folder, port=port, user="user root;" if os.geteuid() == 0 else ""))
    command = [program, "-c", str(conf), "-p", str(folder), "-e", str(folder / "nginx.log")]
    process = subprocess.Popen(command)
    try:
        _await(port)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


def assembled(recording: Any) -> None:
    """What the worker does once a recording has ended."""
    from recordings import assembly  # noqa: PLC0415 - Django is set up by now

    assembly.assemble(recording.pk)


def one_track(recording: Any) -> Any:
    """The recording without its second track."""
    recording.tracks.filter(position=1).delete()
    return recording


def flat_file(recording: Any, folder: Path) -> None:
    """The recording's WAV as a file that nginx can serve."""
    from recordings import rendering  # noqa: PLC0415 - Django is set up by now

    files = folder / "files"
    files.mkdir(exist_ok=True)
    with (files / f"{recording.pk}.wav").open("wb") as file:
        for block in rendering.whole(recording, recording.frames):
            file.write(block)


def compare(title: str, servers: list[Server], *, step: int, rounds: int) -> None:
    """Ask all of them by turns, and print what it took."""
    for server in servers:
        server.serve(step)  # warm: files in the page cache, code loaded
        server.wall, server.cpu, server.sent = 0.0, 0.0, 0
    for _ in range(rounds):
        for server in servers:
            server.serve(step)
    if len(set().union(*(server.digests for server in servers))) != 1:
        raise SystemExit("the servers did not send the same bytes")
    told = "; ".join(f"{server.name} {server.rate:.0f} MB/s, {server.cost:.2f} CPU s/GB" for server in servers)
    ratios = ""
    if len(servers) == 2:
        ours, theirs = servers
        ratios = f"; ratio {ours.rate / theirs.rate:.2f} of its speed, {ours.cost / theirs.cost:.1f} x its CPU"
    print(f"{title}: {told}{ratios}", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="fetches of the file (default %(default)s)")
    options = parser.parse_args()
    with _product.premises(CELERY_BROKER_URL="filesystem://localhost") as folder:
        two, key = furnish(HOUR)
        one, second_key = furnish(HOUR)
        one = one_track(one)
        for recording in (two, one):
            assembled(recording)
            flat_file(recording, folder)
        with web(folder) as ours, nginx(folder) as theirs:
            if theirs is None:
                print("nginx is not installed (on Debian: apt-get install nginx-light): ours alone")
            for title, recording, raw in (("two tracks", two, key), ("one track", one, second_key)):
                for how, step in (("ranges of 1 MiB", RANGE_BYTES), ("one range of all", 0)):
                    path, header = f"/api/recordings/{recording.pk}", {"X-API-Key": raw}
                    servers = [Server("tapedeck", ours[1], ours[0], path, header)]
                    if theirs:
                        servers.append(Server("nginx", theirs[1], theirs[0], f"/{recording.pk}.wav", {}))
                    compare(f"1 h, {title}, {how}", servers, step=step, rounds=options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

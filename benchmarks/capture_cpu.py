"""What a call costs the capture process in CPU, beside bare WebSocket servers that only append to files.

Run from the project's root: `python -m benchmarks.capture_cpu [--streams N] [--seconds N] [--rounds N]`. The same load
(200 streams of 50 masked messages a second, 20 ms of L16 at 8 kHz each, at the pace of speech) goes, turn by turn and
several times, to

- Tapedeck's `manage.py capture` with everything on: stream key, rows, spool, and every chunk decoded, put, synced,
  verified and rowed (SQLite, or DATABASE_URL);
- a server on picows that writes each message to a file, on uvloop;
- a server on websockets that does so, on uvloop.

CPU time is the server process's own, user and system, threads and children included, from /proc; the load runs in a
process of its own. The window is 10 s long, as a chunk is, so that each stream puts one in it; what a stream costs
once (its row, its first chunk) belongs to the warm-up. Prints the µs of CPU per message (median of the rounds, and
their range) and the ratios. Exit status 1 when the ratio to websockets is above the bound, or when a byte that was sent
has not arrived.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import _product

BOUND = 1.0
"""CPU of Tapedeck over that of bare websockets: to record costs less than the commonest server takes only to write."""
GOAL = 6 / 11
"""Of bare picows, where it is going: 6 µs a message where that takes 11. Printed as met or missed."""
WARM_UP_SECONDS = {"tapedeck": 12.0, "picows": 3.0, "websockets": 3.0}
"""Tapedeck's first chunk, which makes folders once for a call, belongs to its warm-up; the second is measured."""
STORED_SECONDS = 30.0
SETTLE_SECONDS = 1.0
FRAME_BYTES, FRAMES_PER_MESSAGE = 320, 160


class BenchError(Exception):
    """The run does not count; the message says why."""


def load(name: str, url: str, pid: int, options: argparse.Namespace) -> dict[str, float]:
    """One turn of the load against a server process."""
    arguments = [url, str(pid), str(options.streams), str(WARM_UP_SECONDS[name]), str(options.seconds)]
    command = [sys.executable, "-m", "benchmarks._load", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=_product.ROOT, check=False)
    if done.returncode:
        raise BenchError(f"the load failed: {done.stderr.strip()[-500:]}")
    told: dict[str, float] = json.loads(done.stdout)
    return told


def tapedeck(folder: Path, key: str, options: argparse.Namespace) -> dict[str, float]:
    """A turn for the capture process; all of it must be in storage within 30 s of the end."""
    from recordings.models import Chunk, Stream  # noqa: PLC0415 - Django is set up by now

    known = list(Stream.objects.values_list("id", flat=True))
    with capture(folder / "capture.log") as (port, pid):
        told = load("tapedeck", f"ws://127.0.0.1:{port}/capture/{key}?rate=8000", pid, options)
        streams = Stream.objects.exclude(pk__in=known)
        deadline, frames = time.monotonic() + STORED_SECONDS, told["sent"] * FRAMES_PER_MESSAGE
        while sum(streams.values_list("frames_stored", flat=True)) < frames and time.monotonic() < deadline:
            time.sleep(0.2)
        stored = sum(streams.values_list("frames_stored", flat=True))
    if stored != frames:
        raise BenchError(f"{frames:.0f} frames were sent to Tapedeck and {stored} are stored")
    told["chunks"] = Chunk.objects.filter(stream__in=streams).count()
    return told


@contextmanager
def capture(log: Path) -> Iterator[tuple[int, int]]:
    """`manage.py capture` on a free port: the port and the process."""
    log.unlink(missing_ok=True)
    process = _product.start([_product.MANAGE, "capture", "--port", "0"], log)
    try:
        deadline = time.monotonic() + 30
        while not (found := re.search(r"listens on \S+:(\d+)", log.read_text(errors="replace"))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"capture did not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.05)
        time.sleep(SETTLE_SECONDS)  # it takes streams once it has asked the database for the first time
        yield int(found[1]), process.pid
    finally:
        _product.stop(process)


def peer(name: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """A turn for a bare server; its files must hold every byte."""
    for old in folder.glob("*.raw"):
        old.unlink()
    process = _product.start(["-m", "benchmarks._peers", name, str(folder)], folder / f"{name}.log")
    try:
        if process.stdout is None or not (port := process.stdout.readline().strip()):
            raise BenchError(f"{name} did not start: {(folder / f'{name}.log').read_text()[-500:]}")
        told = load(name, f"ws://127.0.0.1:{port}/", process.pid, options)
        time.sleep(0.5)
    finally:
        _product.stop(process)
    held = sum(path.stat().st_size for path in folder.glob("*.raw"))
    if held != told["sent"] * FRAME_BYTES:
        raise BenchError(f"{told['sent'] * FRAME_BYTES:.0f} bytes were sent to {name} and {held} are in its files")
    return told


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU of capture per message, beside bare WebSocket servers")
    parser.add_argument("--streams", type=int, default=200, metavar="N", help="sockets at once (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=10, metavar="N", help="of the window (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns for each (default %(default)s)")
    parser.add_argument("--only", choices=WARM_UP_SECONDS, help="this server alone, for profiling it: no ratios")
    return parser.parse_args()


def making_a_file(folder: Path, count: int = 200) -> float:
    """µs of CPU to make an empty file in this folder: the file system's part of every chunk."""
    before = time.process_time()
    for number in range(count):
        os.close(os.open(folder / f"made-{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    cost = (time.process_time() - before) / count * 1e6
    for number in range(count):
        (folder / f"made-{number}").unlink()
    return cost


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """µs of CPU per message, of each server, round by round."""
    costs: dict[str, list[float]] = {}
    with _product.premises() as folder:
        from workspaces import keys  # noqa: PLC0415 - Django is set up by now
        from workspaces.models import Workspace  # noqa: PLC0415 - Django is set up by now

        print(f"making a file in {folder.parent} costs {making_a_file(folder):.0f} µs of CPU; a chunk makes one or two")
        workspace = Workspace.objects.create(name="Benchmark", slug=f"benchmark-{os.getpid()}")
        _, key = keys.mint_stream_key(workspace, name="Benchmark")
        turns: dict[str, Callable[[], dict[str, float]]] = {
            "tapedeck": lambda: tapedeck(folder, key, options),
            "picows": lambda: peer("picows", folder, options),
            "websockets": lambda: peer("websockets", folder, options),
        }
        for number in range(1, options.rounds + 1):
            for name in (options.only,) if options.only else WARM_UP_SECONDS:
                told = turns[name]()
                cost = told["cpu"] / told["frames"] * 1e6
                costs.setdefault(name, []).append(cost)
                chunks = f", {told['chunks']:.0f} chunks in all" if "chunks" in told else ""
                late = f"load at most {told['late'] * 1e3:.0f} ms late"
                print(f"round {number} {name:10} {cost:6.2f} µs ({told['frames']:.0f} messages, {late}{chunks})")
                sys.stdout.flush()
    return costs


def main() -> int:
    """Measure, print, and give the exit status."""
    options = parsed()
    chunk = os.environ.get("CAPTURE_CHUNK_SECONDS", "10")
    print(f"{options.streams} streams, windows of {options.seconds:g} s, chunks of {chunk} s")
    try:
        costs = measure(options)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    middle = {name: statistics.median(values) for name, values in costs.items()}
    for name, values in costs.items():
        print(f"{name:10} {middle[name]:6.2f} µs of CPU per message ({min(values):.2f} to {max(values):.2f})")
    if options.only:
        return 0
    ratio = middle["tapedeck"] / middle["picows"]
    beside = middle["tapedeck"] / middle["websockets"]
    print(f"ratio tapedeck/picows {ratio:.2f} (goal {GOAL:.2f}: {'met' if ratio <= GOAL else 'missed'})", end=", ")
    print(f"tapedeck/websockets {beside:.2f} (bound {BOUND:.2f})")
    return 0 if beside <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())

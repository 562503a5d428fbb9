"""What an MP3 costs: its first byte after a cold request, the whole beside the `lame` program, and assembly's memory.

Run from the project's root: `python -m benchmarks.mp3`. It puts an hour of a two-track call of real speech into storage
as capture does (pieces of 10 s), lets gunicorn serve it, and asks for its MP3 over HTTP for the first time, several
times over (each of them cold: the made file is forgotten in between). Then the same PCM is encoded in memory by us and,
where it is installed, by the `lame` program with the same options. Last, a process of its own assembles a call of four
hours: how far its memory rose above what it had once everything was imported. Exit status 1 when a bound is missed.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _product

FIRST_BYTE_SECONDS = 0.1
MEMORY_MIB = 64.0
HOUR = 3600
COLD_REQUESTS = 9
PIECE_SECONDS = 10
RATE = 8000
DEMO = _product.ROOT / "recordings" / "demo"
LAME = ("-r", "-s", "8", "--resample", "8", "-m", "m", "-b", "32", "-q", "7", "--signed", "--little-endian", "-t")


def speech(name: str) -> NDArray[np.int16]:
    """A demo speaker, some 40 s."""
    with wave.open(str(DEMO / name), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def furnish(seconds: int) -> tuple[Any, str]:
    """A call of this length that has ended and whose audio is in storage in pieces; the recording, and a key."""
    from calls.lifecycle import register_call  # noqa: PLC0415 - Django is set up by now
    from recordings import lifecycle  # noqa: PLC0415 - as above
    from recordings.models import CaptureNode, Recording, Stream, Track  # noqa: PLC0415 - as above
    from recordings.states import EndReason  # noqa: PLC0415 - as above
    from workspaces.audit import Actor  # noqa: PLC0415 - as above
    from workspaces.clock import now  # noqa: PLC0415 - as above
    from workspaces.keys import mint_api_key  # noqa: PLC0415 - as above
    from workspaces.models import Workspace  # noqa: PLC0415 - as above

    workspace, _ = Workspace.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    actor = Actor.named("benchmark")
    recording = lifecycle.start(register_call(workspace), actor=actor, ask_engine=False)
    begun = now() - timedelta(seconds=seconds)
    lifecycle.audio_arrived(recording.pk, at=begun, actor=actor)
    node = CaptureNode.objects.create(host="bench")
    frames = seconds * RATE
    stream = Stream.objects.create(recording=recording, node=node, start_frame=0, frames_stored=frames)
    for position, name in enumerate(("agent.wav", "customer.wav")):
        track = Track.objects.create(recording=recording, position=position, label=name)
        _put_pieces(recording, stream, track, speech(name), frames)
    lifecycle.stop(recording.pk, reason=EndReason.HANGUP, actor=actor)
    Stream.objects.filter(pk=stream.pk).update(closed_at=now(), frames_received=frames)
    lifecycle.end(recording.pk, actor=actor)
    return Recording.objects.get(pk=recording.pk), mint_api_key(workspace, scopes=["recordings:read"])[1]


def _put_pieces(recording: Any, stream: Any, track: Any, voice: NDArray[np.int16], frames: int) -> None:
    from recordings import storage  # noqa: PLC0415 - Django is set up by now
    from recordings.models import Chunk  # noqa: PLC0415 - as above

    rows = []
    for start in range(0, frames, PIECE_SECONDS * RATE):
        pcm = np.take(voice, np.arange(start, start + PIECE_SECONDS * RATE), mode="wrap").tobytes()
        digest = sha256(pcm).hexdigest()
        key = storage.chunk_key(
            workspace=recording.workspace_id, recording=recording.pk, track=track.pk, start_frame=start, sha256=digest
        )
        storage.put(key, pcm)
        piece = {"start_frame": start, "frames": len(pcm) // 2, "key": key, "sha256": digest}
        rows.append(Chunk(track=track, stream=stream, **piece))
    Chunk.objects.bulk_create(rows)


# --- Over HTTP ----------------------------------------------------------------------------------------------------


def fetch(port: int, path: str, key: str) -> tuple[float, float, int]:
    """Seconds to the first byte of the body and to its last, and its bytes."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    begun = time.perf_counter()
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    reply = connection.getresponse()
    if reply.status != 200:
        raise SystemExit(f"{path} was answered {reply.status}: {reply.read()[:200]!r}")
    first = reply.read(1)
    came = time.perf_counter() - begun
    rest = reply.read()
    took = time.perf_counter() - begun
    connection.close()
    return came, took, len(first) + len(rest)


def over_http(folder: Path) -> bool:
    """Cold requests, then warm ones; whether the first byte came within its bound (median)."""
    from calls.models import Call  # noqa: PLC0415 - Django is set up by now
    from recordings.models import AudioFile  # noqa: PLC0415 - as above

    recording, key = furnish(HOUR)
    number = Call.objects.get(uuid=recording.reference_id).pk
    port = _product.free_port()
    command = ["-m", "gunicorn", "--threads", "8", "--bind", f"127.0.0.1:{port}", "project.wsgi"]
    web = _product.start(command, log=folder / "web.log")
    try:
        _await(port)
        path = f"/v1/call/recording/{number}.mp3"
        cold = []
        for _ in range(COLD_REQUESTS):
            AudioFile.objects.filter(recording=recording, rendition="mp3").delete()
            cold.append(fetch(port, path, key))
        warm = [fetch(port, path, key) for _ in range(COLD_REQUESTS)]
    finally:
        _product.stop(web)
    first = statistics.median(each[0] for each in cold)
    print(f"1 h, 2 tracks, cold: first byte {first * 1e3:.0f} ms (largest {max(cold)[0] * 1e3:.0f}), ", end="")
    print(f"all {cold[0][2]:,} bytes {statistics.median(each[1] for each in cold):.2f} s; ", end="")
    print(f"stored: first byte {statistics.median(each[0] for each in warm) * 1e3:.0f} ms", end=", ")
    print(f"all {statistics.median(each[1] for each in warm) * 1e3:.0f} ms")
    return first <= FIRST_BYTE_SECONDS


def _await(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


# --- Beside the program -------------------------------------------------------------------------------------------


def encoding() -> None:
    """CPU seconds for an hour's PCM, ours and the program's."""
    from recordings.audio import mp3  # noqa: PLC0415 - beside the others

    pcm = np.resize(speech("agent.wav"), HOUR * RATE).tobytes()
    step = 131_072

    def blocks() -> Iterator[bytes]:
        return (pcm[at : at + step] for at in range(0, len(pcm), step))

    ours = []
    for _ in range(3):
        begun = time.process_time()
        size = sum(len(block) for block in mp3.encoded(blocks()))
        ours.append(time.process_time() - begun)
    print(f"an hour of PCM: {size:,} bytes in {min(ours):.2f} s of CPU, {HOUR / min(ours):,.0f} x real time", end="")
    program = shutil.which("lame")
    if program is None:
        print("; the program lame is not installed")
        return
    theirs = min(_program(program, pcm, size=size) for _ in range(3))
    print(f"; lame {theirs:.2f} s, ratio {min(ours) / theirs:.2f}")


def _program(program: str, pcm: bytes, *, size: int) -> float:
    """Its CPU seconds. SystemExit where it made something else of the PCM than an MP3 of about `size` bytes."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.mp3"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Through a pipe: of a file Debian's build guesses the format by its first bytes, whatever -r says; and it warns
        # of that, in a pipe as well.
        quiet = subprocess.DEVNULL
        subprocess.run([program, "--quiet", *LAME, "-", str(made)], input=pcm, stderr=quiet, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if abs(made.stat().st_size - size) > size // 100:
            raise SystemExit(f"{program} made {made.stat().st_size:,} bytes where we made {size:,}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# --- Memory -------------------------------------------------------------------------------------------------------


def memory(folder: Path, hours: int) -> bool:
    """How far assembling a long call raises a process's memory; whether that is within the bound."""
    recording, _ = furnish(hours * HOUR)
    command = ["-m", "benchmarks.mp3", "--assemble", str(recording.pk)]
    child = _product.start(command, log=folder / "assemble.log")
    said, _ = child.communicate()
    if child.returncode:
        raise SystemExit((folder / "assemble.log").read_text())
    rose, seconds = map(float, said.split())
    print(f"{hours} h, 2 tracks, assembled in {seconds:.1f} s: {rose:.0f} MiB above idle")
    return rose <= MEMORY_MIB


def assemble(recording_id: str) -> None:
    """In the child: MiB that the peak lies above what stood before the work, and its seconds."""
    import django  # noqa: PLC0415 - only here it is not set up yet

    django.setup()
    from recordings import assembly  # noqa: PLC0415 - Django is set up by now
    from recordings.models import Recording  # noqa: PLC0415 - as above

    Recording.objects.filter(pk=recording_id).exists()  # a connection, as an idle worker has one
    # Not ru_maxrss, which begins with what the parent had before it became us; 5 resets the peak (proc(5)).
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_kib("VmRSS")
    begun = time.perf_counter()
    assembly.assemble(Recording.objects.get(pk=recording_id).pk)
    took = time.perf_counter() - begun
    print((_status_kib("VmHWM") - before) / 1024, took)


def _status_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> int:
    """Measure, print, and give the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hours", type=int, default=4, help="length of the call that is assembled (4)")
    parser.add_argument("--assemble", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.assemble:
        assemble(options.assemble)
        return 0
    with _product.premises(CELERY_BROKER_URL="filesystem://localhost") as folder:
        quick = over_http(folder)
        encoding()
        lean = memory(folder, options.hours)
    if not quick:
        print(f"the first byte takes longer than {FIRST_BYTE_SECONDS * 1e3:.0f} ms", file=sys.stderr)
    if not lean:
        print(f"assembly takes more than {MEMORY_MIB:.0f} MiB", file=sys.stderr)
    return 0 if quick and lean else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    sys.exit(main())

"""How long a link to a call's recording takes that was put together before: `GET …/download-url`, from its second time.

Run from the project's root: `python -m benchmarks.chat_links`. It stores an hour of two tracks in pieces of 10 s, asks
for a link once (which puts the file together) and then 200 times, through the whole request cycle without a socket, and
prints the first time and the distribution of the others. Exit status 1 when their p95 is above the bound.
"""

import sys
import time
from hashlib import sha256
from statistics import quantiles
from typing import TYPE_CHECKING

from benchmarks._product import premises

if TYPE_CHECKING:
    from django.test import Client

    from calls.models import Call

SECONDS = 3600
PIECE_SECONDS = 10
RUNS = 200
BOUND_MS = 20.0


def record(call: "Call") -> None:
    """An ended recording of the call: an hour of two tracks, in pieces, as capture leaves it."""
    import numpy as np  # noqa: PLC0415 - with the rest, once the settings are there

    from recordings import lifecycle, storage  # noqa: PLC0415 - the settings have to be there first
    from recordings.audio.pcm import RATE  # noqa: PLC0415 - as above
    from recordings.models import CaptureNode, Chunk, Stream, Track  # noqa: PLC0415 - as above
    from recordings.states import EndReason  # noqa: PLC0415 - as above
    from workspaces.audit import SYSTEM  # noqa: PLC0415 - as above
    from workspaces.clock import now  # noqa: PLC0415 - as above

    recording = lifecycle.start(call, actor=SYSTEM, ask_engine=False)
    lifecycle.audio_arrived(recording.pk, at=now(), actor=SYSTEM)
    node = CaptureNode.objects.create(host="benchmark")
    frames, length = SECONDS * RATE, PIECE_SECONDS * RATE
    whole = {"frames_received": frames, "frames_stored": frames, "start_frame": 0, "closed_at": now()}
    stream = Stream.objects.create(recording=recording, node=node, **whole)
    noise = np.random.default_rng(1)
    for position in range(2):
        track = Track.objects.create(recording=recording, position=position, label=f"track {position}")
        place = {"workspace": recording.workspace_id, "recording": recording.pk, "track": track.pk}
        for first in range(0, frames, length):
            pcm = noise.integers(-12_000, 12_000, length, dtype="<i2").tobytes()
            digest = sha256(pcm).hexdigest()
            key = storage.chunk_key(**place, start_frame=first, sha256=digest)
            storage.put(key, pcm)
            piece = {"start_frame": first, "frames": length, "key": key, "sha256": digest}
            Chunk.objects.create(track=track, stream=stream, **piece)
    lifecycle.stop(recording.pk, reason=EndReason.REQUESTED, actor=SYSTEM)
    lifecycle.end(recording.pk, actor=SYSTEM)


def timed(client: "Client", address: str) -> float:
    """Milliseconds of one request for a link."""
    begun = time.perf_counter()
    reply = client.get(address)
    took = time.perf_counter() - begun
    if reply.status_code != 200:
        raise SystemExit(f"{address} answered {reply.status_code}: {reply.content!r}")
    return took * 1000


def main() -> int:
    """Measure, print, and give the exit status."""
    with premises(CELERY_BROKER_URL="filesystem://localhost"):
        from django.test import Client  # noqa: PLC0415 - the settings have to be there first

        from calls.lifecycle import register_call  # noqa: PLC0415 - as above
        from calls.models import Chat  # noqa: PLC0415 - as above
        from workspaces.keys import mint_api_key  # noqa: PLC0415 - as above
        from workspaces.models import Workspace  # noqa: PLC0415 - as above

        workspace = Workspace.objects.create(name="Benchmark", slug="benchmark")
        call = register_call(workspace)
        record(call)
        chat = Chat.objects.create(workspace=workspace, call=call)
        _, key = mint_api_key(workspace, scopes=["chats:read"])
        address = f"/api/v2/w/{workspace.pk}/recordings/chat/{chat.pk}/download-url"
        client = Client(headers={"Authorization": f"Bearer {key}"}, SERVER_NAME="127.0.0.1")
        client.get("/healthz")  # the first request of a process sets its middleware up
        first = timed(client, address)
        later = sorted(timed(client, address) for _ in range(RUNS))
    cuts = quantiles(later, n=20)
    print(f"1 h of two tracks: the first request {first:.0f} ms, in which the file is put together")
    print(f"{RUNS} later ones: p50 {cuts[9]:.1f} ms, p95 {cuts[18]:.1f}, max {later[-1]:.1f} (bound {BOUND_MS:.0f})")
    return 0 if cuts[18] <= BOUND_MS else 1


if __name__ == "__main__":
    sys.exit(main())

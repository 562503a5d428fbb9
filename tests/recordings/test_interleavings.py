"""Sockets, commands, sweeps and crashes in any order: every recording ends, and all that was received is heard."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from inspect import isfunction

import numpy as np
import pytest

from calls.models import Event
from recordings import assembly, lifecycle, playback, reconcile, storage
from recordings.audio import wav
from recordings.capture import admission, ledger, tokens
from recordings.capture.ledger import Close, Place
from recordings.capture.protocols import Handshake
from recordings.errors import AlreadyActive, StreamRefused
from recordings.models import CaptureNode, Chunk, Recording, Stream
from recordings.states import EndReason, State
from tests.builders import BUILDER, make_call, tone
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hinted")]
PIECE = 160  # frames


@dataclass
class Socket:
    """A capture process's side of one socket: what it received, and how far that is stored."""

    stream: object
    recording: object
    pcm: bytes
    place: Place | None = None
    received: int = 0  # frames
    open: bool = True
    late: bool = False
    settled: bool = False

    @property
    def labels(self):
        return ("mixed",)


@dataclass
class World:
    """One call, one capture node, and whatever happens to them."""

    call: object
    chance: random.Random
    node: CaptureNode = field(default_factory=lambda: CaptureNode.objects.create(host="test"))
    sockets: list[Socket] = field(default_factory=list)
    done: Counter = field(default_factory=Counter)

    @property
    def recordings(self):
        return Recording.objects.filter(reference_id=self.call.uuid)

    # --- What may happen ------------------------------------------------------------------------------------------

    def start(self):
        try:
            lifecycle.start(self.call, actor=BUILDER, ask_engine=False)
        except AlreadyActive:
            self.done["refused start"] += 1

    def connect(self):
        recording = self.recordings.order_by("-tm_create").first()
        if recording is None:
            return
        handshake = Handshake(path=f"/capture/{tokens.mint(recording.id)}", query={}, headers={}, subprotocols=())
        try:
            admitted = admission.admit(handshake, node_id=self.node.pk, protocol="test", started=None)
        except StreamRefused:
            assert recording.status not in {"initiating", "recording"} or recording.tm_delete < now()
            self.done["refused socket"] += 1
            return
        assert recording.status in {"initiating", "recording"}
        pcm = tone(60 * PIECE, seed=self.chance.randrange(1 << 30))
        self.sockets.append(Socket(admitted.stream, admitted.recording, pcm))

    def hear(self):
        for socket in self._some(lambda socket: socket.open):
            if socket.place is None:
                at = now() - timedelta(seconds=self.chance.uniform(0, 2))
                socket.place = ledger.first_audio(socket.stream, at=at, labels=socket.labels)
            socket.received += self.chance.randrange(1, 3 * PIECE)

    def store(self):
        for socket in self._some(lambda socket: socket.place is not None):
            self._store(socket, final=False)

    def close(self):
        for socket in self._some(lambda socket: socket.open):
            self._close(socket, orderly=self.chance.random() < 0.5)

    def stop(self):
        for recording in self.recordings:
            lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)

    def told_to_close(self):
        wanted = ledger.to_close(self.node.pk)
        for socket in self.sockets:
            if socket.open and socket.stream in wanted:
                self._close(socket, orderly=True)

    def finish(self):
        for recording in self.recordings:
            assembly.finish(recording.id)

    def sweep(self):
        """As if everything were due."""
        self.recordings.filter(due_at__isnull=False).update(due_at=now() - timedelta(seconds=1))
        reconcile.sweep()

    def lose_node(self):
        """For too long: what was stopping ends without it, and it comes back."""
        CaptureNode.objects.update(heartbeat_at=now() - timedelta(hours=1))
        self.sweep()
        CaptureNode.objects.update(heartbeat_at=now())

    def give_up(self):
        self.recordings.filter(status="initiating").update(tm_create=now() - timedelta(hours=1))
        self.sweep()

    def delete(self):
        if self.chance.random() < 0.2:
            for recording in self.recordings:
                lifecycle.delete(recording, actor=BUILDER)

    def assemble(self):
        for recording in self.recordings.filter(status="ended"):
            assembly.assemble(recording.id)

    # --- How ------------------------------------------------------------------------------------------------------

    def _some(self, wanted):
        return [socket for socket in self.sockets if wanted(socket) and self.chance.random() < 0.7]

    def _store(self, socket, *, final):
        while (first := ledger.frames_stored(socket.stream)) < socket.received:
            data = socket.pcm[2 * first : 2 * min(first + PIECE, socket.received)]
            if not final and len(data) < 2 * PIECE:
                return
            place = socket.place
            key = storage.chunk_key(
                workspace=place.workspace,
                recording=place.recording,
                track=place.tracks[0],
                start_frame=place.start_frame + first,
                sha256=sha256(data).hexdigest(),
            )
            ledger.stored(socket.stream, place, first=first, frames=len(data) // 2, objects=[storage.put(key, data)])

    def _close(self, socket, *, orderly):
        socket.open = False
        close = Close("1000" if orderly else "1006", orderly=orderly)
        socket.late = ledger.closed(socket.stream, close, frames=socket.received)

    def _settle(self, socket):
        served = heard(socket.recording) if socket.late else None
        self._store(socket, final=True)
        assert served is None or heard(socket.recording) == served  # under an ETag nothing changes
        ledger.settled(socket.recording, late=socket.late)
        socket.settled = True

    def settle(self):
        for socket in self._some(lambda socket: not socket.open and not socket.settled):
            self._settle(socket)

    def wind_up(self):
        """All that keeps running does its part: sockets close, what they received is stored, sweeps go round."""
        for socket in self.sockets:
            if socket.open:
                self._close(socket, orderly=False)
            if not socket.settled:
                self._settle(socket)
        for _ in range(4):
            self.give_up()
        self.assemble()


def heard(recording_id):
    audio = playback.open_audio(Recording.objects.get(pk=recording_id))
    return audio.etag, b"".join(audio.read(0, audio.available))


MOVES = [
    name for name in vars(World) if not name.startswith("_") and isfunction(vars(World)[name]) and name != "wind_up"
]


def play(call, seed):
    world = World(call, random.Random(seed))
    world.start()
    for _ in range(world.chance.randrange(4, 16)):
        getattr(world, world.chance.choice(MOVES))()
    world.wind_up()
    return world


def check_outcome(world):
    for recording in Recording.objects.all():
        assert recording.status == State.ENDED
        sockets = [socket for socket in world.sockets if socket.recording == recording.id]
        ended = Event.objects.filter(subject_id=recording.id, type="recording.ended").count()
        silenced = recording.transitions.filter(cause="delete").exists()
        assert ended == 1 or (ended == 0 and silenced)
        for socket in sockets:
            row = Stream.objects.get(pk=socket.stream)
            assert row.frames_received == row.frames_stored == socket.received
        _, whole = heard(recording.pk)
        assert whole == expected_wav(sockets)
        assert recording.duration_ms == (len(whole) - wav.HEADER_BYTES) // 16
    assert not Stream.objects.unfinished().exists()
    assert sum(Chunk.objects.values_list("frames", flat=True)) == sum(socket.received for socket in world.sockets)


def expected_wav(sockets):
    """Every socket's own samples where it began, added up and cut to 16 bits."""
    placed = [(socket.place.start_frame, socket.pcm[: 2 * socket.received]) for socket in sockets if socket.place]
    frames = max((start + len(pcm) // 2 for start, pcm in placed), default=0)
    mixed = np.zeros(frames, dtype=np.int32)
    for start, pcm in placed:
        mixed[start : start + len(pcm) // 2] += np.frombuffer(pcm, dtype="<i2")
    return wav.header(frames) + mixed.clip(-32_768, 32_767).astype("<i2").tobytes()


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[pytest.mark.sqlite] if seed < 40 else []) for seed in range(240)]
)
def test_whatever_happens_it_ends_and_is_heard(call, seed):
    check_outcome(play(call, seed))


def test_the_driver_reaches_every_corner(cast):
    """Among its rounds are amended recordings, refused sockets, stops before audio, and recordings without a sound."""
    seen = Counter()
    for seed in range(40):
        world = play(make_call(cast.workspace), seed)
        seen += world.done
        recordings = Recording.objects.filter(reference_id=world.call.uuid)
        seen["amended"] += sum(recording.generation > 1 for recording in recordings)
        seen["silent"] += sum(recording.duration_ms == 0 for recording in recordings)
        seen["several sockets"] += len(world.sockets) > 1
        seen["several recordings"] += len(recordings) > 1
        seen |= Counter({f"by {recording.end_reason}": 1 for recording in recordings})
    assert min(seen[name] for name in ("amended", "silent", "several sockets", "several recordings")) > 0
    assert min(seen[name] for name in ("refused start", "refused socket")) > 0
    assert {"by requested", "by hangup", "by no_audio", "by capture_lost"} <= set(seen)

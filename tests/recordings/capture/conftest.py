"""A node with its engines: what the tests of sockets share."""

import time

import pytest

from calls import hints
from recordings import assembly
from recordings.capture import tokens
from recordings.models import Chunk, Recording, Stream
from recordings.storage import read
from tests import builders
from tests.recordings.capture.nodes import Node, eventually


@pytest.fixture
def hinted(monkeypatch):
    """What was hinted, in place of a broker: a list of (task, subject)."""
    heard = []

    class Notebook:
        def put(self, task, subject):
            heard.append((task, subject))

    monkeypatch.setattr(hints, "_publisher", Notebook())
    return heard


@pytest.fixture
def capture_settings(settings, tmp_path):
    settings.CAPTURE_DIR = tmp_path / "capture"
    settings.CAPTURE_CHUNK_SECONDS = 0.5
    settings.CAPTURE_DRAIN_SECONDS = 0
    settings.CAPTURE_MIN_FREE_BYTES = 0
    return settings


@pytest.fixture
def start_node(transactional_db, capture_settings, hinted):
    """Starts nodes on the test's CAPTURE_DIR; what still runs at the end is stopped."""
    nodes = []

    def start(**options):
        nodes.append(Node(capture_settings.CAPTURE_DIR, **options))
        return nodes[-1]

    yield start
    capture_settings.CAPTURE_DRAIN_SECONDS = 0
    for node in nodes:
        node.stop()


@pytest.fixture
def node(start_node):
    return start_node()


@pytest.fixture
def recording(transactional_db, cast):
    """A recording that waits for its audio."""
    return builders.start(builders.make_call(cast.workspace))


@pytest.fixture
def token(recording):
    return tokens.mint(recording.id)


class Kept:
    """What became of a recording, as the database and the storage have it."""

    def __init__(self, recording):
        self.id = recording.id

    @property
    def row(self):
        return Recording.objects.get(pk=self.id)

    def streams(self):
        return list(Stream.objects.filter(recording=self.id))

    def stream(self):
        """The only socket it has had."""
        (stream,) = self.streams()
        return stream

    def closed(self, *, count=1):
        """Its sockets, once all `count` of them have closed and all they received is stored."""

        def done():
            streams = self.streams()
            over = [s for s in streams if s.closed_at and s.frames_received == s.frames_stored]
            return streams if len(over) == count else None

        return eventually(done, what="the close of every socket with all it received in storage")

    def heard(self, label="mixed"):
        """PCM of a track, from the frame at which its first piece stands."""
        pieces = Chunk.objects.filter(track__recording=self.id, track__label=label).order_by("start_frame")
        at, parts = None, []
        for piece in pieces:
            if at is not None:
                assert piece.start_frame >= at, "two pieces overlap"
                parts.append(b"\0\0" * (piece.start_frame - at))
            parts.append(read(piece.key, 0, 2 * piece.frames))
            at = piece.start_frame + piece.frames
        return b"".join(parts)

    def end(self):
        """What the worker does once it is hinted."""
        self.closed(count=len(self.streams()))
        assert assembly.finish(self.id)
        return self.row


@pytest.fixture
def kept(recording):
    return Kept(recording)


@pytest.fixture
def database_away(monkeypatch):
    """`database_away.now = True`: no thread of a node gets an answer from the database."""
    import threading

    from django.db import OperationalError
    from django.db.backends.utils import CursorWrapper

    class Away:
        now = False

    execute = CursorWrapper.execute

    def refuse(self, *args, **kwargs):
        if Away.now and threading.current_thread().name.startswith(("door", "store", "pulse")):
            raise OperationalError("the connection is lost")
        return execute(self, *args, **kwargs)

    monkeypatch.setattr(CursorWrapper, "execute", refuse)
    return Away


@pytest.fixture
def storage_away(monkeypatch):
    """`storage_away.now = True`: every put fails; `puts` counts the attempts."""
    from recordings import storage
    from recordings.errors import StorageError

    class Away:
        now = False
        puts = 0

    put = storage.put

    def refuse(key, data):
        Away.puts += 1
        if Away.now:
            raise StorageError("the store does not answer")
        return put(key, data)

    monkeypatch.setattr(storage, "put", refuse)
    return Away


def speak(socket, pcm, *, frame_bytes=320, speed=0.0):
    """Send PCM in binary messages of 20 ms; at `speed` times real time, or at once."""
    began = time.monotonic()
    for number, first in enumerate(range(0, len(pcm), frame_bytes)):
        if speed:
            time.sleep(max(0.0, began + number * 0.02 / speed - time.monotonic()))
        socket.send(pcm[first : first + frame_bytes])


__all__ = ["Kept", "speak"]

"""What an engine does, and what became of what it said."""

import time

from websockets.sync.client import connect

from recordings import assembly
from recordings.models import Chunk, Recording, Stream
from recordings.storage import read
from tests.recordings.capture.nodes import eventually


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


def dial(url, **options):
    """A socket that stays open beyond the line that opens it."""
    return connect(url, **options).__enter__()


def speak(socket, pcm, *, frame_bytes=320, speed=0.0):
    """Send PCM in binary messages of 20 ms; at `speed` times real time, or at once."""
    began = time.monotonic()
    for number, first in enumerate(range(0, len(pcm), frame_bytes)):
        if speed:
            time.sleep(max(0.0, began + number * 0.02 / speed - time.monotonic()))
        socket.send(pcm[first : first + frame_bytes])

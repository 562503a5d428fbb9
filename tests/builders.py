"""Calls, sessions and recordings as the product itself would have made them: through the lifecycle's verbs, with audio
that was put into storage and rowed. No state is assigned here."""

from datetime import timedelta
from hashlib import sha256
from itertools import count

import numpy as np

from calls.lifecycle import register_call
from calls.models import Call, Session
from recordings import lifecycle, storage
from recordings.audio.pcm import RATE
from recordings.models import CaptureNode, Chunk, Recording, Stream, StreamTrack, Track
from recordings.states import EndReason
from recordings.terms import Terms
from workspaces.audit import Actor
from workspaces.clock import now
from workspaces.models import App, Workspace

BUILDER = Actor.named("test")
CHUNK_FRAMES = RATE  # one second
_numbers = count(1)


def tone(frames: int, *, seed: int = 1) -> bytes:
    """PCM of `frames` frames that no two places of have in common: noise, quiet enough that two tracks do not clip."""
    return np.random.default_rng(seed).integers(-12_000, 12_000, frames, dtype="<i2").tobytes()


def make_call(workspace: Workspace, **values) -> Call:
    """A call in progress."""
    return register_call(workspace, **{"from_number": "+15550100", "to_number": "+15550199"} | values)


def make_session(app: App, *, call: Call | None = None, session_id: str = "") -> Session:
    """The app's session on the call, or on one made for it."""
    call = call or make_call(app.workspace)
    name = session_id or f"acW68-00000000-0000-4000-8000-{next(_numbers):012d}"
    return Session.objects.create(id=name, workspace=app.workspace, app=app, call=call)


def start(call: Call, **values) -> Recording:
    """A recording of the call, initiating."""
    return lifecycle.start(call, actor=BUILDER, ask_engine=False, **values)


def open_stream(recording: Recording, *, tracks: int = 1, ago: float = 60.0) -> Stream:
    """A socket with one track per channel that has sent its first frame `ago` seconds ago: the recording records."""
    node = CaptureNode.objects.create(host="test")
    moment = now() - timedelta(seconds=ago)
    frame_zero = lifecycle.audio_arrived(recording.id, at=moment, actor=BUILDER)
    start_frame = max(0, round((moment - frame_zero).total_seconds() * RATE))
    stream = Stream.objects.create(
        recording=recording,
        node=node,
        protocol="test",
        opened_at=moment,
        first_audio_at=moment,
        start_frame=start_frame,
    )
    taken = Track.objects.filter(recording=recording).count()
    for channel in range(tracks):
        track = Track.objects.create(recording=recording, position=taken + channel, label=f"channel {channel}")
        StreamTrack.objects.create(stream=stream, track=track, channel=channel)
    recording.refresh_from_db()
    return stream


def store(stream: Stream, *channels: bytes) -> None:
    """Append PCM, one per channel and all of one length, to what the socket has delivered, a chunk a second."""
    recording = stream.recording
    frames = len(channels[0]) // 2
    tracks = [channel.track_id for channel in stream.channels.all()]
    assert len(tracks) == len(channels)
    for first in range(0, frames, CHUNK_FRAMES):
        start_frame = (stream.start_frame or 0) + stream.frames_stored
        for track, pcm in zip(tracks, channels, strict=True):
            _put_chunk(recording, stream, track, start_frame, pcm[2 * first : 2 * (first + CHUNK_FRAMES)])
        stream.frames_stored += min(CHUNK_FRAMES, frames - first)
        stream.save(update_fields=["frames_stored"])


def _put_chunk(recording: Recording, stream: Stream, track, start_frame: int, pcm: bytes) -> None:
    digest = sha256(pcm).hexdigest()
    key = storage.chunk_key(
        workspace=recording.workspace_id, recording=recording.id, track=track, start_frame=start_frame, sha256=digest
    )
    storage.put(key, pcm)
    Chunk.objects.create(
        track_id=track, stream=stream, start_frame=start_frame, frames=len(pcm) // 2, key=key, sha256=digest
    )


def close(stream: Stream) -> None:
    """The socket ends in order: all it received is stored."""
    Stream.objects.filter(pk=stream.pk).update(closed_at=now(), frames_received=stream.frames_stored)


def finish(recording: Recording) -> Recording:
    """Stop the recording if it runs, close its sockets, and end it."""
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    for stream in recording.streams.filter(closed_at=None):
        close(stream)
    assert lifecycle.end(recording.id, actor=BUILDER)
    recording.refresh_from_db()
    return recording


def running_recording(call: Call, *channels: bytes, **values) -> tuple[Recording, Stream]:
    """A recording that runs and has delivered these channels so far."""
    recording = start(call, **values)
    stream = open_stream(recording, tracks=len(channels))
    store(stream, *channels)
    return recording, stream


def ended_recording(call: Call, *channels: bytes, **values) -> Recording:
    """A recording of these channels that has ended; without any it ended in silence, before the first audio."""
    if not channels:
        return finish(start(call, **values))
    return finish(running_recording(call, *channels, **values)[0])


def terms(**values) -> Terms:
    """How a recording is to be made and ended."""
    return Terms(**values)

"""What capture writes into the database: nodes, sockets, pieces. Every function is one transaction, safe to repeat."""

import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Coalesce

from calls import lifecycle as calls
from calls.hints import hint
from calls.models import Call
from calls.states import CallState
from recordings import lifecycle
from recordings.audio.pcm import RATE
from recordings.models import CaptureNode, Chunk, Recording, Stream, StreamTrack, Track
from recordings.states import ACTIVE, EndReason, State
from recordings.storage import StoredObject
from workspaces.audit import Actor
from workspaces.clock import now

ACTOR = Actor.named("capture")
PAIRING_FRAMES = RATE // 5
"""First frames within 200 ms of each other share a start: the two legs of a call do not connect in the same instant."""
DIED = "the capture process died"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream's audio stands: its first frame on the timeline, and the track of each channel."""

    workspace: UUID
    recording: UUID
    start_frame: int
    tracks: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """How a socket closed. In order: the engine is done (close 1000, its protocol's stop, a stop of ours)."""

    reason: str
    orderly: bool
    end_reason: EndReason = EndReason.HANGUP
    detail: str = ""


def beat(node_id: UUID, *, spool_bytes: int, free_bytes: int, trouble: str) -> None:
    """The node lives."""
    CaptureNode.objects.update_or_create(
        pk=node_id,
        defaults={
            "host": socket.gethostname()[:200],
            "heartbeat_at": now(),
            "spool_bytes": spool_bytes,
            "free_bytes": free_bytes,
            "trouble": trouble[:500],
        },
    )


def to_close(node_id: UUID) -> dict[UUID, str]:
    """The node's open sockets that must close, and why: their recording was stopped, or their stream key revoked."""
    over = ~Q(recording__status__in=ACTIVE)
    revoked = Q(stream_key__revoked_at__isnull=False)
    rows = Stream.objects.filter(over | revoked, node=node_id, closed_at=None)
    return {
        stream_id: "stopped" if status not in ACTIVE else "stream key revoked"
        for stream_id, status in rows.values_list("id", "recording__status")
    }


def first_audio(stream_id: UUID, *, at: datetime, labels: tuple[str, ...], start_ms: int | None = None) -> Place:
    """A socket's first audio arrived at `at`: the recording records, and the socket gets its tracks and its place.

    `start_ms` is the place in ms where the engine knows it. Said twice, it answers the same.
    """
    with transaction.atomic():
        recording_id = Stream.objects.values_list("recording_id", flat=True).get(pk=stream_id)
        recording = Recording.objects.select_for_update(no_key=True).get(pk=recording_id)
        stream = Stream.objects.get(pk=stream_id)  # as it stands under the recording's lock
        if stream.start_frame is None:
            origin = lifecycle.audio_arrived(recording.id, at=at, actor=ACTOR)
            tracks = [_track(recording, stream, label) for label in labels]
            StreamTrack.objects.bulk_create(
                StreamTrack(stream=stream, track=track, channel=channel) for channel, track in enumerate(tracks)
            )
            arrived = int((at - origin).total_seconds() * RATE) if start_ms is None else start_ms * RATE // 1000
            stream.start_frame = max(_paired(recording, arrived), _reach(tracks), 0)
            stream.first_audio_at = at
            stream.save(update_fields=["start_frame", "first_audio_at"])
        channels = StreamTrack.objects.filter(stream=stream).order_by("channel").values_list("track_id", flat=True)
        return Place(recording.workspace_id, recording.id, stream.start_frame, tuple(channels))


def _track(recording: Recording, stream: Stream, label: str) -> Track:
    """The track of this label that no open socket is writing, or a new one."""
    for track in Track.objects.filter(recording=recording, label=label):
        writers = track.streams.filter(closed_at=None).exclude(pk=stream.pk)
        if not writers.exists():
            return track
    position = Track.objects.filter(recording=recording).count()
    return Track.objects.create(recording=recording, position=position, label=label)


def _paired(recording: Recording, arrived: int) -> int:
    starts = Stream.objects.filter(recording=recording, start_frame__isnull=False).values_list("start_frame", flat=True)
    near = [start for start in starts if start is not None and abs(start - arrived) <= PAIRING_FRAMES]
    return min(near, key=lambda start: abs(start - arrived), default=arrived)


def _reach(tracks: list[Track]) -> int:
    """Where sockets that wrote these tracks before have got to: a reconnect never stands on what was said."""
    length = Coalesce("frames_received", "frames_stored")
    reach = Stream.objects.filter(tracks__in=tracks, start_frame__isnull=False).aggregate(
        end=Max(F("start_frame") + length)
    )
    return int(reach["end"] or 0)


def describe(stream_id: UUID, said: dict[str, str]) -> None:
    """What an engine says of the call: kept where nothing was known before. `call_id`, `from` and `to` have columns."""
    with transaction.atomic():
        reference = Stream.objects.values_list("recording__reference_id", flat=True).get(pk=stream_id)
        call = Call.objects.select_for_update(no_key=True).filter(uuid=reference).first()
        if call is None:
            return
        call.engine_ref = call.engine_ref or said.get("call_id", "")[:200]
        call.from_number = call.from_number or said.get("from", "")[:128]
        call.to_number = call.to_number or said.get("to", "")[:128]
        call.metadata = said | call.metadata
        call.tm_update = now()
        call.save(update_fields=["engine_ref", "from_number", "to_number", "metadata", "tm_update"])


def stored(stream_id: UUID, place: Place, *, first: int, frames: int, objects: list[StoredObject]) -> bool:
    """Frames [first, first + frames) of the socket, counted from its own first frame, stand in storage as `objects`,
    one per channel. Only the next piece is taken: whoever comes second changes nothing and is told False."""
    with transaction.atomic():
        taken = Stream.objects.filter(pk=stream_id, frames_stored=first).update(frames_stored=first + frames)
        if not taken:
            return False
        status, generation = Recording.objects.values_list("status", "generation").get(pk=place.recording)
        if status == State.ENDED:
            generation += 1  # unheard until `settled` makes it so: what is served under an ETag does not change
        Chunk.objects.bulk_create(
            Chunk(
                track_id=track,
                stream_id=stream_id,
                start_frame=place.start_frame + first,
                frames=frames,
                generation=generation,
                key=kept.key,
                sha256=kept.sha256,
            )
            for track, kept in zip(place.tracks, objects, strict=True)
        )
    return True


def frames_stored(stream_id: UUID) -> int | None:
    """Frames per track of this socket that are in storage; None where the database knows no such socket."""
    return Stream.objects.filter(pk=stream_id).values_list("frames_stored", flat=True).first()


def open_streams(node_id: UUID) -> list[tuple[UUID, UUID]]:
    """The node's sockets that are open by their rows, each with its recording."""
    return list(Stream.objects.filter(node=node_id, closed_at=None).values_list("id", "recording_id"))


def closed(stream_id: UUID, close: Close, *, frames: int) -> bool:
    """The socket closed, having received `frames` per track. The last one in order stops the recording; after another
    the engine has CAPTURE_RECONNECT_SECONDS to come back. True where the recording had ended without waiting for it."""
    with transaction.atomic():
        recording = lock_unattended(Stream.objects.values_list("recording_id", flat=True).get(pk=stream_id))
        Stream.objects.filter(pk=stream_id).update(
            closed_at=Coalesce("closed_at", now()), close_reason=close.reason[:200], frames_received=frames
        )
        if recording.status in ACTIVE and not recording.streams.filter(closed_at=None).exists():
            if close.orderly:
                stop_unattended(recording, reason=close.end_reason, cause=close.reason, detail=close.detail)
            else:
                again = now() + timedelta(seconds=settings.CAPTURE_RECONNECT_SECONDS)
                Recording.objects.filter(pk=recording.pk).update(due_at=again)
    return recording.status == State.ENDED


def lock_unattended(recording_id: UUID) -> Recording:
    """The recording, locked after its call: whoever hangs up a call stops its recordings, so that is the order."""
    reference = Recording.objects.values_list("reference_id", flat=True).get(pk=recording_id)
    Call.objects.select_for_update(no_key=True).filter(uuid=reference).first()
    return Recording.objects.select_for_update(no_key=True).get(pk=recording_id)


def stop_unattended(recording: Recording, *, reason: EndReason, cause: str, detail: str = "") -> None:
    """No socket is left: stop what `lock_unattended` gave. A call that we know of only by its sockets is over too."""
    lifecycle.stop(recording.pk, reason=reason, actor=ACTOR, cause=cause[:64], detail=detail)
    if not recording.streams.filter(stream_key__isnull=False).exists():
        return
    call = Call.objects.filter(uuid=recording.reference_id).first()
    if call is not None and call.status != CallState.HANGUP:
        calls.move(call, to=CallState.HANGUP, actor=ACTOR, reason=cause)


def settled(recording_id: UUID, *, late: bool) -> None:
    """All that a socket received is stored: its recording may end, or gets what was missing when it ended without."""
    if late:
        lifecycle.amend(recording_id, actor=ACTOR)
    else:
        hint("recordings.tasks.finish", recording_id)

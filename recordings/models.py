"""Recordings, the sockets they came through, the tracks and pieces they are made of, and their history.

A frame is one sample of one track: 2 bytes (s16le) at 8,000 Hz. Times are UTC.
"""

from typing import Self

from django.db import models
from django.db.models import F, Max, Q
from django.db.models.functions import Coalesce

from recordings.states import ACTIVE, RUNNING, EndReason, RecordingType, ReferenceType, State
from workspaces.clock import NEVER, now
from workspaces.ids import new_id
from workspaces.tenancy import TenantModel


class Recording(TenantModel):
    """One recording of a call or a conference. Only `recordings.lifecycle` writes `status`."""

    owner_type = models.CharField(max_length=16, blank=True)  # "agent" or ""
    owner_id = models.UUIDField(null=True, blank=True)
    activeflow_id = models.UUIDField(null=True, blank=True)
    on_end_flow_id = models.UUIDField(null=True, blank=True)
    reference_type = models.CharField(max_length=16, choices=ReferenceType.choices)
    reference_id = models.UUIDField()
    recording_type = models.CharField(max_length=16, choices=RecordingType.choices, default=RecordingType.FULL_CALL)
    node_id = models.CharField(max_length=128, blank=True)  # the flow's node that made a segment
    status = models.CharField(max_length=16, choices=State.choices, default=State.INITIATING)
    format = models.CharField(max_length=8, default="wav")
    end_of_silence = models.PositiveIntegerField(default=0)  # seconds of silence that are to end it; 0 = none
    end_of_key = models.CharField(max_length=4, blank=True)  # the key that is to end it: any, * or #; "" = none
    max_duration = models.PositiveIntegerField(default=0)  # seconds; 0 = no limit
    end_reason = models.CharField(max_length=16, choices=EndReason.choices, blank=True)
    end_detail = models.CharField(max_length=500, blank=True)  # the engine's own words, where it gave any
    command_uid = models.CharField(max_length=128)
    duration_ms = models.BigIntegerField(null=True, blank=True)  # null until ended
    frames = models.BigIntegerField(null=True, blank=True)  # the length of the timeline; null until ended
    generation = models.PositiveIntegerField(default=1)  # + 1 when audio came back from a lost node after the end
    file_id = models.UUIDField(default=new_id, editable=False)
    health = models.JSONField(null=True, blank=True, editable=False)  # findings (audio.health); null: not looked at yet
    held = models.BooleanField("on hold", default=False)
    due_at = models.DateTimeField(null=True, blank=True)  # when the reconciler must look; doubles as its lease
    asked_at = models.DateTimeField(null=True, blank=True)  # when the engine was last asked for its audio
    url_expires_at = models.DateTimeField(null=True, blank=True)  # end of recording_url, set with the end
    expires_at = models.DateTimeField(default=NEVER)
    tm_start = models.DateTimeField("started", null=True, blank=True)  # first audio: frame 0 of the timeline
    tm_end = models.DateTimeField("last audio", null=True, blank=True)
    tm_update = models.DateTimeField("changed", default=now, editable=False)
    tm_delete = models.DateTimeField("deleted", default=NEVER)

    class Meta:
        ordering = ["-tm_create", "-id"]
        indexes = [
            models.Index(
                fields=["workspace", "tm_delete", "-tm_create", "-id"],
                include=["expires_at", "reference_id"],  # what every list asks besides: a page is found without a row
                name="recording_newest_of_workspace",
            ),
            models.Index(fields=["tm_delete", "-tm_create", "-id"], name="recording_newest"),
            models.Index(fields=["reference_id", "-tm_create"], name="recording_by_reference"),
            models.Index(fields=["due_at"], name="recording_due", condition=Q(due_at__isnull=False)),
            # What lists are narrowed by and few rows have: walking the newest for those would pass over nearly all.
            models.Index(
                fields=["owner_id", "-tm_create"], name="recording_by_owner", condition=Q(owner_id__isnull=False)
            ),
            models.Index(
                fields=["activeflow_id"], name="recording_by_activeflow", condition=Q(activeflow_id__isnull=False)
            ),
            models.Index(
                fields=["workspace", "-tm_create"], name="recording_running", condition=Q(status__in=sorted(RUNNING))
            ),
            models.Index(fields=["workspace", "duration_ms"], name="recording_by_duration"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["reference_type", "reference_id"],
                condition=Q(status__in=sorted(ACTIVE), recording_type=RecordingType.FULL_CALL),
                name="recording_one_active_full_call",
            ),
            models.CheckConstraint(condition=Q(status__in=State.values), name="recording_status_known"),
            models.CheckConstraint(
                condition=~Q(status=State.ENDED) | (Q(duration_ms__gte=0, frames__gte=0) & ~Q(end_reason="")),
                name="recording_end_complete",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class CaptureNode(models.Model):
    """A capture process's place on a disk: its id is kept beside its spool, which one process at a time may hold."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    host = models.CharField(max_length=200)
    started_at = models.DateTimeField(default=now)
    heartbeat_at = models.DateTimeField(default=now)
    spool_bytes = models.BigIntegerField(default=0)
    free_bytes = models.BigIntegerField(default=0)
    trouble = models.CharField(max_length=500, blank=True)  # what it cannot do now, in a sentence; "" = all well

    def __str__(self) -> str:
        return f"{self.host} {self.id}"


class Track(models.Model):
    """One voice of a recording: PCM s16le, 8 kHz, mono."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="tracks")
    position = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=64)  # inbound, outbound, mixed, or a participant

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["recording", "position"], name="track_position_once")]

    def __str__(self) -> str:
        return self.label


class StreamQuerySet(models.QuerySet["Stream"]):
    """Sockets of one recording or of many."""

    def unfinished(self) -> Self:
        """Those that are open, or received more than is stored."""
        missing = Q(frames_received=None) | ~Q(frames_received=F("frames_stored"))
        return self.filter(Q(closed_at=None) | missing)

    def reach(self) -> int:
        """The frame at which the one that got furthest ends: the length of the timeline so far."""
        end = Coalesce("start_frame", 0) + F("frames_stored")
        return int(self.aggregate(reach=Max(end))["reach"] or 0)


class Stream(models.Model):
    """One socket of a recording. `frames_received = frames_stored` decides that every byte received is in storage."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="streams")
    node = models.ForeignKey(CaptureNode, on_delete=models.PROTECT, related_name="streams")
    stream_key = models.ForeignKey(
        "workspaces.StreamKey", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    protocol = models.CharField(max_length=32, blank=True)
    tracks = models.ManyToManyField(Track, through="StreamTrack", related_name="streams")
    opened_at = models.DateTimeField(default=now)
    first_audio_at = models.DateTimeField(null=True, blank=True)
    start_frame = models.BigIntegerField(null=True, blank=True)  # where its first frame stands on the timeline
    closed_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=200, blank=True)
    frames_received = models.BigIntegerField(null=True, blank=True)  # per track; null until the socket closed
    frames_stored = models.BigIntegerField(default=0)  # per track

    objects = StreamQuerySet.as_manager()

    class Meta:
        ordering = ["opened_at"]
        indexes = [
            models.Index(fields=["recording", "opened_at"], name="stream_by_recording"),
            models.Index(fields=["node"], name="stream_open_on_node", condition=Q(closed_at=None)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class StreamTrack(models.Model):
    """Channel n of a socket is this track."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="channels")
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="+")
    channel = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["channel"]
        constraints = [models.UniqueConstraint(fields=["stream", "channel"], name="stream_channel_once")]

    def __str__(self) -> str:
        return f"{self.stream_id}/{self.channel}"


class Chunk(models.Model):
    """A piece of a track in storage, verified before this row was written."""

    id = models.BigAutoField(primary_key=True)
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="chunks")
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="chunks")
    start_frame = models.BigIntegerField()  # on the recording's timeline
    frames = models.PositiveIntegerField()
    generation = models.PositiveIntegerField(default=1)  # of the recording that it is heard in first
    key = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["track", "start_frame"]
        constraints = [models.UniqueConstraint(fields=["stream", "track", "start_frame"], name="chunk_once")]

    def __str__(self) -> str:
        return self.key


class AudioFile(models.Model):
    """An assembled file in storage: immutable once written."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="files")
    track = models.ForeignKey(Track, null=True, blank=True, on_delete=models.CASCADE, related_name="files")
    rendition = models.CharField(max_length=32)  # "wav" or "mp3" (all tracks mixed), "track-N", or "peaks"
    generation = models.PositiveIntegerField()
    key = models.CharField(max_length=300)
    content_type = models.CharField(max_length=64, default="audio/wav")
    size = models.BigIntegerField()  # bytes, header included
    frames = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    tm_create = models.DateTimeField("created", default=now, editable=False)

    class Meta:
        ordering = ["rendition"]
        constraints = [
            models.UniqueConstraint(fields=["recording", "rendition", "generation"], name="file_once_per_generation")
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def validator(self) -> str:
        """What its ETag is made of: its bytes."""
        return self.sha256


class JoinedFile(TenantModel):
    """All recordings of a call or a conference as one WAV in storage: a copy, made when somebody first asks.

    `fingerprint` says what it was made of: when that changes, another file is made. Who makes it holds a lease.
    """

    reference_id = models.UUIDField()
    fingerprint = models.CharField(max_length=64)
    recordings = models.ManyToManyField(Recording, related_name="joined_files")
    parts = models.PositiveIntegerField()  # how many `recordings` there were: fewer, and one has gone for good
    key = models.CharField(max_length=300)
    content_type = models.CharField(max_length=64, default="audio/wav")
    frames = models.BigIntegerField()
    size = models.BigIntegerField(default=0)  # bytes, header included
    sha256 = models.CharField(max_length=64, blank=True)
    leased_until = models.DateTimeField()
    tm_made = models.DateTimeField(null=True, blank=True)  # null until it stands in storage

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "reference_id", "fingerprint"], name="joined_file_once")
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def validator(self) -> str:
        """What its ETag is made of: the same before it was made as after."""
        return self.fingerprint


class Transition(models.Model):
    """One step of a recording's history, written in the transaction that made it."""

    id = models.BigAutoField(primary_key=True)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="transitions")
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16)
    cause = models.CharField(max_length=64)
    actor = models.CharField(max_length=200)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_state or '–'} → {self.to_state}"

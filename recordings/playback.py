"""Hearing a recording: what can be read of it at this moment, its links, and the record of who listened.

The full-call WAV is rendered from whatever pieces stand in storage, so any byte range can be served at any time:
while the call runs, after it, and across the moment at which assembly swaps chunks for files.
"""

import base64
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import F, QuerySet
from django.utils.crypto import salted_hmac

from recordings import lifecycle, storage
from recordings.audio import wav
from recordings.audio.pcm import BYTES_PER_FRAME, RATE
from recordings.audio.timeline import Piece, Timeline, render_wav
from recordings.errors import ObjectMissing
from recordings.models import AudioFile, Chunk, Recording, Stream, Track
from recordings.states import State
from workspaces import audit
from workspaces.audit import Actor
from workspaces.clock import NEVER, now

LISTEN_PERIOD = timedelta(minutes=15)
"""One `listen` entry per actor and recording in this time, not one per Range."""
REPLANS = 3
"""How often one stretch may find its piece gone before that is an error rather than an assembly in between."""
LATE_ANCHOR = timedelta(seconds=2.2)
"""A socket's first frame is anchored this long after it arrived, at the latest (200 ms of it is pairing)."""
WAV_FILE_NAME = "recording.wav"


@dataclass(frozen=True)
class Audio:
    """The full-call WAV of a recording, as far as it can be read at this moment."""

    recording: Recording
    frames: int
    """Frames that can be read: all of them once it has ended, else up to what every open socket has delivered."""
    complete: bool

    @property
    def available(self) -> int:
        """Bytes that can be read now, header included."""
        return wav.HEADER_BYTES + self.frames * BYTES_PER_FRAME

    @property
    def size(self) -> int | None:
        """Bytes of the whole file; None while it runs."""
        return self.available if self.complete else None

    @property
    def header(self) -> bytes:
        """True sizes once it has ended; while it runs both are 0xFFFFFFFF and the header never changes."""
        return wav.header(self.frames if self.complete else None)

    @property
    def etag(self) -> str | None:
        """Strong, and only of what will not change under it."""
        return f'"{self.recording.id}-{self.recording.generation}"' if self.complete else None

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Bytes [first, last) in blocks of at most 128 KiB. Where a piece has gone since it was planned (assembly
        dropped it, its file took over) the rest is planned anew at the same byte."""
        position, attempts = first, 0
        while position < last:
            try:
                for block in self._plan(position, last):
                    yield block
                    position += len(block)
                    attempts = 0
            except ObjectMissing:
                attempts += 1
                if attempts > REPLANS:
                    raise
            else:
                return

    def _plan(self, first: int, last: int) -> Iterator[bytes]:
        frames = (max(first - wav.HEADER_BYTES, 0) // BYTES_PER_FRAME, last // BYTES_PER_FRAME)
        return render_wav(
            timeline_of(self.recording, *frames),
            first,
            last,
            frames=self.frames if self.complete else None,
            header=self.header,
            read=storage.read,
        )


def open_audio(recording: Recording) -> Audio:
    """What can be heard of it now. A recording that ended without sound is a WAV of zero frames."""
    recording.refresh_from_db(fields=["status", "generation", "tm_start"])
    complete = recording.status == State.ENDED
    frames = lifecycle.total_frames(recording.id)
    return Audio(recording, frames=frames if complete else _watermark(recording, frames), complete=complete)


def whole(recording: Recording, frames: int) -> Iterator[bytes]:
    """The complete WAV of a recording whose every frame is stored, though it may not have ended yet."""
    return Audio(recording, frames=frames, complete=True).read(0, wav.size_of(frames))


def timeline_of(recording: Recording, first: int, last: int, *, track: Track | None = None) -> Timeline:
    """The pieces that stand on frames [first, last), per track: assembled files where they are of this generation,
    chunks otherwise, with an older file filling what chunks leave free."""
    files = AudioFile.objects.filter(recording=recording).exclude(track=None).order_by("-generation")
    by_track: dict[UUID, list[AudioFile]] = {}
    for file in files:
        by_track.setdefault(file.track_id, []).append(file)  # type: ignore[arg-type]  # filtered above: it has a track
    tracks = [track.id] if track else Track.objects.filter(recording=recording).values_list("id", flat=True)
    return Timeline(tuple(tuple(_pieces(track, by_track.get(track, []), recording, first, last)) for track in tracks))


def _pieces(track: UUID, files: list[AudioFile], recording: Recording, first: int, last: int) -> Iterator[Piece]:
    if not files or files[0].generation != recording.generation:
        chunks = Chunk.objects.filter(track=track, start_frame__lt=last, start_frame__gt=first - F("frames"))
        for key, start, frames in chunks.order_by("id").values_list("key", "start_frame", "frames"):
            yield Piece(key, 0, start, frames)
    for file in files[:1]:
        yield Piece(file.key, wav.HEADER_BYTES, 0, file.frames)


def _watermark(recording: Recording, frames: int) -> int:
    """Up to here nothing that is still to come can change what is heard."""
    marks = [_delivered(stream, recording) for stream in lifecycle.unfinished_streams(recording.id)]
    return max(0, min(frames, *marks)) if marks else frames


def _delivered(stream: Stream, recording: Recording) -> int:
    if stream.start_frame is not None:
        return stream.start_frame + stream.frames_stored
    if recording.tm_start is None:
        return 0
    return int((now() - LATE_ANCHOR - recording.tm_start).total_seconds() * RATE)


# --- Links ------------------------------------------------------------------------------------------------------


def recording_url(recording: Recording) -> str:
    """The address that `recording.completed` carries: no header needed, good until `url_expires_at`.

    With RECORDING_BASE_URL it is that base and the object's key in the operator's own store.
    """
    if settings.RECORDING_BASE_URL:
        return f"{settings.RECORDING_BASE_URL}/{mixed_key(recording)}"
    return f"{settings.PUBLIC_URL}/r/{_url_token(recording.id)}.wav"


def mixed_key(recording: Recording) -> str:
    """The storage key of the mixed full-call WAV."""
    name = WAV_FILE_NAME if recording.generation == 1 else f"recording-{recording.generation}.wav"
    return storage.file_key(workspace=recording.workspace_id, recording=recording.id, name=name)


def recording_of_url(token: str) -> Recording | None:
    """The recording that a recording_url's token opens now; None for a wrong, expired or deleted one alike."""
    try:
        packed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    if len(packed) != 40 or not hmac.compare_digest(packed[16:], _url_tag(packed[:16])):
        return None
    return _servable().filter(pk=UUID(bytes=packed[:16]), status=State.ENDED, url_expires_at__gt=now()).first()


def _url_token(recording_id: UUID) -> str:
    packed = recording_id.bytes + _url_tag(recording_id.bytes)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _url_tag(recording_id: bytes) -> bytes:
    """192 bits that only this installation can compute."""
    return salted_hmac("recordings.playback.url", recording_id, algorithm="sha256").digest()[:24]


LINK_SALT = "recordings.playback.link"


def mint_link(recording: Recording, *, seconds: int, actor: Actor) -> tuple[str, int]:
    """A link to the WAV that needs no key, and its life in seconds: what was asked, cut to DOWNLOAD_URL_MAX_SECONDS
    and to the recording's own expiry. It dies with the recording."""
    moment = now()
    life = min(seconds, settings.DOWNLOAD_URL_MAX_SECONDS, int((recording.expires_at - moment).total_seconds()))
    until = int((moment + timedelta(seconds=life)).timestamp())
    token = signing.dumps([recording.id.hex, until], salt=LINK_SALT)
    record_access("link", recording, actor, {"seconds": life})
    return f"{settings.PUBLIC_URL}/links/{token}.wav", life


def recording_of_link(token: str) -> Recording | None:
    """The recording that a minted link opens now; None for a wrong, expired or deleted one alike."""
    try:
        recording_hex, until = signing.loads(token, salt=LINK_SALT)
    except signing.BadSignature:
        return None
    if until <= now().timestamp():
        return None
    return _servable().filter(pk=UUID(hex=recording_hex)).first()


def _servable() -> QuerySet[Recording]:
    return Recording.objects.select_related("workspace").filter(tm_delete=NEVER, expires_at__gt=now())


# --- Who listened ------------------------------------------------------------------------------------------------


def record_access(verb: str, recording: Recording, actor: Actor, data: dict[str, Any] | None = None) -> None:
    """Leave the audit entry of a listen, download or link, before the first byte goes out."""
    workspace, subject = recording.workspace, recording.id
    if verb == "listen":
        audit.record_once(
            actor,
            verb,
            within=LISTEN_PERIOD,
            workspace=workspace,
            subject_type="recording",
            subject_id=subject,
            data=data,
        )
    else:
        audit.record(actor, verb, workspace=workspace, subject_type="recording", subject_id=subject, data=data)

"""Hearing a recording: what can be read of it at this moment, its links, and the record of who listened."""

import base64
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.crypto import salted_hmac

from calls.models import Chat, Visibility
from recordings import rendering, storage
from recordings.audio import wav
from recordings.audio.pcm import BYTES_PER_FRAME, RATE
from recordings.errors import ObjectDamaged
from recordings.models import AudioFile, JoinedFile, Recording, Stream
from recordings.states import State
from workspaces import audit
from workspaces.audit import Actor
from workspaces.clock import NEVER, now
from workspaces.models import Member, Workspace
from workspaces.tenancy import WorkspaceQuerySet

LISTEN_PERIOD = timedelta(minutes=15)
"""One `listen` entry per actor and recording in this time, not one per Range."""
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
    content_type: ClassVar[str] = wav.CONTENT_TYPE

    @property
    def available(self) -> int:
        """Bytes that can be read now, header included."""
        return len(self.header) + self.frames * BYTES_PER_FRAME

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
        """Bytes [first, last) in blocks of at most 128 KiB, whatever assembly does meanwhile."""
        return rendering.read_wav(
            self.recording, first, last, frames=self.frames if self.complete else None, header=self.header
        )


@dataclass(frozen=True)
class Stored:
    """An assembled file, as it stands in storage."""

    file: AudioFile | JoinedFile

    @property
    def content_type(self) -> str:
        return self.file.content_type

    @property
    def available(self) -> int:
        return self.file.size

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def etag(self) -> str:
        """Strong, and the same wherever the same file is made again."""
        return f'"{self.file.validator[:32]}"'

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Bytes [first, last) in blocks of at most 1 MiB. Raises StorageError."""
        for position in range(first, last, storage.BLOCK_BYTES):
            asked = min(storage.BLOCK_BYTES, last - position)
            block = storage.read(self.file.key, position, asked)
            if len(block) != asked:
                raise ObjectDamaged(f"{self.file.key} is shorter than it was", key=self.file.key)
            yield block


def open_audio(recording: Recording) -> Audio:
    """What can be heard of it now. A recording that ended without sound is a WAV of zero frames."""
    recording.refresh_from_db(fields=["status", "generation", "frames", "tm_start"])
    if recording.status == State.ENDED:
        return Audio(recording, frames=recording.frames or 0, complete=True)
    return Audio(recording, frames=_watermark(recording, recording.streams.reach()), complete=False)


def _watermark(recording: Recording, frames: int) -> int:
    """Up to here nothing that is still to come can change what is heard."""
    marks = [_delivered(stream, recording) for stream in recording.streams.unfinished()]
    return max(0, min(frames, *marks)) if marks else frames


def _delivered(stream: Stream, recording: Recording) -> int:
    if stream.start_frame is not None:
        return stream.start_frame + stream.frames_stored
    if recording.tm_start is None:
        return 0
    return int((now() - LATE_ANCHOR - recording.tm_start).total_seconds() * RATE)


# --- Private chats ----------------------------------------------------------------------------------------------


def hearable(recordings: WorkspaceQuerySet[Recording], member: Member | None) -> WorkspaceQuerySet[Recording]:
    """Those of `recordings` that `member` may know of; None is nobody in particular, such as a key without a member.

    A recording whose call or conference has a chat that is not of the whole workspace is for its participants.
    """
    return recordings.filter(~Exists(closed_chats(member).filter(reference_id=OuterRef("reference_id"))))


def hearable_far(
    recordings: WorkspaceQuerySet[Recording], member: Member | None, *, workspace: Workspace
) -> WorkspaceQuerySet[Recording]:
    """The same of one workspace's, for queries that pass over very many rows: its private chats are gathered once,
    where `hearable` looks for those of each row."""
    private = closed_chats(member).of(workspace).exclude(reference_id=None)
    return recordings.exclude(reference_id__in=private.values("reference_id"))


def closed_chats(member: Member | None) -> WorkspaceQuerySet[Chat]:
    """The chats that are not for `member`, of every workspace: those not of the whole workspace in which they do not
    take part."""
    private = Chat.objects.exclude(visibility=Visibility.WORKSPACE)
    return private if member is None else private.exclude(participants=member)


# --- Links ------------------------------------------------------------------------------------------------------


def recording_url(recording: Recording) -> str:
    """The address that `recording.completed` carries: no header needed, good until `url_expires_at`.

    With RECORDING_BASE_URL it is that base and the object's key in the operator's own store.
    """
    if settings.RECORDING_BASE_URL:
        return f"{settings.RECORDING_BASE_URL}/{rendering.mixed_key(recording)}"
    return f"{settings.PUBLIC_URL}/r/{_url_token(recording.id)}.wav"


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


FILE_LINK_SALT = "recordings.playback.file-link"


@dataclass(frozen=True)
class OpenedFile:
    """What a link to a joined file opens."""

    file: JoinedFile
    recordings: list[Recording]
    """What is heard in it."""
    name: str


def mint_file_link(
    file: JoinedFile, recordings: Iterable[Recording], *, seconds: int, name: str, actor: Actor, data: dict[str, Any]
) -> tuple[str, int] | None:
    """A link to a joined file that needs no key and saves it as `name`, and its life in seconds; `data` is noted with
    it. None where one of `recordings`, which are what the file was made of, expires within the second.

    The life is what was asked, cut to DOWNLOAD_URL_MAX_SECONDS and to the first expiry. Where the store hands out
    objects itself the link is the store's, and cannot be recalled; the product's own dies with any of the recordings.
    """
    heard, moment = list(recordings), now()
    first_expiry = min(recording.expires_at for recording in heard)
    life = min(seconds, settings.DOWNLOAD_URL_MAX_SECONDS, int((first_expiry - moment).total_seconds()))
    if life < 1:
        return None
    signed = min(life, storage.SIGN_SECONDS_MAX)
    url = storage.sign(file.key, seconds=signed, filename=name, content_type=file.content_type)
    if url is not None:
        life = signed
    else:
        until = int((moment + timedelta(seconds=life)).timestamp())
        url = f"{settings.PUBLIC_URL}/links/{signing.dumps([file.id.hex, until, name], salt=FILE_LINK_SALT)}.wav"
    for recording in heard:
        record_access("link", recording, actor, data | {"seconds": life})
    return url, life


def file_of_link(token: str) -> OpenedFile | None:
    """The joined file that a minted link opens now; None for a link that is wrong or expired, and for a file of which
    any recording is deleted or expired."""
    try:
        file_hex, until, name = signing.loads(token, salt=FILE_LINK_SALT)
    except signing.BadSignature:
        return None
    if until <= now().timestamp():
        return None
    file = JoinedFile.objects.filter(pk=UUID(hex=file_hex)).exclude(tm_made=None).first()
    heard = list(_servable().filter(joined_files=file)) if file else []
    return OpenedFile(file, heard, name) if file and len(heard) == file.parts else None


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

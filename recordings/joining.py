"""All recordings of a call or a conference on one timeline, and the one stored copy of it.

Each stands where it began; where several overlap they are mixed, and between them is silence. A segment is heard only
where no full_call covers it, since the two share the sound. The copy is made when somebody first asks for it, by one
of all who ask: a row with a lease says who. What it was made of is its fingerprint, so that another recording, an
amendment or a deletion makes another copy, under another key.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from recordings import rendering, storage
from recordings.audio import wav
from recordings.audio.pcm import RATE
from recordings.audio.timeline import Piece, Timeline
from recordings.errors import ObjectConflict, StillJoining
from recordings.models import JoinedFile, Recording
from recordings.states import RecordingType
from recordings.storage import StoredObject
from workspaces import limits
from workspaces.clock import NEVER, now
from workspaces.errors import RateExceeded

LEASE = timedelta(seconds=30)
RENEW_SECONDS = 5.0
WAIT_SECONDS = 60.0
"""So long who comes second waits for the copy; ten hours of sound are joined in a few seconds."""
POLL_SECONDS = 0.05
SWEEP_SECONDS = 3600
ABANDONED = timedelta(days=1)
"""A copy that was begun and that nobody has made since."""

Span = tuple[int, int]
"""Frames [first, last)."""


@dataclass(frozen=True)
class Part:
    """What is heard of one recording: `spans` of its own frames, its frame 0 standing on frame `at` of the whole."""

    recording: Recording
    at: int
    spans: tuple[Span, ...]

    def tracks(self, first: int, last: int) -> Iterator[tuple[Piece, ...]]:
        """Its tracks' pieces on frames [first, last) of the whole, on the whole's clock."""
        for pieces in rendering.timeline_of(self.recording, first - self.at, last - self.at).tracks:
            yield tuple(self._laid(pieces))

    def _laid(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            for first, last in self.spans:
                start, end = max(piece.start, first), min(piece.end, last)
                if start < end:
                    cut = piece.cut(start, end)
                    yield replace(cut, start=cut.start + self.at)


@dataclass(frozen=True)
class Joined:
    """The WAV of a whole call, any byte of which can be read before it was ever stored. Never empty."""

    parts: tuple[Part, ...]
    content_type: ClassVar[str] = wav.CONTENT_TYPE

    @property
    def recordings(self) -> list[Recording]:
        return [part.recording for part in self.parts]

    @cached_property
    def frames(self) -> int:
        return max(part.at + part.spans[-1][1] for part in self.parts)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return wav.size_of(self.frames)

    @property
    def available(self) -> int:
        return self.size

    @cached_property
    def fingerprint(self) -> str:
        """Of what is heard, where: the same recordings in the same generations make the same file."""
        parts = [f"{part.recording.pk}/{part.recording.generation}@{part.at}:{part.spans}" for part in self.parts]
        return sha256("\n".join(parts).encode()).hexdigest()

    @property
    def etag(self) -> str:
        return f'"{self.fingerprint[:32]}"'

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Bytes [first, last) in blocks of at most 128 KiB. Raises StorageError."""
        return rendering.read_planned(self._timeline, first, last, frames=self.frames, header=wav.header(self.frames))

    def _timeline(self, first: int, last: int) -> Timeline:
        return Timeline(tuple(pieces for part in self.parts for pieces in part.tracks(first, last)))


def join(recordings: Iterable[Recording]) -> Joined | None:
    """The ended `recordings`, which are all of one call or conference, on one timeline; None where none has sound."""
    heard = [recording for recording in recordings if recording.frames]
    if not heard:
        return None
    starts = {recording.pk: recording.tm_start or recording.tm_create for recording in heard}
    zero = min(starts.values())
    parts: list[Part] = []
    taken: list[Span] = []
    heard.sort(key=lambda each: (each.recording_type != RecordingType.FULL_CALL, starts[each.pk], each.pk))
    for recording in heard:
        at, frames = round((starts[recording.pk] - zero).total_seconds() * RATE), recording.frames or 0
        spans: tuple[Span, ...] = ((at, at + frames),)
        if recording.recording_type != RecordingType.FULL_CALL:
            spans = tuple(_free(spans[0], taken))
        taken += spans
        if spans:
            parts.append(Part(recording, at=at, spans=tuple((first - at, last - at) for first, last in spans)))
    return Joined(tuple(parts))


def stored(joined: Joined) -> JoinedFile | None:
    """The copy, where it has been made."""
    return _rows(joined).exclude(tm_made=None).first()


def made(joined: Joined) -> JoinedFile:
    """The copy, made now where there is none. Of all who ask, in whatever process, one makes it and the others wait.

    Raises StillJoining where that takes more than WAIT_SECONDS, and StorageError.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while (file := stored(joined)) is None:
        if (claimed := _claim(joined)) is not None:
            return _make(joined, claimed)
        if time.monotonic() > deadline:
            raise StillJoining("The recording is being put together", retry_after=POLL_SECONDS)
        time.sleep(POLL_SECONDS)
    return file


def sweep() -> int:
    """Remove the copies in which something deleted or expired is heard, and those that newer ones have replaced for as
    long as a link to them may live; how many. One process an hour does so; for the others there is nothing."""
    try:
        limits.hit("recordings.joining.sweep", limit=1, seconds=SWEEP_SECONDS)
    except RateExceeded:
        return 0
    return drop_hidden() + _drop_replaced()


def drop_hidden() -> int:
    """Remove the copies in which a recording is heard that is deleted, expired or gone; how many."""
    visible = Q(tm_delete=NEVER, expires_at__gt=now())
    hidden = Recording.objects.filter(~visible, joined_files=OuterRef("pk"))
    bare = ~Exists(Recording.objects.filter(joined_files=OuterRef("pk")))
    begun = Q(tm_made=None)
    return _drop(
        JoinedFile.objects.filter(
            (~begun & (Exists(hidden) | bare)) | (begun & Q(leased_until__lte=now() - ABANDONED)),
        )
    )


def _drop_replaced() -> int:
    old = now() - timedelta(seconds=settings.DOWNLOAD_URL_MAX_SECONDS)
    newer = JoinedFile.objects.filter(
        workspace=OuterRef("workspace"),
        reference_id=OuterRef("reference_id"),
        tm_made__lte=old,
        tm_made__gt=OuterRef("tm_made"),
    )
    return _drop(JoinedFile.objects.filter(Exists(newer)))


def _drop(files: Iterable[JoinedFile]) -> int:
    dropped = 0
    for file in files:
        storage.delete(file.key)  # the object first: killed in between, the row still says what is left
        file.delete()
        dropped += 1
    return dropped


def _free(span: Span, taken: Iterable[Span]) -> Iterator[Span]:
    """The stretches of `span` that are in none of `taken`, in order."""
    free = [span]
    for first, last in taken:
        cut = [piece for start, end in free for piece in ((start, min(end, first)), (max(start, last), end))]
        free = [(start, end) for start, end in cut if start < end]
    return iter(free)


def _rows(joined: Joined) -> QuerySet[JoinedFile]:
    recording = joined.parts[0].recording
    return JoinedFile.objects.of(recording.workspace).filter(
        reference_id=recording.reference_id, fingerprint=joined.fingerprint
    )


def _claim(joined: Joined) -> UUID | None:
    """The row of the copy that the caller is to make now; None where somebody else makes it."""
    moment, recording = now(), joined.parts[0].recording
    values = {
        "key": storage.joined_key(
            workspace=recording.workspace_id, reference=recording.reference_id, fingerprint=joined.fingerprint
        ),
        "parts": len(joined.parts),
        "frames": joined.frames,
        "leased_until": moment + LEASE,
    }
    row, created = JoinedFile.objects.get_or_create(
        workspace=recording.workspace,
        reference_id=recording.reference_id,
        fingerprint=joined.fingerprint,
        defaults=values,
    )
    if created:
        return row.pk
    if row.tm_made is not None or row.leased_until > moment:
        return None
    free = JoinedFile.objects.filter(pk=row.pk, tm_made=None, leased_until__lte=moment)
    return row.pk if free.update(leased_until=moment + LEASE) else None


def _make(joined: Joined, row: UUID) -> JoinedFile:
    rows = JoinedFile.objects.filter(pk=row)
    try:
        kept = _put(joined, row)
    except BaseException:
        rows.update(leased_until=now())  # whoever asks next need not wait for the lease to end
        raise
    with transaction.atomic():
        rows.update(size=kept.size, sha256=kept.sha256, tm_made=now())
        file = rows.get()
        file.recordings.set(joined.recordings)
    return file


def _put(joined: Joined, row: UUID) -> StoredObject:
    recording = joined.parts[0].recording
    key = storage.joined_key(
        workspace=recording.workspace_id, reference=recording.reference_id, fingerprint=joined.fingerprint
    )
    try:
        return storage.put_blocks(key, _renewing(joined.read(0, joined.size), row))
    except ObjectConflict:  # an earlier version of this code was killed before it finished the row: nobody knows of it
        storage.delete(key)
        return storage.put_blocks(key, _renewing(joined.read(0, joined.size), row))


def _renewing(blocks: Iterator[bytes], row: UUID) -> Iterator[bytes]:
    """The blocks, while the lease is kept alive."""
    due = time.monotonic() + RENEW_SECONDS
    for block in blocks:
        if time.monotonic() >= due:
            JoinedFile.objects.filter(pk=row).update(leased_until=now() + LEASE)
            due = time.monotonic() + RENEW_SECONDS
        yield block

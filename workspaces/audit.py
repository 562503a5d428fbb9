"""Who did what to what: entries are inserted at once, and chained by hash later, in batches per workspace.

Nothing here or elsewhere changes an entry, but for `seal`, which writes `sequence` and `hash` once. The chain
shows any later change, and any removal between two entries; what it cannot show is the removal of the newest
ones, so a copy of the last hash belongs somewhere else.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from workspaces.clock import now
from workspaces.models import AuditEntry, Credential, RateWindow, StreamKey, Workspace

ID_LENGTH = 64  # AuditEntry.actor_id and subject_id
NAME_LENGTH = 200  # AuditEntry.actor_name


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `type` is user, key, stream_key, link or system; `id` and `name` may be empty."""

    type: str
    id: str = ""
    name: str = ""

    def __str__(self) -> str:
        return (self.name or f"{self.type}:{self.id}")[:NAME_LENGTH]

    @classmethod
    def user(cls, user: AbstractBaseUser) -> Self:
        return cls("user", id=str(user.pk), name=user.get_username())

    @classmethod
    def key(cls, api_key: Credential) -> Self:
        """An API key or a stream key; without a name it is known by its prefix, which is no secret."""
        kind = "stream_key" if isinstance(api_key, StreamKey) else "key"
        return cls(kind, id=str(api_key.pk), name=str(api_key))

    @classmethod
    def named(cls, name: str) -> Self:
        """A part of the product that acts by itself, such as the reconciler."""
        return cls("system", name=name)


SYSTEM = Actor("system", name="Tapedeck")


def record(
    actor: Actor,
    verb: str,
    *,
    workspace: Workspace,
    subject_type: str,
    subject_id: object,
    data: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Inserts one entry in the caller's transaction. `data` may hold what Django's JSON encoder knows.

    NUL characters and lone surrogates, which PostgreSQL refuses, are replaced: what a stranger sends must not
    keep an act out of the log.
    """
    plain = json.loads(json.dumps(dict(data or {}), cls=DjangoJSONEncoder, allow_nan=False))
    return AuditEntry.objects.create(
        workspace=workspace,
        actor_type=actor.type,
        actor_id=_storable(actor.id)[:ID_LENGTH],
        actor_name=_storable(actor.name)[:NAME_LENGTH],
        verb=verb,
        subject_type=subject_type,
        subject_id=_storable(str(subject_id))[:ID_LENGTH],
        data=_storable(plain),
    )


def record_once(
    actor: Actor,
    verb: str,
    *,
    within: timedelta,
    workspace: Workspace,
    subject_type: str,
    subject_id: object,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Like `record`, unless the same actor did the same to the same subject less than `within` ago.

    True if inserted. `within` is at most a day. Of those who find no recent entry at the same moment, one
    claims the period and inserts.
    """
    recent = AuditEntry.objects.filter(
        workspace=workspace,
        actor_type=actor.type,
        actor_id=_storable(actor.id)[:ID_LENGTH],
        actor_name=_storable(actor.name)[:NAME_LENGTH],
        verb=verb,
        subject_type=subject_type,
        subject_id=_storable(str(subject_id))[:ID_LENGTH],
        at__gt=now() - within,
    )
    if recent.exists():
        return False
    same = [str(workspace.pk), actor.type, actor.id, actor.name, verb, subject_type, str(subject_id)]
    with transaction.atomic():
        if not _claim(json.dumps(same), within=within):
            return False
        record(actor, verb, workspace=workspace, subject_type=subject_type, subject_id=subject_id, data=data)
    return True


def _claim(same: str, *, within: timedelta) -> bool:
    """True for the first to claim this period of length `within`; a second waits for the first to commit.

    Entries are at least `within` apart, so no period is ever claimed by two that should both be inserted.
    """
    seconds = max(1, int(within.total_seconds()))
    key = f"audit:{sha256(same.encode()).hexdigest()}"
    window = int(now().timestamp()) // seconds * seconds
    return RateWindow.objects.get_or_create(key=key, window=window, defaults={"count": 1})[1]


def seal(limit: int = 1000) -> int:
    """Chains up to `limit` unsealed entries, oldest first; how many. Safe to run twice and in parallel."""
    oldest = AuditEntry.objects.filter(sequence=None).order_by("id").values_list("workspace_id", flat=True)
    counts: dict[UUID, int] = {}
    for workspace_id in oldest[:limit]:
        counts[workspace_id] = counts.get(workspace_id, 0) + 1
    return sum(_seal_workspace(workspace_id, limit=count) for workspace_id, count in counts.items())


@transaction.atomic
def _seal_workspace(workspace_id: UUID, *, limit: int) -> int:
    # NO KEY: rows that refer to the workspace can be inserted meanwhile; only another sealer waits.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    entries = AuditEntry.objects.filter(workspace_id=workspace_id)
    head = entries.exclude(sequence=None).order_by("-sequence").values_list("sequence", "hash").first()
    sequence, digest = head or (0, "")
    batch = list(entries.filter(sequence=None).order_by("id")[:limit])
    for entry in batch:
        sequence = (sequence or 0) + 1
        entry.sequence = sequence
        digest = entry.hash = _chained(digest, entry)
    AuditEntry.objects.bulk_update(batch, ["sequence", "hash"], batch_size=200)
    return len(batch)


def verify(workspace: Workspace) -> list[str]:
    """Sentences about what is broken in the workspace's chain, oldest first; [] if it is whole.

    A changed entry, or a changed hash, is named once: its successor fits what is stored or what should be.
    """
    return list(_breaks(AuditEntry.objects.filter(workspace=workspace).exclude(sequence=None)))


def _breaks(sealed: Any) -> Iterator[str]:
    position = 0
    before: set[str] = {""}  # the hashes an untouched successor may have been built on
    for entry in sealed.order_by("sequence").iterator(chunk_size=2000):
        if entry.sequence != position + 1:
            yield _gap(position + 1, entry.sequence)
            before = {entry.hash}  # unknown: this entry can only be the start of what follows
        else:
            fitting = {_chained(digest, entry) for digest in before}
            if entry.hash not in fitting:
                yield f"Entry {entry.sequence} ({entry}) was changed after it was sealed."
            before = {entry.hash} if entry.hash in fitting else fitting | {entry.hash}
        position = entry.sequence


def _gap(first: int, following: int) -> str:
    last = following - 1
    missing = f"Entry {first} is" if first == last else f"Entries {first} to {last} are"
    return f"{missing} missing, so entry {following} cannot be checked."


def _chained(previous: str, entry: AuditEntry) -> str:
    """SHA-256, hex, of the previous hash and the entry's fields as JSON with sorted keys and no spaces."""
    fields = {
        "sequence": entry.sequence,
        "id": entry.pk,
        "workspace": str(entry.workspace_id),
        "at": _utc(entry.at),
        "actor": [entry.actor_type, entry.actor_id, entry.actor_name],
        "verb": entry.verb,
        "subject": [entry.subject_type, entry.subject_id],
        "data": entry.data,
    }
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256((previous + canonical).encode("ascii")).hexdigest()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _storable(value: Any) -> Any:
    """The JSON value without what PostgreSQL's text cannot hold."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value

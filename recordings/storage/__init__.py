"""Where audio is kept: keys, verified puts that never overwrite, ranged reads. The only place that knows a store.

Keys are `w/{workspace}/r/{recording}/…`. A put is a success where the same bytes already stand under its key, and an
ObjectConflict where others do. What was put is compared by size and hash before the call returns. Stores are files
below a folder (`files`) and buckets (`s3`), as STORAGE says.
"""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from recordings.storage.files import FileStore
from recordings.storage.objects import BLOCK_BYTES, Store, StoredObject
from workspaces import limits
from workspaces.errors import RateExceeded

__all__ = [
    "BLOCK_BYTES",
    "SIGN_SECONDS_MAX",
    "FileStore",
    "Store",
    "StoredObject",
    "chunk_key",
    "delete",
    "describe",
    "file_key",
    "joined_key",
    "probe",
    "put",
    "put_blocks",
    "read",
    "sign",
    "store",
    "sweep",
]

SIGN_SECONDS_MAX = 604_800
"""Seven days: no S3 server takes a longer signature (AWS Signature Version 4, query parameters)."""
SWEEP_SECONDS = 3600
"""What is left behind is a day old when it goes, so looking once an hour is often enough."""


def chunk_key(*, workspace: UUID, recording: UUID, track: UUID, start_frame: int, sha256: str) -> str:
    """The hash in the key makes a second put of the same chunk a success and of another one no conflict."""
    return f"w/{workspace}/r/{recording}/c/{track}/{start_frame:012d}-{sha256[:16]}.pcm"


def file_key(*, workspace: UUID, recording: UUID, name: str) -> str:
    return f"w/{workspace}/r/{recording}/{name}"


def joined_key(*, workspace: UUID, reference: UUID, fingerprint: str) -> str:
    """Of all recordings of a call or conference in one: another content is another key."""
    return f"w/{workspace}/j/{reference}/{fingerprint[:32]}.wav"


@cache
def store() -> Store:
    """The store that the settings name."""
    if settings.STORAGE == "s3":
        from recordings.storage.s3 import S3Store  # noqa: PLC0415 - its library takes 0.3 s; files need not wait for it

        return S3Store.of_settings()
    return FileStore(Path(settings.STORAGE_ROOT))


os.register_at_fork(after_in_child=store.cache_clear)  # a child must not speak on its parent's connections


def put(key: str, data: bytes) -> StoredObject:
    return store().put(key, [data])


def put_blocks(key: str, blocks: Iterable[bytes]) -> StoredObject:
    """As `put`, for what should never be in memory whole."""
    return store().put(key, blocks)


def read(key: str, offset: int, length: int) -> bytes:
    return store().read(key, offset, length)


def delete(key: str) -> None:
    store().delete(key)


def sign(key: str, *, seconds: int, filename: str, content_type: str) -> str | None:
    """A presigned address of the object, good for `seconds` (1 to SIGN_SECONDS_MAX), that makes a browser save it as
    `filename`. None where the store has no addresses: the product's own links serve there. It cannot be recalled.
    """
    if not 1 <= seconds <= SIGN_SECONDS_MAX:
        raise ValueError(f"seconds must be 1 to {SIGN_SECONDS_MAX}, not {seconds}")
    return store().sign(key, seconds=seconds, filename=filename, content_type=content_type)


def sweep() -> int:
    """Remove what killed puts left behind, how many. One process an hour does so; for the others there is nothing."""
    try:
        limits.hit("recordings.storage.sweep", limit=1, seconds=SWEEP_SECONDS)
    except RateExceeded:
        return 0
    return store().sweep()


def probe() -> None:
    store().probe()


def describe() -> str:
    """Where audio is kept, in words that hold no secret."""
    return store().describe()

"""What every kind of store agrees on: objects, keys, and the acts it must know."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from recordings.errors import StorageError

BLOCK_BYTES = 1 << 20
"""What is read of an object at a time where all of it is wanted."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a put left in the store: its bytes and their SHA-256, both compared with what was sent."""

    key: str
    size: int
    sha256: str


class Store(Protocol):
    """What a kind of store must do. Every method may raise StorageError where the store does not do as told."""

    def put(self, key: str, blocks: Iterable[bytes]) -> StoredObject:
        """Write an object and verify it; never overwrites. Raises ObjectConflict and ObjectDamaged."""

    def read(self, key: str, offset: int, length: int) -> bytes:
        """`length` bytes from byte `offset` on, fewer where the object ends. Raises ObjectMissing."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""

    def sign(self, key: str, *, seconds: int, filename: str, content_type: str) -> str | None:
        """An address under which the store itself hands out the object for `seconds`; None where it cannot."""

    def sweep(self) -> int:
        """Remove what puts that were killed have left behind for more than a day; how many."""

    def probe(self) -> None:
        """Write, read and remove a small object. Raises ObjectDamaged."""

    def describe(self) -> str:
        """Where it keeps its objects, in words that hold no secret."""


def parts_of(key: str) -> list[str]:
    """The names that a key is made of. Raises StorageError for what is none, or would lead out of the store."""
    parts = key.split("/")
    if not all(parts) or any(part in {".", ".."} or "\\" in part or "\0" in part for part in parts):
        raise StorageError(f"{key!r} is no storage key")
    return parts


def probe_key() -> str:
    """A key that no other probe has."""
    return f"probe/{os.getpid()}-{os.urandom(4).hex()}"

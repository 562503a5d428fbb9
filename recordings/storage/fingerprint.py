"""What bytes look like to us (SHA-256) and to a server (ETag), taken while they pass."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import md5, sha256
from typing import Self

from recordings.storage.objects import StoredObject

PART_BYTES = 8 << 20
"""What is larger travels in parts of this size. 10,000 parts are allowed: 80 GiB, two months of one track."""


def in_parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of PART_BYTES, the last of them shorter; none where there are no bytes."""
    buffer = bytearray()
    for block in blocks:
        buffer += block
        while len(buffer) >= PART_BYTES:
            yield bytes(memoryview(buffer)[:PART_BYTES])
            del buffer[:PART_BYTES]
    if buffer:
        yield bytes(buffer)


def content_md5(data: bytes) -> str:
    """The header by which a server refuses what the way to it damaged (RFC 1864)."""
    return b64encode(_md5(data)).decode()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Bytes, SHA-256 (hex), and the ETag without quotes that a server gives where it gives MD5s."""

    size: int
    sha256: str
    etag: str

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Of what is put in one request."""
        return cls(len(data), sha256(data).hexdigest(), _md5(data).hex())

    def stored(self, key: str) -> StoredObject:
        return StoredObject(key=key, size=self.size, sha256=self.sha256)


class Tally:
    """Counts what is put in parts. The ETag is then the MD5 of the parts' MD5s, with their number."""

    def __init__(self) -> None:
        self._size = 0
        self._sha256 = sha256()
        self._md5s: list[bytes] = []

    def add(self, part: bytes) -> None:
        self._size += len(part)
        self._sha256.update(part)
        self._md5s.append(_md5(part))

    def fingerprint(self) -> Fingerprint:
        etag = f"{_md5(b''.join(self._md5s)).hex()}-{len(self._md5s)}"
        return Fingerprint(self._size, self._sha256.hexdigest(), etag)


def _md5(data: bytes) -> bytes:
    return md5(data, usedforsecurity=False).digest()

"""Objects as files below a folder: written aside, synced, read back, then linked to their name."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from recordings.errors import ObjectConflict, ObjectDamaged, ObjectMissing, StorageError
from recordings.storage.objects import BLOCK_BYTES, StoredObject, parts_of, probe_key

FOLDER_ATTEMPTS = 20


class FileStore:
    """A folder, on a disk that every process sees."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*parts_of(key))

    def put(self, key: str, blocks: Iterable[bytes]) -> StoredObject:
        """Write an object. Raises ObjectConflict, ObjectDamaged, or StorageError where the disk refuses."""
        target = self._path(key)
        try:
            handle, name = _aside(target.parent)
            try:
                sent = _write(handle, blocks)
                kept = _hash_file(Path(name))
                if kept != sent:
                    raise ObjectDamaged(f"{key} reads back other than it was written", key=key)
                _link(Path(name), target, sent)
            finally:
                Path(name).unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            raise StorageError(f"{key} could not be written: {error.strerror or error}", key=key) from error
        return StoredObject(key=key, size=sent[0], sha256=sent[1])

    def read(self, key: str, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer where the object ends. Raises ObjectMissing."""
        try:
            with self._path(key).open("rb", buffering=0) as file:
                return os.pread(file.fileno(), length, offset)
        except FileNotFoundError as error:
            raise ObjectMissing(f"no object {key}", key=key) from error
        except OSError as error:
            raise StorageError(f"{key} could not be read: {error.strerror or error}", key=key) from error

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error. Folders left empty go with it."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{key} could not be removed: {error.strerror or error}", key=key) from error
        for folder in path.parents:
            if folder == self._root or not _remove_empty(folder):
                return

    def probe(self) -> None:
        """Write, read and remove a small object; raises StorageError where the store does not do as told."""
        key = probe_key()
        self.put(key, [b"tapedeck"])
        try:
            if self.read(key, 4, 4) != b"deck":
                raise ObjectDamaged(f"{key} reads back other than it was written", key=key)
        finally:
            self.delete(key)

    def sign(self, key: str, *, seconds: int, filename: str, content_type: str) -> None:
        """A folder has no addresses."""

    def sweep(self) -> int:
        """Nothing: a killed put leaves one `.put-…` file, and to find it every folder would have to be walked."""
        return 0

    def describe(self) -> str:
        return f"the folder {self._root}"


def _aside(folder: Path) -> tuple[int, str]:
    """An open new file in `folder`, and its name. The delete of a sibling may take the empty folder away before the
    file is in it: then the folder is made anew."""
    attempts = 0
    while True:
        attempts += 1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return tempfile.mkstemp(prefix=".put-", dir=folder)
        except (FileNotFoundError, FileExistsError):  # the latter where it went while it was found to be there
            if attempts == FOLDER_ATTEMPTS:
                raise


def _write(handle: int, blocks: Iterable[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with os.fdopen(handle, "wb", buffering=0) as file:
        for block in blocks:
            rest = memoryview(block)
            while rest:
                rest = rest[file.write(rest) :]
            digest.update(block)
            size += len(block)
        os.fdatasync(file.fileno())
        os.fchmod(file.fileno(), 0o640)
    return size, digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _hash_file(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    for block in _blocks(path):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


def _link(made: Path, target: Path, sent: tuple[int, str]) -> None:
    """Give the object its name; a hard link fails where the name is taken, which is what never overwrites."""
    try:
        os.link(made, target)
    except FileExistsError:
        if _hash_file(target) != sent:
            raise ObjectConflict(f"another object stands at {target.name}", key=target.name) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False  # not empty, or somebody was faster: nothing to do
    return True

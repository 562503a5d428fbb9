"""The crash-safe buffer between a socket and storage: append-only files on local disk.

    CAPTURE_DIR/node-1/lock               held (flock) by the process that writes here
                      /id                 the node's id in the database
                      /streams/<stream>/stream.json          what the bytes are
                                       /<first byte>.raw      the bytes as they came off the wire, in segments

A segment is removed once all of it is in storage, verified and rowed. What a killed process left is found by the
next one that takes the node's lock. A write reaches the kernel at once, so a kill loses only what had not been read.
"""

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Self
from uuid import UUID

from recordings.capture.protocols import MediaFormat
from workspaces.ids import new_id

HEADER_NAME = "stream.json"
SUFFIX = ".raw"


@dataclass(frozen=True, slots=True)
class Header:
    """What the spooled bytes are, and whose."""

    stream: UUID
    recording: UUID
    format: MediaFormat
    first_audio_at: datetime

    def dumps(self) -> str:
        return json.dumps(
            {
                "stream": str(self.stream),
                "recording": str(self.recording),
                "format": asdict(self.format),
                "first_audio_at": self.first_audio_at.isoformat(),
            }
        )

    @classmethod
    def loads(cls, text: str) -> Self:
        """Raises ValueError for anything that `dumps` has not written whole."""
        try:
            fields = json.loads(text)
            media = fields["format"]
            return cls(
                stream=UUID(fields["stream"]),
                recording=UUID(fields["recording"]),
                format=MediaFormat(**(media | {"labels": tuple(media["labels"])})),
                first_audio_at=datetime.fromisoformat(fields["first_audio_at"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no header of a stream: {error!r}") from error


class StreamSpool:
    """The bytes of one stream. One thread appends; another may read and drop what is complete before `size`."""

    def __init__(self, folder: Path, header: Header, *, size: int) -> None:
        self.folder = folder
        self.header = header
        self.size = size
        """Bytes appended so far, those already dropped included."""
        self._file: int | None = None

    @classmethod
    def create(cls, folder: Path, header: Header) -> Self:
        """Begin a stream's folder. The header is in place before the first byte."""
        folder.mkdir(parents=True)
        aside = folder / f".{HEADER_NAME}"
        aside.write_text(header.dumps(), encoding="utf-8")
        aside.rename(folder / HEADER_NAME)
        return cls(folder, header, size=0)

    @classmethod
    def adopt(cls, folder: Path) -> Self | None:
        """What a process left in `folder`; None where it was killed before the header was in place: no audio was.

        Raises ValueError where the header is not whole, as after a power cut.
        """
        try:
            header = Header.loads((folder / HEADER_NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        spool = cls(folder, header, size=0)
        segments = spool._segments()
        if segments:
            first, path = segments[-1]
            spool.size = first + path.stat().st_size
        return spool

    def append(self, data: bytes) -> None:
        """Hand the bytes to the kernel. OSError (disk full) leaves `size` at what truly was written."""
        if self._file is None:
            self._file = self._open()
        rest = memoryview(data)
        while rest:
            written = os.write(self._file, rest)
            self.size += written
            rest = rest[written:]

    def roll(self) -> None:
        """Let what comes next go into a segment of its own, so that what is before can be dropped."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def read(self, first: int, last: int) -> bytes:
        """Bytes [first, last). Raises EOFError where they are not all here."""
        parts = []
        at = first
        for start, path in self._segments():
            if start <= at < last:
                with path.open("rb", buffering=0) as file:
                    part = os.pread(file.fileno(), last - at, at - start)
                parts.append(part)
                at += len(part)
        if at < last:
            raise EOFError(f"{self.folder.name} has no bytes {at} to {last}")
        return b"".join(parts)

    def drop(self, before: int) -> None:
        """Remove the segments whose every byte lies before this one; the last segment stays for the next append."""
        segments = self._segments()
        for (_, path), (following, _) in pairwise(segments):
            if following <= before:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """All of it is in storage: the folder goes. The header first: without it nobody adopts what a kill leaves."""
        self.roll()
        (self.folder / HEADER_NAME).unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _open(self) -> int:
        path = self.folder / f"{self.size:020d}{SUFFIX}"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)

    def _segments(self) -> list[tuple[int, Path]]:
        return sorted((int(path.stem), path) for path in self.folder.iterdir() if path.suffix == SUFFIX)


class NodeFolder:
    """A capture process's place on the disk: an id that outlives the process, and a lock that does not."""

    def __init__(self, path: Path, node_id: UUID, lock: int) -> None:
        self.path = path
        self.node_id = node_id
        self._lock = lock

    @classmethod
    def claim(cls, root: Path) -> Self:
        """The first place that no living process holds, made where there is none."""
        number = 1
        while (folder := cls._try(root / f"node-{number}")) is None:
            number += 1
        return folder

    @classmethod
    def claim_abandoned(cls, root: Path) -> list[Self]:
        """Places of processes that died and left streams behind."""
        paths = sorted(path for path in root.glob("node-*") if any((path / "streams").glob("*")))
        return [folder for path in paths if (folder := cls._try(path)) is not None]

    @classmethod
    def _try(cls, path: Path) -> Self | None:
        (path / "streams").mkdir(parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return cls(path, _kept_id(path / "id"), lock)

    def stream_folder(self, stream_id: UUID) -> Path:
        return self.path / "streams" / str(stream_id)

    def stream_folders(self) -> list[Path]:
        return sorted(path for path in (self.path / "streams").iterdir() if path.is_dir())

    def spooled_bytes(self) -> int:
        """Bytes that wait here for storage. Segments come and go while this counts."""
        total = 0
        for path in self.path.glob(f"streams/*/*{SUFFIX}"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
        return total

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free

    def release(self) -> None:
        os.close(self._lock)


def _kept_id(path: Path) -> UUID:
    try:
        return UUID(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        node_id = new_id()
        aside = path.with_name(".id")
        aside.write_text(str(node_id), encoding="ascii")
        aside.rename(path)
        return node_id

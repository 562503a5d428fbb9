"""Answering for audio over HTTP: whole files, byte ranges, validators and HEAD, as RFC 9110 has them.

A recording that still runs has no length and no validator: a range of it is a snapshot that reaches to what is
available now, its Content-Range ends in `/*`, and If-Range is ignored. What goes wrong is raised with data, and
each surface writes it in its own way:

    RecordingError
    ├── RangeUnsatisfiable     416: nothing of what was asked for exists; `size` is the length in bytes
    └── PreconditionFailed     412: If-Match names another file
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from django.http import HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from recordings.audio import wav
from recordings.errors import RecordingError
from recordings.playback import WAV_FILE_NAME

CONTENT_TYPE = wav.CONTENT_TYPE
CACHE_CONTROL = "private, no-store"
HUGE = 10**18
"""Stands for every larger number: no file is that long, and Python refuses to read thousands of digits."""

_SPEC = re.compile(r"(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+)")
_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\"]')


class RangeUnsatisfiable(RecordingError):
    code = "range_unsatisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"the range lies outside of {size} bytes", size=size)
        self.size = size


class PreconditionFailed(RecordingError):
    code = "precondition_failed"


class Served(Protocol):
    """What can be answered for: the WAV as it is rendered (`playback.Audio`), or a stored file (`playback.Stored`)."""

    @property
    def content_type(self) -> str: ...
    @property
    def available(self) -> int:
        """Bytes that can be read now."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole; None while it grows."""

    @property
    def etag(self) -> str | None:
        """Strong; None while it grows."""

    def read(self, first: int, last: int) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Spec:
    """One range as it was asked for: bytes `first` to `last` (None: to the end), or the last `suffix` bytes."""

    first: int | None
    last: int | None
    suffix: int | None

    def within(self, size: int) -> tuple[int, int] | None:
        """Bytes [first, last) of a file of `size` bytes; None where nothing of it is there."""
        if self.suffix is not None:
            return (max(size - self.suffix, 0), size) if self.suffix and size else None
        first = self.first or 0
        if first >= size:
            return None
        return first, size if self.last is None else min(self.last + 1, size)


def parse(text: str | None) -> list[Spec]:
    """The ranges of a Range header; [] where there is none, or one that must be ignored: another unit, or malformed
    (RFC 9110, 14.1.1 and 14.2)."""
    unit, equals, ranges = (text or "").partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return []
    specs: list[Spec] = []
    for part in filter(None, (part.strip(" \t") for part in ranges.split(","))):
        match = _SPEC.fullmatch(part)
        if match is None:
            return []
        spec = Spec(*(_number(match[name]) for name in ("first", "last", "suffix")))
        if spec.first is not None and spec.last is not None and spec.last < spec.first:
            return []
        specs.append(spec)
    return specs


def answer(
    audio: Served,
    *,
    method: str,
    headers: Mapping[str, str],
    before_body: Callable[[], None],
    filename: str = WAV_FILE_NAME,
    attachment: bool = False,
) -> HttpResponseBase:
    """200, 206 or 304 for a GET or HEAD of the audio.

    `before_body` runs once, before the first byte of audio goes out, and not at all where none does (HEAD, 304).
    The first block of audio is read before this returns, so that a store that fails is raised here (StorageError)
    and not in the middle of a reply. Raises RangeUnsatisfiable and PreconditionFailed.
    """
    if _not_modified(audio, headers):
        return _with_headers(HttpResponseNotModified(), audio, disposition="")
    part = _selected(audio, headers) if method == "GET" else None  # RFC 9110, 14.2: ranges are defined for GET alone
    first, last = part or (0, audio.available)
    disposition = disposition_of(filename, attachment=attachment)
    if method == "HEAD":
        response: HttpResponseBase = HttpResponse(content_type=audio.content_type)
    else:
        blocks = primed(audio, first, last)
        before_body()
        response = StreamingHttpResponse(blocks, content_type=audio.content_type)
    if part:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {first}-{last - 1}/{'*' if audio.size is None else audio.size}"
    response.headers["Content-Length"] = str(last - first)
    return _with_headers(response, audio, disposition=disposition)


def primed(audio: Served, first: int, last: int) -> Iterator[bytes]:
    """Bytes [first, last) in blocks, of which the first that needs the store has been read already."""
    blocks = audio.read(first, last)
    ready: list[bytes] = []
    position = first
    for block in blocks:
        ready.append(block)
        position += len(block)
        if position > wav.LONG_HEADER_BYTES:  # no header, which takes no store, is longer
            break
    return chain(ready, blocks)


def set_audio_headers(response: HttpResponseBase) -> None:
    """What every reply with audio says, whatever part of it it carries."""
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.headers["X-Content-Type-Options"] = "nosniff"


def disposition_of(filename: str, *, attachment: bool) -> str:
    """Content-Disposition (RFC 6266): a plain ASCII name for every client, and the true one beside it if it differs."""
    safe = _UNSAFE.sub("_", filename) or WAV_FILE_NAME
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    header = content_disposition_header(as_attachment=True, filename=plain) or ""
    kind = "attachment" if attachment else "inline"
    header = kind + header.removeprefix("attachment")
    if plain != safe:
        true_name = content_disposition_header(as_attachment=True, filename=safe) or ""
        header += true_name.removeprefix("attachment")
    return header


def _number(digits: str | None) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= 18 else HUGE


def _selected(audio: Served, headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Bytes [first, last) to be sent as a part; None for the whole."""
    specs = parse(headers.get("Range"))
    condition = headers.get("If-Range", "").strip()
    if not specs or (condition and audio.etag is not None and condition != audio.etag):
        return None  # strong comparison; a date never matches, since no Last-Modified is ever sent
    found = [part for part in (spec.within(audio.available) for spec in specs) if part is not None]
    if not found:
        raise RangeUnsatisfiable(audio.available)
    return found[0] if len(specs) == 1 else None  # several ranges may be answered with the whole (RFC 9110, 14.2)


def _not_modified(audio: Served, headers: Mapping[str, str]) -> bool:
    """True for 304. Raises PreconditionFailed. In the order of RFC 9110, 13.2.2."""
    match = headers.get("If-Match", "").strip()
    if match and match != "*" and audio.etag not in _ETAG.findall(match):
        raise PreconditionFailed("If-Match names another file than this one")
    none_match = headers.get("If-None-Match", "").strip()
    if none_match == "*":
        return True
    return audio.etag is not None and audio.etag in [tag.removeprefix("W/") for tag in _ETAG.findall(none_match)]


def _with_headers(response: HttpResponseBase, audio: Served, *, disposition: str) -> HttpResponseBase:
    set_audio_headers(response)
    response.headers["Accept-Ranges"] = "bytes"
    if audio.etag is not None:
        response.headers["ETag"] = audio.etag
    if disposition:
        response.headers["Content-Disposition"] = disposition
    return response

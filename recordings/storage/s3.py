"""Objects in a bucket of any S3-compatible server: put once, compared, read by ranges.

No server tried enforces `x-amz-checksum-*`. What arrived is compared by us: by the ETag where it is the MD5 of what the
server took (or of its parts' MD5s), otherwise by reading the object back and comparing SHA-256.

An object of up to 8 MiB says in its metadata which SHA-256 it was meant to have. So one that arrived damaged, whose
put was killed or failed before it was noticed, is known for what it is and replaced; any other object that stands
under a key is never touched.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.utils.http import content_disposition_header

from recordings.errors import ObjectConflict, ObjectDamaged, ObjectMissing
from recordings.storage.bucket import (
    ABSENT,
    BEYOND,
    PROBING,
    STORING,
    TAKEN,
    UNKNOWN,
    Bucket,
    Patience,
    code_of,
    speaking,
)
from recordings.storage.fingerprint import Fingerprint, Tally, content_md5, in_parts
from recordings.storage.multipart import Upload
from recordings.storage.objects import StoredObject, parts_of, probe_key
from recordings.storage.windows import WINDOW_BYTES, Windows
from workspaces.clock import now

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Of a put that finds damage, and of a read whose reply breaks off: the library repeats only what has no body yet."""
STALE_UPLOAD = timedelta(days=1)
BELOW = "w/"
CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under a key: bytes, ETag, and the SHA-256 it was meant to have ("" where it does not say)."""

    size: int
    etag: str
    meant: str


class S3Store:
    """A bucket. For any number of threads of one process."""

    def __init__(self, bucket: Bucket, *, patience: Patience = STORING) -> None:
        self._bucket = bucket
        self._client = bucket.connect(patience)
        self._windows = Windows()
        self._conditional = True

    @classmethod
    def of_settings(cls) -> Self:
        return cls(
            Bucket(
                name=settings.AWS_STORAGE_BUCKET_NAME,
                region=settings.AWS_S3_REGION_NAME,
                endpoint=settings.AWS_S3_ENDPOINT_URL,
                key_id=settings.AWS_ACCESS_KEY_ID,
                secret=settings.AWS_SECRET_ACCESS_KEY,
            ),
            patience=STORING,
        )

    # --- Put ----------------------------------------------------------------------------------------------------------

    def put(self, key: str, blocks: Iterable[bytes]) -> StoredObject:
        """At most two parts of 8 MiB are in memory. Raises ObjectConflict, ObjectDamaged, StorageError."""
        parts_of(key)
        parts = in_parts(blocks)
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            return self._put_whole(key, first)
        return self._put_parts(key, chain((first, second), parts))

    def _put_whole(self, key: str, data: bytes) -> StoredObject:
        sent = Fingerprint.of(data)
        replaced = ""  # the ETag of a damaged object that this put is to replace
        for _ in range(ATTEMPTS):
            self._write(key, data, sent, replaced=replaced)
            standing = self._head(key)
            if standing is None:
                continue  # deleted in between
            if self._holds(key, standing, sent):
                return sent.stored(key)
            if standing.meant != sent.sha256:
                raise ObjectConflict(f"another object stands at {key}", key=key)
            replaced = standing.etag
        raise ObjectDamaged(f"{key} stands other than it was sent, {ATTEMPTS} times", key=key)

    def _write(self, key: str, data: bytes, sent: Fingerprint, *, replaced: str) -> None:
        """One PutObject, which leaves alone what stands there, except an object with the ETag `replaced`."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket.name,
            "Key": key,
            "Body": data,
            "ContentMD5": content_md5(data),
            "ContentType": _content_type(key),
            "Metadata": {"sha256": sent.sha256},
        }
        if replaced:
            request["IfMatch"] = replaced
        elif self._conditional:
            request["IfNoneMatch"] = "*"
        elif self._head(key) is not None:
            return
        with speaking(key, "written"):
            try:
                self._client.put_object(**request)
            except ClientError as error:
                if code_of(error) in UNKNOWN and self._conditional:
                    logger.warning("the store knows no conditional put; what stands under a key is looked up instead")
                    self._conditional = False  # this put's next attempt goes without
                elif code_of(error) not in (TAKEN | ABSENT if replaced else TAKEN):
                    raise

    def _put_parts(self, key: str, parts: Iterator[bytes]) -> StoredObject:
        before = self._head(key)
        if before is not None:  # most likely the same, of a task that runs twice: nothing need be sent
            tally = Tally()
            for part in parts:
                tally.add(part)
            return self._same(key, before, tally.fingerprint())
        upload = Upload.begin(self._client, bucket=self._bucket.name, key=key, content_type=_content_type(key))
        sent, made = upload.run(parts)
        after = self._head(key)
        if after is None:
            raise ObjectDamaged(f"{key} is not there after it was put", key=key)
        if after.etag == made and not self._holds(key, after, sent):
            self.delete(key)  # it is ours, and nobody has been told of it
            raise ObjectDamaged(f"{key} stands other than it was sent", key=key)
        return self._same(key, after, sent)

    def _same(self, key: str, standing: Standing, sent: Fingerprint) -> StoredObject:
        if not self._holds(key, standing, sent):
            raise ObjectConflict(f"another object stands at {key}", key=key)
        return sent.stored(key)

    def _holds(self, key: str, standing: Standing, sent: Fingerprint) -> bool:
        """Whether these are the bytes that were sent."""
        if standing.size != sent.size:
            return False
        return standing.etag.strip('"') == sent.etag or self._digest(key, standing.size) == sent.sha256

    def _digest(self, key: str, size: int) -> str:
        digest = sha256()
        for offset in range(0, size, WINDOW_BYTES):
            digest.update(self._fetch(key, offset, min(WINDOW_BYTES, size - offset)))
        return digest.hexdigest()

    def _head(self, key: str) -> Standing | None:
        try:
            with speaking(key, "looked up"):
                found = self._client.head_object(Bucket=self._bucket.name, Key=key)
        except ObjectMissing:
            return None
        return Standing(found["ContentLength"], found["ETag"], found["Metadata"].get("sha256", ""))

    # --- Read ---------------------------------------------------------------------------------------------------------

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Short reads come out of windows of 1 MiB that are kept for a minute, 32 MiB a process."""
        parts_of(key)
        if length > WINDOW_BYTES:
            return self._fetch(key, offset, length)
        if length == 0:
            length, cut = 1, 0  # so that an absent object is missed
        else:
            cut = length
        return self._windows.read(key, offset, length, fetch=lambda at, size: self._fetch(key, at, size))[:cut]

    def _fetch(self, key: str, offset: int, length: int) -> bytes:
        span = f"bytes={offset}-{offset + length - 1}"
        left = ATTEMPTS
        while True:
            left -= 1
            with speaking(key, "read"):
                try:
                    found = self._client.get_object(Bucket=self._bucket.name, Key=key, Range=span)
                    with closing(found["Body"]) as body:  # entered itself, it would hand out what is below it
                        return body.read()
                except ClientError as error:
                    if code_of(error) in BEYOND:
                        return b""
                    raise
                except BotoCoreError:  # among them a reply that breaks off
                    if not left:
                        raise

    # --- The rest -----------------------------------------------------------------------------------------------------

    def delete(self, key: str) -> None:
        parts_of(key)
        self._windows.forget(key)
        with speaking(key, "removed"):
            self._client.delete_object(Bucket=self._bucket.name, Key=key)

    def sign(self, key: str, *, seconds: int, filename: str, content_type: str) -> str:
        parts_of(key)
        name = "".join(letter for letter in filename if letter.isprintable())
        with speaking(key, "signed"):
            return self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket.name,
                    "Key": key,
                    "ResponseContentType": content_type,
                    "ResponseContentDisposition": content_disposition_header(as_attachment=True, filename=name) or "",
                },
                ExpiresIn=seconds,
            )

    def sweep(self) -> int:
        """Abort uploads in parts that began more than a day ago: their parts are invisible, and are paid for."""
        aborted = 0
        with speaking(BELOW, "searched for stale uploads"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket.name, Prefix=BELOW
            )
            for page in pages:
                for found in page.get("Uploads", []):
                    if found["Initiated"] < now() - STALE_UPLOAD:
                        key, upload = found["Key"], found["UploadId"]
                        Upload(self._client, bucket=self._bucket.name, key=key, upload=upload).abort()
                        aborted += 1
        return aborted

    def probe(self) -> None:
        key, prober = probe_key(), self._prober
        prober.put(key, [b"tapedeck"])
        try:
            if prober.read(key, 4, 4) != b"deck":
                raise ObjectDamaged(f"{key} reads back other than it was written", key=key)
        finally:
            prober.delete(key)

    @cached_property
    def _prober(self) -> "S3Store":
        return S3Store(self._bucket, patience=PROBING)

    def describe(self) -> str:
        return self._bucket.describe()


def _content_type(key: str) -> str:
    return CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream")

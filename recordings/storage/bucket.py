"""The way to a bucket: who we are there, how long we wait, and its errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recordings.errors import ObjectMissing, StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ABSENT = {"NoSuchKey", "404"}  # HEAD has no body, so its error is the status alone
TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
BEYOND = {"InvalidRange", "416"}
UNKNOWN = {"NotImplemented", "501"}


_session = cache(boto3.session.Session)  # it reads the description of S3 once, which takes half a second
_one_at_a_time = Lock()  # clients are for any number of threads, what makes them is not


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request may take: seconds to connect, seconds without a byte, and attempts in all."""

    connect: float
    silence: float
    attempts: int


STORING = Patience(connect=3, silence=20, attempts=3)
"""Whoever stores tries again for ever, so one act had better fail soon."""
PROBING = Patience(connect=2, silence=3, attempts=1)
"""A check that waits is of no use to the balancer that asks."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket's name and the way to it. Without `endpoint` it is at AWS; without `key_id` and `secret` the machine's
    own role opens it."""

    name: str
    region: str
    endpoint: str = ""
    key_id: str = ""
    secret: str = field(default="", repr=False)

    def connect(self, patience: Patience) -> "S3Client":
        """A client, for any number of threads of this process."""
        config = Config(
            signature_version="s3v4",
            connect_timeout=patience.connect,
            read_timeout=patience.silence,
            retries={"mode": "standard", "total_max_attempts": patience.attempts},
            # A host of one's own seldom has a name for every bucket, and AWS no certificate for a name with dots.
            s3={"addressing_style": "path" if self.endpoint or "." in self.name else "virtual"},
            # The newer checksums travel in a form that older servers store as if it were content, and none enforces
            # them; what arrived is compared by us.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=32,
            tcp_keepalive=True,
            # The settings name the address, nothing else does.
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # the stubs leave it out
        )
        with _one_at_a_time:
            return _session().client(
                "s3",
                region_name=self.region,
                endpoint_url=self.endpoint or None,
                aws_access_key_id=self.key_id or None,
                aws_secret_access_key=self.secret or None,
                config=config,
            )

    def describe(self) -> str:
        """Where it is and who opens it, without the secret, and without what an address may carry before its host."""
        parts = urlsplit(self.endpoint)
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if self.endpoint else "AWS"
        who = f"key {self.key_id[:4]}…" if self.key_id else "the machine's role"
        return f"bucket {self.name} at {place} ({self.region}, {who})"


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def speaking(key: str, act: str) -> Iterator[None]:
    """What a request raises as an error of storage: `key` could not be `act`. ObjectMissing where there is none."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in ABSENT:
            raise ObjectMissing(f"no object {key}", key=key) from error
        said = error.response.get("Error", {}).get("Message") or "no reason given"
        raise StorageError(f"{key} could not be {act}: {code_of(error)}: {said}", key=key) from error
    except BotoCoreError as error:
        raise StorageError(f"{key} could not be {act}: {error}", key=key) from error

"""One upload in parts: begun, filled, and completed under a key where nothing stands, or aborted."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from recordings.storage.bucket import TAKEN, UNKNOWN, code_of, speaking
from recordings.storage.fingerprint import Fingerprint, Tally, content_md5

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CompleteMultipartUploadRequestTypeDef

logger = logging.getLogger(__name__)

GONE = "NoSuchUpload"


class Upload:
    """An upload that has begun. Its parts are invisible, and paid for, until it is completed or aborted."""

    def __init__(self, client: "S3Client", *, bucket: str, key: str, upload: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._id = upload
        self._parts: list[CompletedPartTypeDef] = []

    @classmethod
    def begin(cls, client: "S3Client", *, bucket: str, key: str, content_type: str) -> "Upload":
        with speaking(key, "written"):
            begun = client.create_multipart_upload(Bucket=bucket, Key=key, ContentType=content_type)
        return cls(client, bucket=bucket, key=key, upload=begun["UploadId"])

    def run(self, parts: Iterable[bytes]) -> tuple[Fingerprint, str]:
        """Send all parts and complete: what was sent, and the new object's ETag, "" where another stands there.

        Whatever `parts` raises passes, and nothing is left behind.
        """
        tally = Tally()
        try:
            for part in parts:
                tally.add(part)
                self._send(part)
            return tally.fingerprint(), self._complete()
        except BaseException:
            self._abort_quietly()
            raise

    def abort(self) -> None:
        """Drop its parts; again is harmless. Raises StorageError."""
        with speaking(self._key, "aborted"):
            try:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)
            except ClientError as error:
                if code_of(error) != GONE:
                    raise

    def _send(self, part: bytes) -> None:
        number = len(self._parts) + 1
        with speaking(self._key, "written"):
            taken = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                PartNumber=number,
                Body=part,
                ContentMD5=content_md5(part),
            )
        self._parts.append({"PartNumber": number, "ETag": taken["ETag"]})

    def _complete(self, *, conditional: bool = True) -> str:
        request: CompleteMultipartUploadRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._key,
            "UploadId": self._id,
            "MultipartUpload": {"Parts": self._parts},
        }
        if conditional:
            request["IfNoneMatch"] = "*"
        with speaking(self._key, "completed"):
            try:
                made = self._client.complete_multipart_upload(**request)
            except ClientError as error:
                if code_of(error) == GONE:
                    return ""  # completed by an attempt whose reply was lost: what stands there will tell
                if code_of(error) in UNKNOWN and conditional:
                    return self._complete(conditional=False)
                if code_of(error) not in TAKEN:
                    raise
                self._abort_quietly()
                return ""
        return made["ETag"]

    def _abort_quietly(self) -> None:
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)
        except (ClientError, BotoCoreError) as error:
            logger.warning("the upload of %s is left for the sweep: %s", self._key, error)

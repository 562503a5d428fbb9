"""The token in a capture URL: signed, expiring, for one recording; good only while that recording is active."""

import base64
import binascii
from uuid import UUID

from django.conf import settings
from django.core import signing

from recordings.errors import Fault, StreamRefused
from recordings.models import Recording

SALT = "recordings.capture.tokens"


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(sep=".", salt=SALT)


def mint(recording_id: UUID) -> str:
    """URL-safe text that opens a socket for this recording."""
    return _signer().sign(base64.urlsafe_b64encode(recording_id.bytes).rstrip(b"=").decode())


def stream_url(recording: Recording) -> str:
    """Where an engine is told to stream this recording's audio; "" where WAVSTREAM_URL is not set."""
    return f"{settings.WAVSTREAM_URL}/capture/{mint(recording.id)}" if settings.WAVSTREAM_URL else ""


def recording_of(token: str) -> UUID:
    """The recording a token was minted for. Raises StreamRefused where it is wrong or has expired."""
    try:
        text = _signer().unsign(token, max_age=int(settings.CAPTURE_TOKEN_SECONDS))
        return UUID(bytes=base64.urlsafe_b64decode(text + "=="))
    except (signing.BadSignature, binascii.Error, ValueError) as error:
        raise StreamRefused("The token is missing, wrong or expired", fault=Fault.CREDENTIAL) from error

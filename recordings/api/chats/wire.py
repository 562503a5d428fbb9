"""How `chats` reads its parameters and writes a CallRecordingDownloadUrlResponse."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from recordings.api.chats.errors import ParameterInvalid
from recordings.models import JoinedFile

EXPIRES_IN = 3600
LARGEST = 2**63 - 1

_INTEGER = re.compile(r"(?P<sign>[+-]?)0*(?P<digits>[0-9]+)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def workspace_of(text: str) -> UUID | None:
    """The workspace's UUID; None for what is none."""
    return UUID(text) if _UUID.fullmatch(text) else None


def chat_of(text: str) -> int:
    """A chat's id; what is beyond 64 bits is the largest there is, which nobody has. Raises ParameterInvalid."""
    return _integer(text, "path", "chat_id")


def seconds_of(text: str | None) -> int:
    """How long a link is to live, in seconds: 3600 where it is not said. Raises ParameterInvalid below 1."""
    if text is None:
        return EXPIRES_IN
    seconds = _integer(text, "query", "expires_in")
    if seconds < 1:
        message = "Input should be greater than or equal to 1"
        raise ParameterInvalid("query", "expires_in", message=message, kind="greater_than_equal")
    return seconds


def file_name(chat: int) -> str:
    return f"chat-{chat}.wav"


def download_url(file: JoinedFile, *, url: str, name: str, seconds: int, until: datetime) -> dict[str, Any]:
    """A link to the file and what it leads to: its life in seconds, its end in UTC, and the size in bytes."""
    return {
        "url": url,
        "download_url": url,
        "expires_in": seconds,
        "expires_at": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "content_type": file.content_type,
        "file_size": file.size,
        "file_name": name,
    }


def _integer(text: str, *loc: str) -> int:
    match = _INTEGER.fullmatch(text)
    if match is None:
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise ParameterInvalid(*loc, message=message, kind="int_parsing")
    number = int(match["digits"]) if len(match["digits"]) <= 19 else LARGEST
    return -min(number, LARGEST) if match["sign"] == "-" else min(number, LARGEST)

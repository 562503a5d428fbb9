"""What can go wrong with a recording.

    RecordingError
    ├── AlreadyActive        a full_call of this reference is initiating or recording (has `recording_id`)
    ├── NotActive            nothing is initiating or recording to be stopped
    ├── RecordingDisabled    the workspace records nothing
    ├── ReferenceNotLive     the call or conference to be recorded is not in progress (has `status`)
    ├── FlowUnknown          the flow that is to follow a recording is none of the workspace's
    ├── ChatPrivate          a chat is for its participants, and the caller is none
    ├── StillJoining         somebody else joins the recordings of the call just now (has `retry_after`)
    ├── StreamRefused        a socket may not stream (its `fault` says whose fault it is)
    └── StorageError
        ├── ObjectMissing    no object of that key
        ├── ObjectConflict   another object stands under that key; nothing was overwritten
        └── ObjectDamaged    size or hash differ from what was put

Each has a `code` and `data`; what that is on the wire is each surface's own affair.
"""

from enum import StrEnum
from typing import Any


class RecordingError(Exception):
    code = "recording_error"

    def __init__(self, message: str = "", **data: Any) -> None:
        super().__init__(message or self.__class__.__name__)
        self.data = data


class AlreadyActive(RecordingError):
    code = "recording_already_active"


class NotActive(RecordingError):
    code = "recording_not_active"


class RecordingDisabled(RecordingError):
    code = "recording_disabled"


class ReferenceNotLive(RecordingError):
    code = "reference_not_live"


class FlowUnknown(RecordingError):
    code = "flow_unknown"


class ChatPrivate(RecordingError):
    code = "chat_private"


class StillJoining(RecordingError):
    code = "still_joining"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)


class Fault(StrEnum):
    """Whose fault a refused socket is."""

    CREDENTIAL = "credential"  # no token, or one that is wrong, expired or revoked
    STATE = "state"  # the recording takes no audio any more, or the workspace records nothing
    REQUEST = "request"  # what it asks for makes no sense
    OURS = "ours"  # no database, no disk: it may come again


class StreamRefused(RecordingError):
    code = "stream_refused"

    def __init__(self, message: str, *, fault: Fault) -> None:
        super().__init__(message, fault=fault)
        self.fault = fault


class StorageError(RecordingError):
    code = "storage_error"


class ObjectMissing(StorageError):
    code = "object_missing"


class ObjectConflict(StorageError):
    code = "object_conflict"


class ObjectDamaged(StorageError):
    code = "object_damaged"

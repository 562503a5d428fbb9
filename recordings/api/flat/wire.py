"""Recordings as `flat` writes them: camelCase, times in milliseconds with Z, null where nothing is set."""

from typing import Any

from recordings.api.flat.errors import written_time
from recordings.audio.pcm import BYTES_PER_FRAME
from recordings.playback import WAV_FILE_NAME, Audio
from recordings.ranges import CONTENT_TYPE

FIELDS = (
    "id",
    "reference_id",
    "file_id",
    "recording_type",
    "node_id",
    "duration_ms",
    "tm_create",
    "tm_update",
)
"""The columns that a recording on this wire is made of."""


def recording(row: dict[str, Any]) -> dict[str, Any]:
    """A row of FIELDS as JSON. Deleted recordings are never shown, so `deletedAt` is always null."""
    return {
        "id": row["id"],
        "callId": row["reference_id"],
        "fileId": row["file_id"],
        "recordingType": row["recording_type"],
        "nodeId": row["node_id"] or None,
        "durationMs": row["duration_ms"],
        "deletedAt": None,
        "createdAt": written_time(row["tm_create"]),
        "updatedAt": written_time(row["tm_update"]),
    }


def recording_with_file(audio: Audio) -> dict[str, Any]:
    """The recording and its file; `fileSize` is the audio data in bytes without a WAV header, so far while it runs."""
    model = audio.recording
    row = {name: getattr(model, name) for name in FIELDS}
    file = {
        "id": model.file_id,
        "name": WAV_FILE_NAME,
        "contentType": CONTENT_TYPE,
        "fileSize": audio.frames * BYTES_PER_FRAME,
    }
    return recording(row) | {"file": file}

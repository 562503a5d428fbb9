"""What `flat` says of itself: its schema, with the examples of the documentation that it is compatible with."""

from recordings.api.flat import errors
from recordings.api.flat.dialect import FLAT
from recordings.api.flat.urls import urlpatterns
from recordings.api.flat.views import LIMIT_DEFAULT, LIMIT_MAX
from recordings.api.kit.generator import generator_of
from recordings.api.kit.openapi import (
    AUDIO_PARAMETERS,
    COMMON,
    OF_AUDIO,
    OF_STORAGE,
    UUID,
    Json,
    Operation,
    Surface,
    audio,
    choice,
    json_of,
    many,
    query,
    record,
    ref,
)
from recordings.api.kit.params import LARGEST
from recordings.api.kit.samples import json_in, sample_of
from recordings.ranges import CONTENT_TYPE
from recordings.states import RecordingType
from workspaces.scopes import Scope

SHOWN: Json = {
    "id": "a20ad48b-cb36-4448-86c3-f1b4a56cd02a",
    "callId": "f12d3637-45e8-4088-9712-2c5243da131b",
    "fileId": "ddf3bb4c-4e0a-4a67-9964-5623527355c2",
    "recordingType": "segment",
    "nodeId": "collect-audio-1",
    "durationMs": 7920,
    "deletedAt": None,
    "createdAt": "2026-01-02T14:02:10.358Z",
    "updatedAt": "2026-01-02T14:02:10.358Z",
}
SHOWN_FILE: Json = {
    "id": "ddf3bb4c-4e0a-4a67-9964-5623527355c2",
    "name": "recording.wav",
    "contentType": "audio/wav",
    "fileSize": 126720,
}
DELETED: Json = {"message": "Recording deleted"}

TIME: Json = {"type": "string", "format": "date-time", "description": "UTC, with milliseconds and Z."}
RECORDING: Json = {
    "id": UUID | {"description": "The recording."},
    "callId": UUID | {"description": "The call, or the conference."},
    "fileId": UUID | {"description": "The file: allotted with the recording, and never another."},
    "recordingType": choice(RecordingType.values),
    "nodeId": {"type": ["string", "null"], "description": "The flow's node that made it."},
    "durationMs": {"type": ["integer", "null"], "minimum": 0, "description": "Milliseconds; null until it has ended."},
    "deletedAt": {
        "type": ["string", "null"],
        "format": "date-time",
        "description": "Null: a deleted one is in no reply.",
    },
    "createdAt": TIME,
    "updatedAt": TIME,
}
FILE: Json = {
    "id": UUID,
    "name": {"type": "string"},
    "contentType": {"type": "string"},
    "fileSize": {"type": "integer", "minimum": 0, "description": "Bytes of audio, without the header of the WAV."},
}
ERROR: Json = {
    "statusCode": {"type": "integer"},
    "message": {"type": "string"},
    "error": {"type": "string"},
    "code": {"type": "string", "enum": sorted({reply.code for reply in errors.REPLIES.values()})},
    "timestamp": TIME,
    "path": {"type": "string"},
    "fieldErrors": {"type": "object", "additionalProperties": many({"type": "string"})},
    "fieldDetails": many(record({"field": {"type": "string"}, "message": {"type": "string"}})),
}
SCHEMAS: Json = {
    "Recording": record(RECORDING, examples=[SHOWN]),
    "RecordingWithFile": record(RECORDING | {"file": ref("File")}, examples=[SHOWN | {"file": SHOWN_FILE}]),
    "File": record(FILE, examples=[SHOWN_FILE]),
    "Message": record({"message": {"type": "string"}}, examples=[DELETED]),
    "Error": record(ERROR, optional=["fieldErrors", "fieldDetails"]),
}
PAGE = (
    query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        "How many at the most.",
    ),
    query("offset", {"type": "integer", "minimum": 0, "maximum": LARGEST, "default": 0}, "How many are passed over."),
)


def _operation(
    name: str,
    summary: str,
    replies: dict[int, Json],
    *,
    scope: Scope = Scope.RECORDINGS_READ,
    errors: tuple[str, ...] = (),
    parameters: tuple[Json, ...] = (),
) -> Operation:
    return Operation(
        id=name,
        tag="recordings",
        summary=summary,
        replies=replies,
        scope=scope,
        errors=("request_invalid", *errors),
        parameters=parameters,
    )


def _heard(name: str, summary: str, disposition: str) -> Operation:
    replies = audio(CONTENT_TYPE, disposition=disposition)
    return _operation(name, summary, replies, errors=OF_AUDIO, parameters=AUDIO_PARAMETERS)


OPERATIONS = {
    "GET /api/recordings": _operation(
        "listRecordings",
        "Recordings, the newest first",
        {200: json_of(many(ref("Recording")), "A page of them.", example=[SHOWN])},
        parameters=PAGE,
    ),
    "GET /api/recordings/call/{call_id}": _operation(
        "listRecordingsOfCall",
        "All recordings of a call or conference",
        {200: json_of(many(ref("Recording")), "All of them; none of an unknown call.", example=[SHOWN])},
    ),
    "GET /api/recordings/{id}": _heard("getRecording", "The audio, to be played", "`inline`."),
    "GET /api/recordings/{id}/stream": _heard("streamRecording", "The same", "`inline`."),
    "GET /api/recordings/{id}/download": _heard("downloadRecording", "The audio, to be kept", "`attachment`."),
    "GET /api/recordings/{id}/metadata": _operation(
        "getRecordingMetadata",
        "The recording and its file",
        {200: json_of(ref("RecordingWithFile"), "What is known of it.", example=SHOWN | {"file": SHOWN_FILE})},
        errors=("not_there", *OF_STORAGE),
    ),
    "DELETE /api/recordings/{id}": _operation(
        "deleteRecording",
        "Hide the recording; one that still runs is stopped",
        {200: json_of(ref("Message"), "It is hidden.", example=DELETED)},
        scope=Scope.RECORDINGS_WRITE,
        errors=("not_there",),
    ),
}


def _error_body(code: str) -> Json:
    written = errors.error(sample_of(code, FLAT, field="limit"), path="/api/recordings")
    return json_in(written) | {"timestamp": SHOWN["createdAt"]}


SURFACE = Surface(
    dialect=FLAT,
    title="Tapedeck: flat",
    description="Compatible with GoMobile's recordings API: camelCase, bare arrays, the key in `x-api-key`.",
    patterns=urlpatterns,
    operations=OPERATIONS,
    schemas=SCHEMAS,
    security_schemes={"ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
    security=[{"ApiKey": []}],
    path_schemas={"id": UUID, "call_id": UUID},
    error_body=_error_body,
    common=(*COMMON, "body_malformed", "rate_exceeded"),
)
Generator = generator_of(SURFACE)

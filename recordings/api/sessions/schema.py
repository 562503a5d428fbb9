"""What `sessions` says of itself: its schema, with its webhooks."""

from calls import commands
from recordings.api.kit.generator import generator_of
from recordings.api.kit.openapi import (
    AUDIO_PARAMETERS,
    COMMON,
    OF_AUDIO,
    ONCE,
    TEXT,
    UUID,
    Json,
    Operation,
    Surface,
    audio,
    given,
    json_of,
    record,
    ref,
)
from recordings.api.kit.samples import json_in, sample_of
from recordings.api.sessions import errors
from recordings.api.sessions.dialect import SESSIONS
from recordings.api.sessions.urls import urlpatterns
from recordings.api.sessions.wire import TIMEOUT_MS, accepted
from recordings.ranges import CONTENT_TYPE
from workspaces.scopes import Scope

BASE = "/api/v1/sessions/{session_id}"
SESSION = "acW68-6f1c1f8e-3f0a-4f7e-9f5b-0d3a8a4b2c11"
UID: Json = {"type": "string", "pattern": r"^[a-zA-Z0-9._-]{1,128}$", "description": "Made where it is not given."}
TOKEN: Json = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"}
SEQUENCE: Json = {"type": "integer", "minimum": 1, "description": "Counts from 1 per session."}
ACCEPTED: Json = {
    "operation_id": TEXT | {"description": "The command_uid."},
    "status": {"type": "string", "const": "in_progress"},
    "timeout_ms": {"type": "integer", "const": TIMEOUT_MS},
}
COMMAND_RESULT: Json = {
    "event": {"type": "string", "const": "command.result"},
    "session_uuid": TEXT,
    "command_uid": TEXT,
    "command": {"type": "string", "enum": list(commands.COMMANDS)},
    "success": {"type": "boolean"},
    "error": TEXT,
    "sequence": SEQUENCE,
}
COMPLETED: Json = {
    "event": {"type": "string", "const": "recording.completed"},
    "session_uuid": TEXT,
    "recording_url": {"type": "string", "format": "uri"},
    "duration": {"type": "number", "minimum": 0, "description": "Seconds."},
    "command_uid": TEXT | {"description": "Of the record/start."},
    "sequence": SEQUENCE,
}
REQUESTED: Json = {
    "event": {"type": "string", "const": "recording.requested"},
    "session_uuid": TEXT,
    "recording_id": UUID,
    "stream_url": {"type": "string", "format": "uri"},
    "command_uid": TEXT,
}
SCHEMAS: Json = {
    "Command": given({"command_uid": UID}, additionalProperties=False),
    "Accepted": record(ACCEPTED, examples=[accepted("start-1")]),
    "CommandResult": record(COMMAND_RESULT, optional=["error"]),
    "RecordingCompleted": record(COMPLETED),
    "RecordingRequested": record(REQUESTED),
    "Error": record(
        {"success": {"type": "boolean", "const": False}, "error": TEXT},
        examples=[{"success": False, "error": "Session not found"}],
    ),
}


def _command(name: str, summary: str, *errors: str) -> Operation:
    return Operation(
        id=name,
        tag="commands",
        summary=summary,
        description="What came of it is told by the webhook `command.result`.",
        replies={202: json_of(ref("Accepted"), "The command was taken.", example=accepted("start-1"))},
        scope=Scope.RECORDINGS_WRITE,
        errors=("session_unknown", "session_foreign", "cooldown_running", "idempotency_key_reused", *errors),
        parameters=(ONCE,),
        body=ref("Command"),
        examples={"uid": {"value": {"command_uid": "start-1"}}, "nothing": {"value": {}}},
        routed=False,
    )


OPERATIONS = {
    f"POST {BASE}/commands/record/start": _command("startRecording", "Record the session's call", "service_missing"),
    f"POST {BASE}/commands/record/stop": _command("stopRecording", "Stop the recording"),
    f"GET {BASE}/recording/file.wav": Operation(
        id="getRecordingFile",
        tag="recording",
        summary="The WAV of the session's newest recording",
        description="While the recording runs, it is followed to its end; with `Range` a snapshot is given.",
        replies=audio(CONTENT_TYPE, disposition="`inline`."),
        scope=Scope.RECORDINGS_READ,
        errors=("session_unknown", "session_foreign", "too_many_followers", *OF_AUDIO),
        parameters=AUDIO_PARAMETERS,
    ),
    "GET /r/{token}.wav": Operation(
        id="getRecordingUrl",
        tag="recording",
        summary="The recording_url of `recording.completed`",
        description="A 404 from an address that once worked means that it has expired: do not retry.",
        replies=audio(CONTENT_TYPE, disposition="`inline`."),
        errors=("method_refused", *OF_AUDIO),
        parameters=AUDIO_PARAMETERS,
        routed=False,
        bare=True,
    ),
}


def _webhook(name: str, summary: str) -> Json:
    body = {"content": {"application/json": {"schema": ref(name)}}, "required": True}
    replies = {"2XX": {"description": "It was taken; anything else, and it is sent again."}}
    return {"post": {"operationId": f"on{name}", "summary": summary, "requestBody": body, "responses": replies}}


def _error_body(code: str) -> Json:
    return json_in(errors.error(sample_of(code, SESSIONS, field="")))


SURFACE = Surface(
    dialect=SESSIONS,
    title="Tapedeck: sessions",
    description="Compatible with the voice gateway's recording commands: an app and its key in two headers, commands "
    "that are answered with 202, and signed webhooks that tell what came of them.",
    patterns=urlpatterns,
    operations=OPERATIONS,
    schemas=SCHEMAS,
    security_schemes={
        "AppId": {"type": "apiKey", "in": "header", "name": "X-App-ID"},
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    },
    security=[{"AppId": [], "ApiKey": []}],
    path_schemas={"session_id": {"type": "string", "minLength": 1, "examples": [SESSION]}, "token": TOKEN},
    error_body=_error_body,
    common=(*COMMON, "request_invalid", "body_malformed", "rate_exceeded"),
    hidden=frozenset({f"POST {BASE}/commands/{{command}}"}),
    webhooks={
        "command.result": _webhook("CommandResult", "What came of a command"),
        "recording.completed": _webhook("RecordingCompleted", "A recording has ended, and can be fetched"),
        "recording.requested": _webhook("RecordingRequested", "An engine is to stream; only where it was asked for"),
    },
)
Generator = generator_of(SURFACE)

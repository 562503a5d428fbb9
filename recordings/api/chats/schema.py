"""What `chats` says of itself: its schema."""

from recordings.api.chats import errors, wire
from recordings.api.chats.dialect import CHATS
from recordings.api.chats.errors import ParameterInvalid
from recordings.api.chats.urls import urlpatterns
from recordings.api.kit.generator import generator_of
from recordings.api.kit.openapi import (
    AUDIO_PARAMETERS,
    COMMON,
    OF_AUDIO,
    OF_STORAGE,
    TEXT,
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
from recordings.api.kit.problems import problem_of
from recordings.api.kit.samples import json_in, sample_of
from recordings.audio.wav import CONTENT_TYPE
from workspaces.scopes import Scope

BASE = "/api/v2/w/{workspace_uuid}/recordings/chat/{chat_id}"
TEXTS = sorted({reply.detail for reply in errors.REPLIES.values() if reply.detail})
FAULT = record({"loc": many(TEXT), "msg": TEXT, "type": TEXT})
LINK: Json = {
    "url": {"type": "string", "format": "uri"},
    "download_url": {"type": "string", "format": "uri", "description": "The same."},
    "expires_in": {"type": "integer", "minimum": 0, "description": "Seconds: what was asked, cut to what is allowed."},
    "expires_at": {"type": "string", "format": "date-time"},
    "content_type": choice([CONTENT_TYPE]),
    "file_size": {"type": "integer", "minimum": 0, "description": "Bytes."},
    "file_name": TEXT,
}
EXAMPLE: Json = {
    "url": "https://tapedeck.example.com/links/token.wav",
    "download_url": "https://tapedeck.example.com/links/token.wav",
    "expires_in": 3600,
    "expires_at": "2026-01-02T15:02:10Z",
    "content_type": CONTENT_TYPE,
    "file_size": 126_764,
    "file_name": "chat-10.wav",
}
EXPIRES_IN: Json = {"type": "integer", "minimum": 1, "default": wire.EXPIRES_IN}
OPERATIONS = {
    f"GET {BASE}/audio.wav": Operation(
        id="getCallRecordingAudio",
        tag="recordings",
        summary="Download a completed call recording as a single WAV file",
        description="The full call on a single timeline; overlapping speech is mixed.",
        replies=audio(CONTENT_TYPE, disposition='`inline; filename="chat-10.wav"`.'),
        scope=Scope.CHATS_READ,
        errors=("chat_private", "parameter_invalid", *OF_AUDIO),
        parameters=AUDIO_PARAMETERS,
    ),
    f"GET {BASE}/download-url": Operation(
        id="getCallRecordingDownloadUrl",
        tag="recordings",
        summary="Get a short-lived URL for a completed call recording",
        description="The first request puts the recording together and keeps it; later ones only mint a link.",
        replies={200: json_of(ref("CallRecordingDownloadUrlResponse"), "The link.", example=EXAMPLE)},
        scope=Scope.CHATS_READ,
        errors=("chat_private", "parameter_invalid", "not_there", "still_joining", *OF_STORAGE),
        parameters=(query("expires_in", EXPIRES_IN, "How long the link is to live, in seconds."),),
    ),
}


def _error_body(code: str) -> Json:
    if code == ParameterInvalid.code:
        fault = ParameterInvalid("query", "expires_in", message="Input should be a valid integer", kind="int_parsing")
        return json_in(errors.error(problem_of(fault, statuses=errors.STATUSES)))
    return json_in(errors.error(sample_of(code, CHATS)))


SURFACE = Surface(
    dialect=CHATS,
    title="Tapedeck: chats",
    description="Compatible with Gravity Rail's call recordings: the whole call of a chat as one WAV, or a link to it.",
    patterns=urlpatterns,
    operations=OPERATIONS,
    schemas={
        "CallRecordingDownloadUrlResponse": record(LINK),
        "Error": record({"detail": {"oneOf": [choice(TEXTS), many(FAULT)]}}),
    },
    security_schemes={"Bearer": {"type": "http", "scheme": "bearer"}},
    security=[{"Bearer": []}],
    path_schemas={"workspace_uuid": UUID, "chat_id": {"type": "integer"}},
    error_body=_error_body,
    common=(*COMMON, "body_malformed"),
)
Generator = generator_of(SURFACE)

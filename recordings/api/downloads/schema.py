"""What `downloads` says of itself: its schema."""

from recordings.api.downloads import errors
from recordings.api.downloads.dialect import DOWNLOADS
from recordings.api.downloads.urls import urlpatterns
from recordings.api.downloads.wire import LARGEST
from recordings.api.kit.generator import generator_of
from recordings.api.kit.openapi import AUDIO_PARAMETERS, COMMON, OF_AUDIO, Json, Operation, Surface, audio, record
from recordings.api.kit.samples import json_in, sample_of
from recordings.audio.mp3 import CONTENT_TYPE
from workspaces.scopes import Scope

ERROR: Json = {
    "error": {"type": "string", "enum": sorted({reply.phrase for reply in errors.REPLIES.values()})},
    "message": {"type": "string"},
}
OPERATIONS = {
    "GET /v1/call/recording/{call_id}.mp3": Operation(
        id="getCallRecording",
        tag="call",
        summary="The MP3 of a call's recording",
        description="The newest full-length recording of the call or conference that has ended with something to hear. "
        "The first time it comes while it is encoded, without a length.",
        replies=audio(CONTENT_TYPE, disposition='`attachment; filename="recording.mp3"`.'),
        scope=Scope.RECORDINGS_READ,
        errors=("request_invalid", *OF_AUDIO),
        parameters=AUDIO_PARAMETERS,
    )
}


def _error_body(code: str) -> Json:
    return json_in(errors.error(sample_of(code, DOWNLOADS, field="id")))


SURFACE = Surface(
    dialect=DOWNLOADS,
    title="Tapedeck: downloads",
    description="Compatible with Flyflow's call recordings: the MP3 of a call by its integer id, the key as a bearer.",
    patterns=urlpatterns,
    operations=OPERATIONS,
    schemas={"Error": record(ERROR, examples=[{"error": "Not Found", "message": "Recording not found"}])},
    security_schemes={"Bearer": {"type": "http", "scheme": "bearer"}},
    security=[{"Bearer": []}],
    path_schemas={"call_id": {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST}},
    error_body=_error_body,
    common=(*COMMON, "body_malformed"),
)
Generator = generator_of(SURFACE)

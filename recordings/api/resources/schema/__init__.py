"""What `resources` says of itself: its schema, a module per group of nouns, gathered here."""

from recordings.api.kit.generator import generator_of
from recordings.api.kit.openapi import COMMON, TEXT, Json, Surface, choice, many, record, ref
from recordings.api.kit.samples import json_in, sample_of
from recordings.api.resources import errors
from recordings.api.resources.dialect import COOKIE, RESOURCES
from recordings.api.resources.schema import calls, flows, people, recordings
from recordings.api.resources.schema.values import ID
from recordings.api.resources.urls import urlpatterns

ERROR: Json = {
    "status": choice(sorted({reply.status for reply in errors.REPLIES.values()})),
    "reason": choice(sorted({reply.reason for reply in errors.REPLIES.values()})),
    "message": TEXT,
    "request_id": TEXT | {"description": "As in the header `X-Request-Id`."},
    "details": many(record({"field": TEXT, "message": TEXT})),
}


def _error_body(code: str) -> Json:
    problem = sample_of(code, RESOURCES, field="id" if code == "id_invalid" else "status")
    return json_in(errors.error(problem, request_id="01a1f8c6-71a0-7a46-9c81-4f5e60718293"))


def _webhook(kind: str, summary: str) -> Json:
    data = record({"type": {"type": "string", "const": kind}, "data": ref("Recording")})
    body = {"content": {"application/json": {"schema": data}}, "required": True}
    replies = {"2XX": {"description": "It was taken; anything else, and it is sent again."}}
    return {"post": {"operationId": f"on_{kind}", "summary": summary, "requestBody": body, "responses": replies}}


SURFACE = Surface(
    dialect=RESOURCES,
    title="Tapedeck: resources",
    description="Compatible with VoIPBIN's API: snake_case, `tm_*` times, zero UUIDs. On input null, an empty text, 0 "
    "and the zero UUID mean that a field is not set.",
    patterns=urlpatterns,
    operations=recordings.OPERATIONS | calls.OPERATIONS | flows.OPERATIONS | people.OPERATIONS,
    schemas={
        **recordings.SCHEMAS,
        **calls.SCHEMAS,
        **flows.SCHEMAS,
        **people.SCHEMAS,
        "Error": record({"error": record(ERROR, optional=["details"])}),
    },
    security_schemes={
        "Bearer": {"type": "http", "scheme": "bearer"},
        "AccessKey": {"type": "apiKey", "in": "query", "name": "accesskey"},
        "Token": {"type": "apiKey", "in": "query", "name": "token"},
        "Cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "For GET and HEAD alone."},
    },
    security=[{"Bearer": []}, {"AccessKey": []}, {"Token": []}, {"Cookie": []}],
    path_schemas={"id": ID},
    error_body=_error_body,
    common=(*COMMON, "body_malformed", "rate_exceeded"),
    webhooks={
        "recording_started": _webhook("recording_started", "A recording has its first audio"),
        "recording_finished": _webhook("recording_finished", "A recording has ended, and can be fetched"),
    },
)
Generator = generator_of(SURFACE)

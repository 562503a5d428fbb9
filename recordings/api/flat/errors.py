"""Errors of `flat`: one table from codes to replies, and the body that carries them."""

from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.http import HttpResponse

from recordings.api.kit.problems import Problem, written
from workspaces.clock import now


class Reply(NamedTuple):
    """How an error looks: HTTP status, the status's own name, the code for machines, and the text ("": the error's)."""

    status: int
    error: str
    code: str
    message: str


INTERNAL = Reply(500, "INTERNAL_SERVER_ERROR", "INTERNAL_ERROR", "Internal server error")
STORAGE = Reply(503, "SERVICE_UNAVAILABLE", "STORAGE_UNAVAILABLE", "The audio cannot be read at the moment")

REPLIES = {
    "request_invalid": Reply(400, "BAD_REQUEST", "VALIDATION_FAILED", ""),
    "body_malformed": Reply(400, "BAD_REQUEST", "VALIDATION_FAILED", "Malformed request body"),
    "credential_missing": Reply(401, "UNAUTHORIZED", "API_KEY_MISSING", "API key is missing"),
    "credential_invalid": Reply(401, "UNAUTHORIZED", "API_KEY_INVALID", "API key is invalid"),
    "scope_missing": Reply(403, "FORBIDDEN", "INSUFFICIENT_SCOPE", "API key lacks the scope for this"),
    "not_there": Reply(404, "NOT_FOUND", "RECORDING_NOT_FOUND", "Recording not found"),
    "route_unknown": Reply(404, "NOT_FOUND", "ROUTE_NOT_FOUND", "Route not found"),
    "method_refused": Reply(405, "METHOD_NOT_ALLOWED", "METHOD_NOT_ALLOWED", "Method not allowed"),
    "precondition_failed": Reply(412, "PRECONDITION_FAILED", "PRECONDITION_FAILED", "The file is another one"),
    "range_unsatisfiable": Reply(416, "RANGE_NOT_SATISFIABLE", "RANGE_NOT_SATISFIABLE", "Range not satisfiable"),
    "rate_exceeded": Reply(429, "TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED", "Rate limit exceeded"),
    "storage_error": STORAGE,
    "object_missing": STORAGE,
    "object_damaged": STORAGE,
    "internal": INTERNAL,
}
STATUSES = {code: reply.status for code, reply in REPLIES.items()}


def written_time(moment: datetime) -> str:
    """UTC with milliseconds and Z: 2026-01-02T14:02:10.358Z."""
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def error(problem: Problem, *, path: str) -> HttpResponse:
    """The reply to a problem: {statusCode, message, error, code, timestamp, path, fieldErrors?, fieldDetails?}."""
    reply = REPLIES[problem.code]
    body: dict[str, Any] = {
        "statusCode": reply.status,
        "message": reply.message or problem.message,
        "error": reply.error,
        "code": reply.code,
        "timestamp": written_time(now()),
        "path": path,
    }
    if fields := problem.data.get("fields"):
        body["fieldErrors"] = {name: [text] for name, text in fields.items()}
        body["fieldDetails"] = [{"field": name, "message": text} for name, text in fields.items()]
    return written(problem, orjson.dumps(body))

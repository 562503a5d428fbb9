"""Errors of `resources`: one table from codes to replies, and the body that carries them."""

from typing import Any, NamedTuple

import orjson
from django.http import HttpResponse

from recordings.api.kit.problems import Problem, RequestProblem, written


class IdInvalid(RequestProblem):
    """An id in the address that is no UUID."""

    code = "id_invalid"


class Reply(NamedTuple):
    """How an error looks: HTTP status, its name, the reason for machines, and the text ("": the error's own)."""

    http: int
    status: str
    reason: str
    message: str = ""


STORAGE = Reply(503, "UNAVAILABLE", "STORAGE_UNAVAILABLE", "The audio cannot be read at the moment")
NOT_FOUND = Reply(404, "NOT_FOUND", "RESOURCE_NOT_FOUND", "The resource was not found")
STATE = Reply(409, "FAILED_PRECONDITION", "STATE_INVALID")
PARAMETER = Reply(400, "INVALID_ARGUMENT", "INVALID_REQUEST_PARAMETER")

REPLIES = {
    "request_invalid": PARAMETER,
    "field_invalid": PARAMETER,
    "field_missing": Reply(400, "INVALID_ARGUMENT", "MISSING_REQUEST_PARAMETER"),
    "id_invalid": Reply(400, "INVALID_ARGUMENT", "INVALID_ID"),
    "body_malformed": Reply(400, "INVALID_ARGUMENT", "INVALID_JSON_BODY", "The body is no JSON object"),
    "credential_missing": Reply(401, "UNAUTHENTICATED", "AUTHENTICATION_REQUIRED", "Authentication is required"),
    "credential_invalid": Reply(401, "UNAUTHENTICATED", "INVALID_CREDENTIALS", "The credentials are not valid"),
    "scope_missing": Reply(403, "PERMISSION_DENIED", "PERMISSION_DENIED", "The credentials do not allow this"),
    "not_there": NOT_FOUND,
    "flow_unknown": NOT_FOUND,
    "route_unknown": Reply(404, "NOT_FOUND", "ROUTE_NOT_FOUND", "There is no such address"),
    "method_refused": Reply(405, "INVALID_ARGUMENT", "METHOD_NOT_ALLOWED", "The address knows other methods"),
    "call_state_invalid": STATE,
    "reference_not_live": STATE,
    "recording_disabled": STATE,
    "recording_already_active": Reply(409, "ALREADY_EXISTS", "RECORDING_ALREADY_ACTIVE"),
    "recording_not_active": Reply(409, "FAILED_PRECONDITION", "RECORDING_NOT_ACTIVE"),
    "idempotency_key_reused": Reply(409, "ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED"),
    "precondition_failed": Reply(412, "FAILED_PRECONDITION", "PRECONDITION_FAILED", "The file is another one"),
    "range_unsatisfiable": Reply(416, "INVALID_ARGUMENT", "RANGE_NOT_SATISFIABLE", "The range lies outside the file"),
    "rate_exceeded": Reply(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "Too many requests"),
    "storage_error": STORAGE,
    "object_missing": STORAGE,
    "object_damaged": STORAGE,
    "internal": Reply(500, "INTERNAL", "INTERNAL", "Internal error"),
}
STATUSES = {code: reply.http for code, reply in REPLIES.items()}


def error(problem: Problem, *, request_id: str) -> HttpResponse:
    """The reply to a problem: {error: {status, reason, message, request_id, details?}}."""
    reply = REPLIES[problem.code]
    body: dict[str, Any] = {
        "status": reply.status,
        "reason": reply.reason,
        "message": reply.message or problem.message,
        "request_id": request_id,
    }
    if fields := problem.data.get("fields"):
        body["details"] = [{"field": name, "message": text} for name, text in fields.items()]
    return written(problem, orjson.dumps({"error": body}))

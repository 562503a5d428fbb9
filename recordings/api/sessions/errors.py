"""Errors of `sessions`: one table from codes to replies, and the body that carries them."""

from typing import NamedTuple

import orjson
from django.http import HttpResponse

from recordings.api.kit.problems import Problem, written


class Reply(NamedTuple):
    """How an error looks: HTTP status and text ("": the error's own)."""

    status: int
    text: str


STORAGE = Reply(503, "Recording storage unavailable")

REPLIES = {
    "request_invalid": Reply(400, ""),
    "body_malformed": Reply(400, "Invalid request body"),
    "credential_missing": Reply(401, "Missing API key"),
    "credential_invalid": Reply(401, "Invalid API key"),
    "scope_missing": Reply(403, "Insufficient scope"),
    "session_foreign": Reply(403, "Session belongs to a different application"),
    "session_unknown": Reply(404, "Session not found"),
    "not_there": Reply(404, "Recording not found"),
    "route_unknown": Reply(404, "Not found"),
    "method_refused": Reply(405, "Method not allowed"),
    "idempotency_key_reused": Reply(409, "Idempotency-Key was used with another body"),
    "precondition_failed": Reply(412, "Precondition failed"),
    "range_unsatisfiable": Reply(416, "Range not satisfiable"),
    "rate_exceeded": Reply(429, "Rate limit exceeded"),
    "cooldown_running": Reply(429, "Rate limit exceeded"),
    "service_missing": Reply(503, ""),
    "too_many_followers": Reply(503, "Too many live listeners"),
    "storage_error": STORAGE,
    "object_missing": STORAGE,
    "object_damaged": STORAGE,
    "internal": Reply(500, "Internal server error"),
}
STATUSES = {code: reply.status for code, reply in REPLIES.items()}


def error(problem: Problem) -> HttpResponse:
    """The reply to a problem: {success: false, error: text}."""
    text = REPLIES[problem.code].text or problem.message
    return written(problem, orjson.dumps({"success": False, "error": text}))

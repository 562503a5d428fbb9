"""Errors of `downloads`: one table from codes to replies, and the body that carries them."""

from typing import NamedTuple

import orjson
from django.http import HttpResponse

from recordings.api.kit.problems import Problem, written


class Reply(NamedTuple):
    """How an error looks: HTTP status, its reason phrase, and the text ("": the error's own)."""

    status: int
    phrase: str
    message: str


INTERNAL = Reply(500, "Internal Server Error", "Internal server error")
STORAGE = Reply(500, "Internal Server Error", "The audio cannot be read at the moment")

REPLIES = {
    "request_invalid": Reply(400, "Bad Request", ""),
    "body_malformed": Reply(400, "Bad Request", "Malformed request"),
    "credential_missing": Reply(401, "Unauthorized", "API key is missing"),
    "credential_invalid": Reply(401, "Unauthorized", "API key is invalid"),
    "scope_missing": Reply(401, "Unauthorized", "API key lacks the scope for this"),
    "not_there": Reply(404, "Not Found", "Recording not found"),
    "route_unknown": Reply(404, "Not Found", "Route not found"),
    "method_refused": Reply(405, "Method Not Allowed", "Method not allowed"),
    "precondition_failed": Reply(412, "Precondition Failed", "The file is another one"),
    "range_unsatisfiable": Reply(416, "Range Not Satisfiable", "Range not satisfiable"),
    "storage_error": STORAGE,
    "object_missing": STORAGE,
    "object_damaged": STORAGE,
    "internal": INTERNAL,
}
"""The contract knows 400, 401, 404 and 500; the others are what HTTP wants for what the contract does not speak of."""
STATUSES = {code: reply.status for code, reply in REPLIES.items()}


def error(problem: Problem) -> HttpResponse:
    """The reply to a problem: {error: the status's reason phrase, message: text}."""
    reply = REPLIES[problem.code]
    body = {"error": reply.phrase, "message": reply.message or problem.message}
    response = written(problem, orjson.dumps(body))
    if reply.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

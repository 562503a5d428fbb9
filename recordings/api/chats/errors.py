"""Errors of `chats`: one table from codes to replies, and the body that carries them."""

from typing import Any, NamedTuple

import orjson
from django.http import HttpResponse

from recordings.api.kit.problems import Problem, RequestProblem, written


class Reply(NamedTuple):
    """How an error looks: HTTP status and the text."""

    status: int
    detail: str


INTERNAL = "An internal server error occurred"

REPLIES = {
    "parameter_invalid": Reply(422, ""),
    "body_malformed": Reply(400, "Malformed request"),
    "credential_missing": Reply(401, "Not authenticated"),
    "credential_invalid": Reply(401, "Invalid API key"),
    "scope_missing": Reply(403, "The API key lacks the scope chats:read"),
    "chat_private": Reply(403, "This chat is private to its participants"),
    "not_there": Reply(404, "Recording not found"),
    "route_unknown": Reply(404, "Not Found"),
    "method_refused": Reply(405, "Method Not Allowed"),
    "precondition_failed": Reply(412, "The file is another one"),
    "range_unsatisfiable": Reply(416, "Range not satisfiable"),
    "still_joining": Reply(503, INTERNAL),
    "storage_error": Reply(503, INTERNAL),
    "object_missing": Reply(503, INTERNAL),
    "object_damaged": Reply(503, INTERNAL),
    "internal": Reply(500, INTERNAL),
}
STATUSES = {code: reply.status for code, reply in REPLIES.items()}


class ParameterInvalid(RequestProblem):
    """A parameter that cannot be: `loc` is where it stands (path or query, and its name), `type` is for machines."""

    code = "parameter_invalid"

    def __init__(self, *loc: str, message: str, kind: str) -> None:
        super().__init__(message, loc=list(loc), type=kind)


def error(problem: Problem) -> HttpResponse:
    """The reply to a problem: {detail: text}, or for a 422 {detail: [{loc, msg, type}]}."""
    reply = REPLIES[problem.code]
    detail: str | list[dict[str, Any]] = reply.detail
    if reply.status == 422:
        detail = [{"loc": problem.data["loc"], "msg": problem.message, "type": problem.data["type"]}]
    response = written(problem, orjson.dumps({"detail": detail}))
    if reply.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

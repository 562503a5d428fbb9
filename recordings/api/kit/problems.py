"""What can go wrong with a request, and how any error becomes a status.

    RequestProblem
    ├── RequestInvalid     a parameter or the body says what cannot be (its `fields` name which)
    ├── BodyMalformed      the body cannot be read
    ├── NotThere           no such thing, or not yours: the two look alike
    ├── RouteUnknown       no such address
    ├── MethodRefused      the address knows other methods (has `allow`)
    ├── ServiceMissing     the operator has not set up what this needs
    └── TooManyFollowers   no more live listeners now (has `retry_after`)

Errors of the domain have a `code` too; each dialect's table says which status belongs to which code, and a code it
does not list is an internal error.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework.exceptions import MethodNotAllowed

from calls.errors import CallError
from recordings.errors import RecordingError
from workspaces.errors import WorkspaceError

INTERNAL = "internal"
CHALLENGE = "ApiKey"
"""RFC 9110, 11.6.1 wants a scheme named with every 401; a key in a header of its own has none registered."""


class RequestProblem(Exception):
    """Base of what is wrong with a request: `code` is for the dialect's table, `data` safe to show."""

    code: ClassVar[str] = "request_problem"

    def __init__(self, message: str = "", **data: Any) -> None:
        super().__init__(message or self.code)
        self.data: dict[str, Any] = data


class RequestInvalid(RequestProblem):
    code = "request_invalid"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message, fields=dict(fields or {}))


class BodyMalformed(RequestProblem):
    code = "body_malformed"


class NotThere(RequestProblem):
    code = "not_there"


class RouteUnknown(RequestProblem):
    code = "route_unknown"


class MethodRefused(RequestProblem):
    code = "method_refused"

    def __init__(self, method: str, *, allow: str) -> None:
        super().__init__(f"{method} is not allowed here", allow=allow)


class ServiceMissing(RequestProblem):
    code = "service_missing"


class TooManyFollowers(RequestProblem):
    code = "too_many_followers"

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many listeners follow recordings now", retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error on its way to a reply: `code` in our words, HTTP `status`, a `message` for people, and headers."""

    code: str
    status: int
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that HTTP wants beside this status, whatever the dialect."""
        headers: dict[str, str] = {}
        if "retry_after" in self.data:
            headers["Retry-After"] = str(max(1, math.ceil(self.data["retry_after"])))
        if "allow" in self.data:
            headers["Allow"] = self.data["allow"]
        if self.status == 401:
            headers["WWW-Authenticate"] = CHALLENGE
        if self.status == 416:
            headers["Content-Range"] = f"bytes */{self.data['size']}"
        return headers


def problem_of(error: Exception, *, statuses: Mapping[str, int], allow: str = "") -> Problem:
    """The problem that `error` is by a dialect's table; what the table does not know is internal, with no details."""
    known = _ours(error, allow=allow)
    if known is None or known.code not in statuses:
        return Problem(INTERNAL, statuses[INTERNAL], "Internal error")
    return Problem(known.code, statuses[known.code], str(known), known.data)


def written(problem: Problem, body: bytes) -> HttpResponse:
    """The reply to `problem` with a JSON body."""
    return HttpResponse(body, status=problem.status, content_type="application/json", headers=problem.headers)


def _ours(error: Exception, *, allow: str) -> WorkspaceError | CallError | RecordingError | RequestProblem | None:
    """The error in our own words, where it comes from the frameworks below."""
    if isinstance(error, WorkspaceError | CallError | RecordingError | RequestProblem):
        return error
    if isinstance(error, MethodNotAllowed):
        return MethodRefused(str(error.detail), allow=allow)
    if isinstance(error, Http404):
        return NotThere()
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return BodyMalformed("The body cannot be read")
    return None

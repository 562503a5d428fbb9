"""Problems as examples: one of each error code, for a dialect to write as it would write a true one."""

from typing import Any

import orjson
from django.http import HttpResponse

from recordings.api.kit.base import Dialect
from recordings.api.kit.problems import Problem

MESSAGES = {
    "call_state_invalid": "The call is hangup",
    "field_missing": "must be given",
    "idempotency_key_reused": "The key came with another body before",
    "recording_already_active": "The call is being recorded already",
    "recording_disabled": "The workspace records nothing",
    "recording_not_active": "Nothing is being recorded",
    "reference_not_live": "The call is hangup",
    "request_invalid": "cannot be",
    "field_invalid": "cannot be",
    "id_invalid": "must be a UUID",
    "service_missing": "WAVSTREAM_URL not configured",
}
OF_FIELDS = frozenset({"request_invalid", "field_invalid", "field_missing", "id_invalid"})


def sample_of(code: str, dialect: Dialect, *, field: str = "", **more: Any) -> Problem:
    """A problem of this code; one with a field names `field`, where the dialect's errors name one.

    `more` is data that only this dialect's problems have.
    """
    message = MESSAGES.get(code, "")
    data: dict[str, Any] = {"retry_after": 2.0, "allow": "GET, HEAD", "size": 126_764} | more
    if code in OF_FIELDS and field:
        data["fields"] = {field: message}
        message = f"{field} {message}"
    return Problem(code, dialect.statuses[code], message, data)


def json_in(response: HttpResponse) -> dict[str, Any]:
    """The object in the body of a reply."""
    found: dict[str, Any] = orjson.loads(response.content)
    return found

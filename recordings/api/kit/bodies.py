"""Reading the JSON object that a request carries."""

from typing import Any

import orjson

from recordings.api.kit.problems import BodyMalformed
from workspaces.fields import Fields


def fields_of(body: bytes) -> Fields:
    """The fields of a JSON object, whatever its Content-Type says; nothing at all is {}. Raises BodyMalformed."""
    try:
        given: Any = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise BodyMalformed(f"the body is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise BodyMalformed("the body is no JSON object")
    return Fields(given)

"""Reading what a caller wrote in paths and queries, without believing any of it."""

import re
from uuid import UUID

from recordings.api.kit.problems import RequestInvalid

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS = re.compile(r"0*([0-9]{1,18})")
LARGEST = 10**18 - 1


def uuid_of(text: str, *, name: str) -> UUID:
    """The UUID, of any version, in its usual form with hyphens. RequestInvalid names the parameter."""
    if not _UUID.fullmatch(text):
        raise RequestInvalid(f"{name} must be a UUID", fields={name: "must be a UUID"})
    return UUID(text)


def whole_number(text: str | None, *, name: str, default: int, minimum: int, maximum: int = LARGEST) -> int:
    """A whole number written in digits, from `minimum` to `maximum`; `default` where it is absent."""
    if text is None:
        return default
    match = _DIGITS.fullmatch(text)
    number = int(match[1]) if match else -1
    if not minimum <= number <= maximum:
        bounds = f"{minimum} or more" if maximum == LARGEST else f"from {minimum} to {maximum}"
        raise RequestInvalid(
            f"{name} must be a whole number {bounds}", fields={name: f"must be a whole number {bounds}"}
        )
    return number

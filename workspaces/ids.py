"""Identifiers: UUIDv7 for what we make (sorts by time of making), any UUID version on input."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()

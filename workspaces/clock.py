"""Time as the product keeps it: UTC, and one sentinel for "not yet"."""

from datetime import UTC, datetime

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""`tm_delete` of what is not deleted. Not 9999-12-31, which overflows local time; not infinity: it crashes psycopg."""


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)

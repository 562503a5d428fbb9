"""Exact rate limits in fixed windows: one atomic upsert per attempt, whatever process makes it."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import connection

from workspaces.clock import now
from workspaces.errors import RateExceeded
from workspaces.models import RateWindow

DAY_SECONDS = 86_400
KEY_LENGTH = 160  # RateWindow.key

# Where the window is full nothing is updated and no row returns: a refused attempt leaves no trace.
# The names are constants of this module; values travel as parameters.
UPSERT = """
INSERT INTO workspaces_ratewindow ("key", "window", "count") VALUES (%s, %s, 1)
ON CONFLICT ("key", "window") DO UPDATE SET "count" = workspaces_ratewindow."count" + 1
WHERE workspaces_ratewindow."count" < %s
RETURNING "count"
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a window: `limit` and `remaining` in attempts, `reset` in Unix seconds when it ends."""

    limit: int
    remaining: int
    reset: int


def hit(key: str, *, limit: int, seconds: int, at: datetime | None = None) -> Rate | None:
    """Counts one attempt of `key`; None where `limit` is 0 (off). Raises RateExceeded beyond `limit`.

    Windows are `seconds` long (1 to 86,400) and aligned to Unix time: twice `limit` may pass around one.
    Inside a transaction that is rolled back the attempt is forgotten with everything else.
    """
    if limit < 0 or not 1 <= seconds <= DAY_SECONDS:
        raise ValueError(f"limit must be 0 or more and seconds 1 to {DAY_SECONDS}, not {limit} and {seconds}")
    if limit == 0:
        return None
    moment = (at or now()).timestamp()
    window = int(moment) // seconds * seconds
    reset = window + seconds
    count = _count(_fitting(key), window=window, limit=limit)
    if count is None:
        raise RateExceeded(retry_after=reset - moment, limit=limit, remaining=0, reset=reset)
    return Rate(limit=limit, remaining=limit - count, reset=reset)


def _count(key: str, *, window: int, limit: int) -> int | None:
    """Attempts in the window with this one, or None where this one is too many."""
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, [key, window, limit])
        rows = cursor.fetchall()  # to the end: SQLite commits a statement only when it was read out
    return int(rows[0][0]) if rows else None


def _fitting(key: str) -> str:
    """The key itself, or a hash of one too long for its column: cut, two keys could share a window."""
    return key if len(key) <= KEY_LENGTH else sha256(key.encode()).hexdigest()


def sweep() -> int:
    """Removes windows that began more than a day ago (all are over by then); how many."""
    removed, _ = RateWindow.objects.filter(window__lt=int(now().timestamp()) - DAY_SECONDS).delete()
    return removed

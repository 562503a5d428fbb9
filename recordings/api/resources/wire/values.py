"""Values as `resources` writes them: times with a sentinel for "not yet", the zero UUID for "none"."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from recordings.api.kit.cursors import Page
from workspaces.clock import NEVER
from workspaces.fields import ZERO


def time(moment: datetime | None) -> str:
    """UTC as `2026-01-02 14:02:10.358999`; what has not happened yet is `9999-01-01 00:00:00.000000`."""
    return (moment or NEVER).astimezone(UTC).isoformat(sep=" ", timespec="microseconds")[:26]


def uuid(found: UUID | str | None) -> str:
    return str(found or ZERO)


def listed(page: Page, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A page of rows that were written already."""
    return {"result": rows, "next_page_token": page.next_token}

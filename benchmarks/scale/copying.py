"""Rows into PostgreSQL by COPY: a model's defaults, and what differs from row to row."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, models

from workspaces.clock import NEVER

NULL = r"\N"
DELETED_EVERY, EXPIRED_EVERY = 20, 100


def text_of(value: Any) -> str:
    """A value as COPY's text format has it; no text here holds tabs, newlines or backslashes."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


class Table:
    """A model's table as COPY sees it: each row is the model's defaults but for the columns that differ."""

    def __init__(self, model: type[models.Model], *differing: str, **same: Any) -> None:
        fields = model._meta.concrete_fields  # noqa: SLF001 - Django's public name for it
        unlike = model(**same)
        self.name = model._meta.db_table  # noqa: SLF001 - as above
        rest = [field for field in fields if field.attname not in differing]
        self.columns = [*differing, *(str(field.column) for field in rest)]
        self._rest = "\t".join(text_of(getattr(unlike, field.attname)) for field in rest)

    def fill(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Append rows, each the text of the differing columns in their order."""
        columns = ", ".join(f'"{column}"' for column in self.columns)
        rest = f"\t{self._rest}\n" if self._rest else "\n"
        with connection.cursor() as cursor, cursor.copy(f'COPY "{self.name}" ({columns}) FROM STDIN') as copy:
            batch: list[str] = []
            for row in rows:
                batch.append("\t".join(row) + rest)
                if len(batch) == 2000:
                    copy.write("".join(batch))
                    batch.clear()
            copy.write("".join(batch))


def deleted(number: int, moment: datetime) -> str:
    """Every 20th row was deleted, the moment it was last touched."""
    return text_of(moment if number % DELETED_EVERY == 7 else NEVER)


def expires(number: int, moment: datetime) -> str:
    """Every 100th recording's time is over, and the sweep has not come yet."""
    return text_of(moment if number % EXPIRED_EVERY == 11 else NEVER)

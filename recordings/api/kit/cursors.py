"""Pages by keyset: newest first, each page strictly older than the last row of the one before, whatever came since.

A token is the time of that row and its id: `2026-01-02T14:02:10.358999Z_<id>`. A time alone is one too, with `T` and
`Z` or with a space: then the page holds what is older than that moment.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import F, Model, Q, QuerySet

from recordings.api.kit.problems import RequestInvalid

M = TypeVar("M", bound=Model)

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?", re.ASCII)
TOKEN_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Page:
    """`rows` as dicts, and the token of the page after it: "" where this one is empty."""

    rows: list[dict[str, Any]]
    next_token: str


def moment_of(text: str) -> datetime | None:
    """A moment as either spelling writes it, UTC, to the microsecond; None where the text is none."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    try:
        whole = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC)
    except ValueError:  # a 13th month
        return None
    return whole.replace(microsecond=int((match[3] or "").ljust(6, "0")[:6]))


def page_of(rows: QuerySet[M], *, columns: tuple[str, ...], size: int, token: str) -> Page:
    """`size` rows older than the token ("": the newest), as dicts of `columns`, which hold tm_create.

    Raises RequestInvalid for a token of another form.
    """
    if token:
        rows = rows.filter(_older(rows.model, token))
    found = list(rows.order_by("-tm_create", "-pk").values(*columns, cursor=F("pk"))[:size])
    if not found:
        return Page([], "")
    last = found[-1]
    written = last["tm_create"].astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Page(found, f"{written}_{last['cursor']}")


def _older(model: type[Model], token: str) -> Q:
    time, _, last = token.partition("_")
    moment = moment_of(time)
    if moment is None or len(token) > TOKEN_LENGTH:
        raise _malformed()
    if not last:
        return Q(tm_create__lt=moment)
    field: Any = model._meta.pk  # noqa: SLF001 - Django's public name for it
    try:
        key = field.clean(field.to_python(last), None)
    except ValidationError as error:
        raise _malformed() from error
    # The first bound says nothing new, and lets the database begin at the right place of its index.
    return Q(tm_create__lte=moment) & (Q(tm_create__lt=moment) | Q(tm_create=moment, pk__lt=key))


def _malformed() -> RequestInvalid:
    return RequestInvalid(
        "page_token is none that a page gave", fields={"page_token": "must be a next_page_token, or a time"}
    )

"""Lists paged by place instead of by number: a page costs the same at the first row and at the five-millionth.

`?before=` and `?after=` name the last or first row of the page seen: its time in microseconds since 1970 UTC (where
the list is in order of time) and its key. A place that cannot be read is the first page.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

BEFORE, AFTER = "before", "after"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in a list, newest first."""

    moment: datetime | None
    key: Any

    @property
    def text(self) -> str:
        if self.moment is None:
            return str(self.key)
        return f"{(self.moment - EPOCH) // timedelta(microseconds=1)}_{self.key}"


@dataclass(frozen=True, slots=True)
class Pager:
    """What the list's footer says; takes the place of Django's paginator."""

    template_name: ClassVar[str] = "admin/newest_first.html"
    shown: int
    about: int | None
    """Rows in all, as the database estimates; None where it does not, or where all are shown."""
    newer: str
    older: str
    """Query strings; "" where there is no such page."""
    newest: str


class NewestFirst(ChangeList):
    """The rows of one page and of no other; nothing is counted. The model admin's `ordering` is `-time, -key`."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.before, self.after = request.GET.get(BEFORE, ""), request.GET.get(AFTER, "")
        # The theme carries every parameter it sees into its filter forms; a new filter begins at the newest row.
        rest = request.GET.copy()
        rest.pop(BEFORE, None)
        rest.pop(AFTER, None)
        request.GET = rest  # type: ignore[assignment]  # a QueryDict either way
        super().__init__(request, *args, **kwargs)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:  # noqa: ARG002 - Django's shape
        return list(self.model_admin.get_ordering(request) or ["-pk"])

    def get_results(self, request: HttpRequest) -> None:
        order = self.get_ordering(request, self.queryset)
        self._time = order[0].removeprefix("-") if len(order) > 1 else None
        size = self.list_per_page
        backwards = self._place(self.after) if self.after else None
        start = self._place(self.before) if self.before and backwards is None else None
        if backwards is not None:
            rows = list(self.queryset.filter(self._beyond(backwards, "gt")).reverse()[: size + 1])
        else:
            found = self.queryset if start is None else self.queryset.filter(self._beyond(start, "lt"))
            rows = list(found[: size + 1])
        more, rows = len(rows) > size, rows[:size]
        if backwards is not None:
            rows.reverse()
        complete = getattr(self.model_admin, "complete_rows", None)  # of our own base; the theme's has none
        self.result_list = complete(request, rows) if complete else rows
        self._sum_up(rows, newer=more if backwards else start is not None, older=backwards is not None or more)

    def _sum_up(self, rows: list[Model], *, newer: bool, older: bool) -> None:
        all_shown = not (newer or older)
        about = None if all_shown else estimate(self.queryset)
        self.paginator = Pager(
            shown=len(rows),
            about=about if about and about > len(rows) else None,
            newer=self.get_query_string({AFTER: self._place_of(rows[0]).text}) if newer and rows else "",
            older=self.get_query_string({BEFORE: self._place_of(rows[-1]).text}) if older and rows else "",
            newest=self.get_query_string(),
        )
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = self.show_admin_actions = True
        self.can_show_all, self.multi_page = False, False

    def _place_of(self, row: Model) -> Place:
        return Place(getattr(row, self._time) if self._time else None, row.pk)

    def _place(self, text: str) -> Place | None:
        moment, _, key = text.rpartition("_")
        try:
            at = EPOCH + timedelta(microseconds=int(moment)) if self._time else None
            return Place(at, self.lookup_opts.pk.to_python(key if self._time else text))
        except (ValueError, OverflowError, ValidationError):
            return None

    def _beyond(self, place: Place, side: str) -> Q:
        """Rows on one side of a place. The outer bound is redundant, and lets the index find the place at once."""
        if self._time is None:
            return Q(**{f"pk__{side}": place.key})
        return Q(**{f"{self._time}__{side}e": place.moment}) & (
            Q(**{f"{self._time}__{side}": place.moment}) | Q(**{self._time: place.moment, f"pk__{side}": place.key})
        )


def estimate(rows: QuerySet[Any]) -> int | None:
    """How many rows the planner expects, without reading one; None where the database has no planner to ask."""
    if connections[rows.db].vendor != "postgresql":
        return None
    plan = json.loads(rows.order_by().explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])

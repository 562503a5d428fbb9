"""A filter for days in the reader's time zone."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.contrib.filters.admin import RangeDateFilter


class DayRange(RangeDateFilter):
    """From the first day's midnight to the last day's end; the theme's own filter would lose the last day.

    `<field>_from` and `<field>_to` are ISO dates; what is no date filters nothing.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002 - Django's shape
        first, last = self._midnight("from"), self._midnight("to")
        bounds: dict[str, datetime] = {}
        if first is not None:
            bounds[f"{self.parameter_name}__gte"] = first
        if last is not None:
            bounds[f"{self.parameter_name}__lt"] = last + timedelta(days=1)
        return queryset.filter(**bounds)

    def _midnight(self, side: str) -> datetime | None:
        text = str(self.used_parameters.get(f"{self.parameter_name}_{side}", ""))
        try:
            day = parse_date(text)
        except ValueError:  # a date's form, and no date
            return None
        return None if day is None else timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - given its zone here

"""What lists of recordings may be narrowed by, in the query."""

from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from recordings.api.kit.cursors import moment_of
from recordings.api.kit.problems import RequestInvalid
from recordings.models import Recording
from recordings.states import ReferenceType, State
from workspaces.fields import ZERO

LONGEST_SECONDS = 10**9


class MomentField(forms.CharField):
    """A moment, UTC, as the lists write it or with T and Z."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return moment_of(text) if text else None

    def validate(self, value: Any) -> None:
        if value is None:  # `clean` is only asked about what was given
            raise forms.ValidationError("must be a time such as 2026-01-02 14:02:10.358999")

    def run_validators(self, value: datetime) -> None:
        """Its form was all there was to check."""

    def clean(self, value: Any) -> Any:
        return super().clean(value) if value else None


class MomentFilter(django_filters.Filter):
    field_class = MomentField


class RecordingFilters(django_filters.FilterSet):
    """status, reference_type, reference_id, owner_id, activeflow_id; tm_create_after (from) and tm_create_before
    (until, not with it); duration_min and duration_max in seconds."""

    status = django_filters.ChoiceFilter(choices=State.choices)
    reference_type = django_filters.ChoiceFilter(choices=ReferenceType.choices)
    reference_id = django_filters.UUIDFilter()
    owner_id = django_filters.UUIDFilter(method="by_id")
    activeflow_id = django_filters.UUIDFilter(method="by_id")
    tm_create_after = MomentFilter(field_name="tm_create", lookup_expr="gte")
    tm_create_before = MomentFilter(field_name="tm_create", lookup_expr="lt")
    duration_min = django_filters.NumberFilter(method="by_duration", min_value=0, max_value=LONGEST_SECONDS)
    duration_max = django_filters.NumberFilter(method="by_duration", min_value=0, max_value=LONGEST_SECONDS)

    class Meta:
        model = Recording
        fields: tuple[str, ...] = ()

    def by_id(self, rows: QuerySet[Recording], name: str, value: Any) -> QuerySet[Recording]:
        """The zero UUID finds those that have none."""
        return rows.filter(**{f"{name}__isnull": True} if value == ZERO else {name: value})

    def by_duration(self, rows: QuerySet[Recording], name: str, value: Any) -> QuerySet[Recording]:
        """Of recordings that have ended: no other has a duration."""
        return rows.filter(**{f"duration_ms__{'gte' if name == 'duration_min' else 'lte'}": int(value * 1000)})


def filtered(rows: QuerySet[Recording], query: Any) -> QuerySet[Recording]:
    """Those of `rows` that the query asks for. RequestInvalid names each filter that cannot be."""
    filters = RecordingFilters(query, queryset=rows)
    if not filters.is_valid():
        faults = {name: " ".join(str(text) for text in texts) for name, texts in filters.errors.items()}
        raise RequestInvalid(f"{next(iter(faults))} cannot be", fields=faults)
    found: QuerySet[Recording] = filters.qs
    return found

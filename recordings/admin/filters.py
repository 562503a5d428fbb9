"""The filters of the recordings list, each limited to what the viewer may see."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import CheckboxFilter, RadioFilter

from recordings.models import Recording
from recordings.states import EndReason, RecordingType, State
from workspaces.admin.base import rights_of
from workspaces.clock import NEVER
from workspaces.models import Workspace
from workspaces.rights import Right

NO_AUDIO = "no_audio"
WORKSPACES_SHOWN = 50
"""Beyond this many the search of the workspaces list is the better way to one."""


class StatusFilter(CheckboxFilter):
    """The four states, and the label “No audio”, which is part of Ended."""

    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's shape
        return [*((state.value, state.label) for state in State), (NO_AUDIO, "No audio")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> QuerySet[Recording]:  # noqa: ARG002 - Django's shape
        chosen = set(self.value() or [])
        if not chosen:
            return queryset
        wanted = Q(status__in=chosen & {State.INITIATING, State.RECORDING, State.STOPPING})
        if State.ENDED in chosen:
            wanted |= Q(status=State.ENDED, duration_ms__gt=0)
        if NO_AUDIO in chosen:
            wanted |= Q(status=State.ENDED, duration_ms=0)
        return queryset.filter(wanted)


class WorkspaceFilter(CheckboxFilter):
    title = "workspace"
    parameter_name = "in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's shape
        rights = rights_of(request)
        mine = Workspace.objects.all()
        if not rights.everything:
            mine = mine.filter(pk__in=rights.workspaces(Right.LIST))
        return [(str(pk), name) for pk, name in mine.values_list("pk", "name")[:WORKSPACES_SHOWN]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> QuerySet[Recording]:  # noqa: ARG002 - Django's shape
        known = {value for value, _ in self.lookup_choices}
        chosen = [UUID(value) for value in self.value() or [] if value in known]
        if not self.value():
            return queryset
        return queryset.filter(workspace__in=chosen) if chosen else queryset.none()


class ReasonFilter(CheckboxFilter):
    title = "end reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's shape
        return [(reason.value, reason.label.capitalize()) for reason in EndReason]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> QuerySet[Recording]:  # noqa: ARG002 - Django's shape
        chosen = self.value()
        return queryset.filter(end_reason__in=chosen) if chosen else queryset


class TypeFilter(RadioFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's shape
        return [(kind.value, kind.label.capitalize()) for kind in RecordingType]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> QuerySet[Recording]:  # noqa: ARG002 - Django's shape
        return queryset.filter(recording_type=self.value()) if self.value() else queryset


class DeletedFilter(RadioFilter):
    """Deleted recordings are out of the list until asked for."""

    title = "deleted"
    parameter_name = "deleted"
    all_option: Any = ["", "Not deleted"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's shape
        return [("only", "Deleted only"), ("with", "Both")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> QuerySet[Recording]:  # noqa: ARG002 - Django's shape
        if self.value() == "with":
            return queryset
        return queryset.filter(tm_delete__lt=NEVER) if self.value() == "only" else queryset.filter(tm_delete=NEVER)

"""The recordings list, and the addresses of a recording's page."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from calls.admin.calls import who_to_whom
from calls.admin.numbers import matching_calls
from calls.models import Call
from recordings.admin import actions, filters, page, player
from recordings.admin.badges import badges, health_badges, length, moment
from recordings.models import Recording
from recordings.states import ReferenceType
from workspaces.admin.base import StaffAdmin, not_found, rights_of
from workspaces.admin.dates import DayRange
from workspaces.rights import Right

Act = Callable[[Any, HttpRequest, Recording], HttpResponse]


def _unknown(recording: Recording) -> SafeString:
    word = "Call" if recording.reference_type == ReferenceType.CALL else "Conference"
    return format_html("{} <bdi>{}</bdi>", word, recording.reference_id)


@admin.register(Recording)
class RecordingAdmin(StaffAdmin):
    delete_right = Right.DELETE
    list_display = ("numbers", "started", "length", "state", "health_found", "reason", "workspace")
    list_display_links = None
    list_select_related = ("workspace",)
    list_filter = (
        filters.StatusFilter,
        filters.WorkspaceFilter,
        ("tm_create", DayRange),
        filters.TypeFilter,
        filters.ReasonFilter,
        filters.DeletedFilter,
    )
    search_fields = ("id",)  # shows the box; `get_search_results` does the work
    search_help_text = "Phone number in any notation, or any id"
    ordering = ("-tm_create", "-id")

    # --- The list ------------------------------------------------------------------------------------------------

    def complete_rows(self, request: HttpRequest, rows: list[Recording]) -> list[Recording]:  # noqa: ARG002 - Django's shape
        """Each row with its call, all in one query: a recording names its call by uuid, not by a foreign key."""
        calls = Call.objects.filter(uuid__in=[row.reference_id for row in rows]).in_bulk(field_name="uuid")
        for row in rows:
            call = calls.get(row.reference_id)
            row.shown_call = call if call and call.workspace_id == row.workspace_id else None  # type: ignore[attr-defined]  # for the columns
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Recording], search_term: str
    ) -> tuple[QuerySet[Recording], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        calls = Call.objects.all()
        rights = rights_of(request)
        if not rights.everything:
            calls = calls.filter(workspace__in=rights.workspaces(Right.LIST))
        found = Q(reference_id__in=matching_calls(calls, text).values("uuid"))
        with suppress(ValueError):  # no id: a number or a name then
            found |= Q(pk=UUID(text)) | Q(reference_id=UUID(text))
        return queryset.filter(found), False

    @admin.display(description="caller and callee")
    def numbers(self, recording: Recording) -> SafeString:
        call = recording.shown_call  # type: ignore[attr-defined]  # set by complete_rows
        text = who_to_whom(call) if call else _unknown(recording)
        return format_html('<a class="td-rowlink" href="{}">{}</a>', actions.page_of(recording), text)

    @admin.display(description="started")
    def started(self, recording: Recording) -> SafeString:
        return moment(recording.tm_start or recording.tm_create, form="j M Y, H:i:s")

    @admin.display(description="length")
    def length(self, recording: Recording) -> SafeString:
        return format_html('<span class="td-nums">{}</span>', length(recording))

    @admin.display(description="status")
    def state(self, recording: Recording) -> SafeString:
        return badges(recording)

    @admin.display(description="health")
    def health_found(self, recording: Recording) -> SafeString:
        return health_badges(recording) or SafeString("–")

    @admin.display(description="reason")
    def reason(self, recording: Recording) -> SafeString:
        return format_html(
            '<span title="{}">{}</span>', recording.end_reason, recording.get_end_reason_display().capitalize() or "–"
        )

    # --- Who may, and what stays as it is ------------------------------------------------------------------------

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        shown = list(super().get_list_display(request))
        return shown if rights_of(request).everything or len(rights_of(request).roles) > 1 else shown[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:  # noqa: ARG002 - Django's shape
        return [field.name for field in self.opts.fields]

    # --- The page and what it offers -----------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site.admin_view
        own = [
            path("<uuid:object_id>/audio.wav", site(require_safe(player.audio)), name="recordings_recording_audio"),
            path(
                "<uuid:object_id>/stop/",
                site(require_POST(self._acting(actions.stop, Right.STOP))),
                name="recordings_recording_stop",
            ),
            path(
                "<uuid:object_id>/link/",
                site(require_POST(self._acting(actions.link, Right.LINK))),
                name="recordings_recording_link",
            ),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [*own, *urls]

    def _acting(self, act: Act, right: Right) -> Callable[..., HttpResponse]:
        """A view that acts on a recording which the viewer sees and has the right to; else it is not there."""

        def view(request: HttpRequest, object_id: UUID | str) -> HttpResponse:
            recording = self.get_object(request, str(object_id))
            if recording is None or not self.may(request, right, recording):
                return not_found(self, request, object_id=str(object_id))
            return act(self, request, recording)

        return view

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002 - Django's shape
        return self._acting(actions.delete, Right.DELETE)(request, object_id)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:  # noqa: ARG002 - Django's shape
        """The page. It holds no form of the row: states change by verbs, everything else not at all."""
        return self._acting(RecordingAdmin._page, Right.LIST)(request, object_id)

    def _page(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": recording,
            "title": "Recording",
            **page.context(request, recording),
        }
        return TemplateResponse(request, "admin/recordings/recording/page.html", context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recording]:
        return super().get_queryset(request).select_related("workspace")

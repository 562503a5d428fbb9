"""Calls and sessions: to be read."""

import json

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from calls.admin.numbers import matching_calls
from calls.models import Call, Session
from workspaces.admin.base import StaffAdmin
from workspaces.admin.dates import DayRange


def who_to_whom(call: Call) -> SafeString:
    """Caller → callee; each number is isolated, since it is a stranger's text."""
    return format_html(
        '<span class="td-numbers"><bdi>{}</bdi> <span aria-hidden="true">→</span>'
        '<span class="td-sr"> to </span> <bdi>{}</bdi></span>',
        *(call.from_number or "unknown", call.to_number or "unknown"),
    )


@admin.register(Call)
class CallAdmin(StaffAdmin):
    list_display = ("numbers", "tm_create", "status", "workspace", "id")
    list_select_related = ("workspace",)
    list_filter = (("status", ChoicesCheckboxFilter), ("tm_create", DayRange))
    search_fields = ("uuid",)  # shows the box; `get_search_results` does the work
    search_help_text = "Phone number in any notation, or any id"
    ordering = ("-tm_create", "-id")
    fields = (
        *("numbers", "status", "direction", "hangup_reason", "workspace", "id", "uuid", "engine_ref"),
        *("tm_create", "tm_progressing", "tm_hangup", "recordings", "sessions", "told_by_the_engine"),
    )
    readonly_fields = fields

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's shape
        queryset: QuerySet[Call],
        search_term: str,
    ) -> tuple[QuerySet[Call], bool]:
        return matching_calls(queryset, search_term) if search_term.strip() else queryset, False

    @admin.display(description="caller and callee")
    def numbers(self, call: Call) -> SafeString:
        return who_to_whom(call)

    @admin.display(description="recordings")
    def recordings(self, call: Call) -> SafeString:
        """Its recordings, by name: this app knows none of the one above it."""
        model = apps.get_model("recordings", "Recording")
        rows = model._default_manager.filter(reference_id=call.uuid).order_by("tm_create").values_list("pk", "status")  # noqa: SLF001 - Django's name
        links = [(reverse("admin:recordings_recording_change", args=[pk]), pk, status) for pk, status in rows]
        return format_html_join(", ", '<a class="td-link" href="{}">{}</a> ({})', links)

    @admin.display(description="sessions")
    def sessions(self, call: Call) -> SafeString:
        rows = call.sessions.values_list("pk", flat=True)
        links = [(reverse("admin:calls_session_change", args=[pk]), pk) for pk in rows]
        return format_html_join(", ", '<a class="td-link" href="{}">{}</a>', links)

    @admin.display(description="told by the engine")
    def told_by_the_engine(self, call: Call) -> str:
        return json.dumps(call.metadata, ensure_ascii=False, sort_keys=True) if call.metadata else "–"


@admin.register(Session)
class SessionAdmin(StaffAdmin):
    list_display = ("id", "app", "numbers", "workspace", "tm_create")
    list_select_related = ("app", "call", "workspace")
    search_fields = ("id__exact", "app__app_id__exact")
    search_help_text = "Session id, or app id"
    ordering = ("-tm_create", "-id")
    fields = ("id", "app", "workspace", "call_link", "sequence", "heavy_at", "tm_create")
    readonly_fields = fields

    @admin.display(description="caller and callee")
    def numbers(self, session: Session) -> SafeString:
        return who_to_whom(session.call)

    @admin.display(description="call")
    def call_link(self, session: Session) -> SafeString:
        address = reverse("admin:calls_call_change", args=[session.call_id])
        return format_html('<a class="td-link" href="{}">{}</a>', address, who_to_whom(session.call))

"""The audit log: read, never written here."""

import json

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import FieldTextFilter

from workspaces.admin.base import StaffAdmin
from workspaces.admin.dates import DayRange
from workspaces.models import AuditEntry
from workspaces.rights import Right


@admin.register(AuditEntry)
class AuditEntryAdmin(StaffAdmin):
    view_right = Right.AUDIT
    list_display = ("at", "who", "verb", "what", "workspace", "sealed")
    list_select_related = ("workspace",)
    list_filter = (("verb", FieldTextFilter), ("subject_type", FieldTextFilter), ("at", DayRange))
    search_fields = ("subject_id__exact", "actor_name__istartswith")
    search_help_text = "Id of what was touched, or the beginning of who did it"
    ordering = ("-id",)
    fields = (
        *("at", "workspace", "actor_type", "actor_id", "actor_name", "verb", "subject_type", "subject_id"),
        *("details", "sequence", "hash"),
    )
    readonly_fields = fields

    @admin.display(description="who")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or f"{entry.actor_type} {entry.actor_id}".strip()

    @admin.display(description="what")
    def what(self, entry: AuditEntry) -> str:
        return f"{entry.subject_type} {entry.subject_id}"

    @admin.display(description="sealed", boolean=True)
    def sealed(self, entry: AuditEntry) -> bool:
        return entry.sequence is not None

    @admin.display(description="details")
    def details(self, entry: AuditEntry) -> str:
        return json.dumps(entry.data, ensure_ascii=False, sort_keys=True)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's shape
        return False

"""Workspaces and the apps of their integrators."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from workspaces.admin.base import StaffAdmin, rights_of
from workspaces.models import App, Workspace
from workspaces.rights import Right


@admin.register(Workspace)
class WorkspaceAdmin(StaffAdmin):
    """Superusers make workspaces; nobody deletes one, since its audit log stays."""

    workspace_path = "id"
    change_right = Right.MANAGE
    list_display = ("name", "slug", "recording_enabled", "tm_create")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "recording_enabled", "id", "tm_create", "tm_update")
    readonly_fields = ("id", "tm_create", "tm_update")
    ordering = ("-tm_create", "-id")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's shape
        return rights_of(request).everything

    def workspace_of(self, row: Model) -> UUID:
        found: UUID = row.pk
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's shape
        super().save_model(request, obj, form, change)
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        self.record(request, "change" if change else "create", obj, **values)


@admin.register(App)
class AppAdmin(StaffAdmin):
    list_display = ("app_id", "workspace", "tm_create")
    list_select_related = ("workspace",)
    search_fields = ("app_id",)
    fields = ("app_id", "workspace", "id", "tm_create")
    readonly_fields = ("id", "tm_create")
    ordering = ("-tm_create", "-id")
    add_right = Right.KEYS
    autocomplete_fields = ("workspace",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's shape
        super().save_model(request, obj, form, change)
        self.record(request, "create", obj, app_id=obj.app_id)

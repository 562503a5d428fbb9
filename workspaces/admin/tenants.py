"""Workspaces and the apps of their integrators."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from workspaces.admin.base import StaffAdmin, rights_of
from workspaces.models import App, Workspace
from workspaces.rights import Right
from workspaces.tenancy import APP_ID


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


class AppForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted when it runs
    class Meta:
        model = App
        fields = ("app_id", "workspace")

    def clean_app_id(self) -> str:
        app_id: str = self.cleaned_data["app_id"]
        if not APP_ID.fullmatch(app_id):
            raise forms.ValidationError("An app id is 1 to 64 letters, digits, - or _.")
        return app_id


@admin.register(App)
class AppAdmin(StaffAdmin):
    form = AppForm
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

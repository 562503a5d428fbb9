"""Members: who belongs to a workspace, in which role. Only an owner makes or unmakes an owner."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from workspaces.admin.base import StaffAdmin, rights_of
from workspaces.models import Member, Role, Workspace
from workspaces.rights import Right, Rights


class MemberForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted when it runs
    """A new member is named in full: a list to choose from would show one tenant the users of another."""

    rights: ClassVar[Rights]
    username = forms.CharField(widget=UnfoldAdminTextInputWidget, help_text="Of a user who exists; they may sign in.")

    class Meta:
        model = Member
        fields = ("workspace", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:  # noqa: SLF001 - Django's name for it
            self.fields.pop("username", None)

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        user = User.objects.filter(username=name, is_active=True).first()
        if user is None:
            raise forms.ValidationError("There is no active user of this name.")
        self.instance.user = user
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        adding = self.instance._state.adding  # noqa: SLF001 - Django's name for it
        workspace: Workspace | None = cleaned.get("workspace") if adding else self.instance.workspace
        before = None if adding else Member.objects.values_list("role", flat=True).get(pk=self.instance.pk)
        if Role.OWNER in {before, cleaned.get("role")} and workspace and not may_touch_owner(self.rights, workspace):
            self.add_error("role", "Only an owner makes or unmakes an owner.")
        taken = adding and workspace and "username" in cleaned and Member.objects.of(workspace)
        if taken and taken.filter(user=self.instance.user).exists():
            self.add_error("username", "This user is a member already.")
        return cleaned


def may_touch_owner(rights: Rights, workspace: Workspace) -> bool:
    return rights.everything or rights.roles.get(workspace.pk) == Role.OWNER


@admin.register(Member)
class MemberAdmin(StaffAdmin):
    form = MemberForm
    add_right = change_right = delete_right = Right.MANAGE
    list_display = ("user", "role", "workspace", "tm_create")
    list_select_related = ("user", "workspace")
    list_filter = ("role",)
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email")
    ordering = ("-tm_create", "-id")
    autocomplete_fields = ("workspace",)

    def get_fields(self, request: HttpRequest, obj: Member | None = None) -> Any:  # noqa: ARG002 - Django's shape
        return ["username", "workspace", "role"] if obj is None else ["user", "workspace", "role", "tm_create"]

    def get_readonly_fields(self, request: HttpRequest, obj: Member | None = None) -> list[str]:  # noqa: ARG002 - Django's shape
        return [] if obj is None else ["user", "workspace", "tm_create"]

    def get_form(self, request: HttpRequest, obj: Member | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - Django's shape
        if obj is not None:
            kwargs["fields"] = ["role"]
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("MemberForm", (form,), {"rights": rights_of(request)})

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        if isinstance(obj, Member) and obj.role == Role.OWNER:
            return allowed and may_touch_owner(rights_of(request), obj.workspace)
        return allowed

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """The member's keys go with the membership, although no key is deleted by itself."""
        found, counts, _, protected = super().get_deleted_objects(objs, request)
        return found, counts, set(), protected

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's shape
        super().save_model(request, obj, form, change)
        if not change and not obj.user.is_staff:
            obj.user.is_staff = True  # or the membership would be for nothing: members work here
            obj.user.save(update_fields=["is_staff"])
        self.record(request, "change" if change else "create", obj, username=obj.user.get_username(), role=obj.role)

    def delete_model(self, request: HttpRequest, obj: Member) -> None:
        self.record(request, "delete", obj, username=obj.user.get_username(), role=obj.role)
        super().delete_model(request, obj)

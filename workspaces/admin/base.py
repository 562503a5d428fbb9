"""The base of every page of the staff admin: rights come from roles, rows from the viewer's workspaces.

Django's permission rows are not asked. What a viewer may not see answers as what does not exist.
"""

from functools import reduce
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin import ShowFacets
from django.contrib.admin.options import ModelAdmin as DjangoModelAdmin
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from workspaces import audit
from workspaces.admin.paging import NewestFirst
from workspaces.audit import Actor
from workspaces.models import Workspace
from workspaces.rights import Right, Rights

SUBJECTS = {"apikey": "api_key", "streamkey": "stream_key"}
"""What the audit log calls a model whose name is two words."""


def rights_of(request: HttpRequest) -> Rights:
    """The viewer's rights, read once a request."""
    found = getattr(request, "staff_rights", None)
    if not isinstance(found, Rights):
        found = Rights.of(request.user)
        request.staff_rights = found  # type: ignore[attr-defined]  # a request is where Django keeps such things too
    return found


def actor_of(request: HttpRequest) -> Actor:
    """Who acts, for the audit log. Only pages behind the sign-in ask."""
    if not request.user.is_authenticated:
        raise PermissionError("nobody is signed in")
    return Actor.user(request.user)


class StaffAdmin(ModelAdmin):
    """Read-only unless a subclass names the rights that adding, changing or deleting takes."""

    workspace_path: ClassVar[str] = "workspace_id"
    """From a row to its workspace's id, as a lookup."""
    view_right: ClassVar[Right] = Right.LIST
    add_right: ClassVar[Right | None] = None
    change_right: ClassVar[Right | None] = None
    delete_right: ClassVar[Right | None] = None

    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # a count per choice would read every row
    list_filter_submit = True
    list_fullwidth = True
    sortable_by = ()
    actions: Any = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        rights = rights_of(request)
        if rights.everything:
            return rows
        return rows.filter(**{f"{self.workspace_path}__in": rights.workspaces(self.view_right)})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002 - Django's shape
        return NewestFirst

    def complete_rows(self, request: HttpRequest, rows: list[Any]) -> list[Any]:  # noqa: ARG002 - subclasses ask it
        """The rows of one page with what their columns need beside them, in as many queries whatever the number."""
        return rows

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None of Django's own: deleting many rows at once is no act of this product."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    # --- Who may -------------------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return rights_of(request).may(self.view_right, None)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.view_right, obj)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.add_right, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.change_right, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.delete_right, obj)

    def may(self, request: HttpRequest, right: Right | None, row: Model | None) -> bool:
        """Whether the viewer has the right in the row's workspace; without a row: in any."""
        return right is not None and rights_of(request).may(right, None if row is None else self.workspace_of(row))

    def workspace_of(self, row: Model) -> UUID:
        start: Any = row
        found: UUID = reduce(getattr, self.workspace_path.split("__"), start)
        return found

    # --- Choices and their limits --------------------------------------------------------------------------------

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """A choice of another tenant's row is refused like one that does not exist."""
        rights = rights_of(request)
        model = db_field.remote_field.model
        allowed = rights.workspaces(self.add_right or self.view_right)
        if not rights.everything and model is Workspace:
            kwargs["queryset"] = Workspace.objects.filter(pk__in=allowed)
        elif not rights.everything and _is_tenant(model):
            kwargs["queryset"] = model._default_manager.filter(workspace__in=allowed)  # noqa: SLF001 - Django's name
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field

    # --- On record -----------------------------------------------------------------------------------------------

    def record(self, request: HttpRequest, verb: str, row: Model, **data: Any) -> None:
        """Leave the audit entry of a change made on this page, in the transaction that makes it."""
        audit.record(
            actor_of(request),
            verb,
            workspace=row if isinstance(row, Workspace) else Workspace.objects.get(pk=self.workspace_of(row)),
            subject_type=SUBJECTS.get(str(self.opts.model_name), str(self.opts.model_name)),
            subject_id=row.pk,
            data=data,
        )


def _is_tenant(model: type[Model]) -> bool:
    return any(isinstance(field, Field) and field.name == "workspace" for field in model._meta.get_fields())  # noqa: SLF001 - Django's public _meta


def not_found(admin: "DjangoModelAdmin[Any]", request: HttpRequest, *, object_id: str) -> HttpResponse:
    """Django's own answer to an id that is not there, for one that is not the viewer's."""
    return admin._get_obj_does_not_exist_redirect(request, admin.opts, object_id)  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001 - it has no public name

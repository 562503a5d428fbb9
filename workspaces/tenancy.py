"""Tenancy as a queryset verb, applied once per surface, in its base view; and who answers to a name."""

import re
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.apps import apps
from django.db import models

from workspaces.clock import now
from workspaces.errors import AppRefused, WorkspaceUnknown
from workspaces.ids import new_id

if TYPE_CHECKING:
    from workspaces.models import App, Workspace

M = TypeVar("M", bound=models.Model)

APP_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class WorkspaceQuerySet(models.QuerySet[M]):
    """Base of every tenant model's queryset."""

    def of(self, workspace: "Workspace") -> "WorkspaceQuerySet[M]":
        """Only the rows of this workspace: another tenant's row and an absent one look alike."""
        return self.filter(workspace=workspace)


class TenantModel(models.Model):
    """A row that belongs to one workspace."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    tm_create = models.DateTimeField("created", default=now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True


def find_workspace(text: str) -> "Workspace":
    """The workspace with this id or slug, for operators, who see all of them. Raises WorkspaceUnknown."""
    model: type[Workspace] = apps.get_model("workspaces", "Workspace")
    found = model.objects.filter(slug=text).first()
    if found is None:
        try:
            found = model.objects.filter(pk=UUID(text)).first()
        except ValueError:  # neither a slug that exists nor an id at all
            raise WorkspaceUnknown(text) from None
    if found is None:
        raise WorkspaceUnknown(text)
    return found


def claim_app(workspace: "Workspace", *, app_id: str) -> "App":
    """The workspace's app of this id, made if nobody has it.

    Raises AppRefused for an id that is not 1 to 64 of [a-zA-Z0-9_-], and for one that another workspace has.
    """
    if not APP_ID.fullmatch(app_id):
        raise AppRefused(f"the app id {app_id!r} is not 1 to 64 letters, digits, - or _", app_id=app_id)
    model: type[App] = apps.get_model("workspaces", "App")
    app, _ = model.objects.get_or_create(app_id=app_id, defaults={"workspace": workspace})
    if app.workspace_id != workspace.pk:
        raise AppRefused(f"the app id {app_id!r} belongs to another workspace", app_id=app_id)
    return app

"""Tenancy as a queryset verb, applied once per surface, in its base view."""

from typing import TYPE_CHECKING, TypeVar

from django.db import models

from workspaces.clock import now
from workspaces.ids import new_id

if TYPE_CHECKING:
    from workspaces.models import Workspace

M = TypeVar("M", bound=models.Model)


class WorkspaceQuerySet(models.QuerySet[M]):
    """Base of every tenant model's queryset."""

    def of(self, workspace: "Workspace") -> "WorkspaceQuerySet[M]":
        """Only the rows of this workspace: another tenant's row and an absent one look the same from here on."""
        return self.filter(workspace=workspace)


class TenantModel(models.Model):
    """A row that belongs to one workspace."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    tm_create = models.DateTimeField("created", default=now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True

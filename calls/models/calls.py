"""Calls."""

from django.db import models

from calls.states import CallState, Direction
from workspaces.clock import NEVER, now
from workspaces.ids import new_id
from workspaces.tenancy import WorkspaceQuerySet


class Call(models.Model):
    """A telephone call. Integrators of `downloads` know its integer id, all others its uuid."""

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(default=new_id, unique=True, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    from_number = models.CharField("caller", max_length=128, blank=True)
    to_number = models.CharField("callee", max_length=128, blank=True)
    status = models.CharField(max_length=16, choices=CallState.choices, default=CallState.PROGRESSING)
    direction = models.CharField(max_length=16, choices=Direction.choices, blank=True)
    owner_type = models.CharField(max_length=16, blank=True)  # "agent" or ""
    owner_id = models.UUIDField(null=True, blank=True)
    engine_ref = models.CharField(
        max_length=200, blank=True
    )  # the engine's own name for the call (channel id, callSid)
    metadata = models.JSONField(default=dict, blank=True)  # what the engine said of it; untrusted text
    hangup_reason = models.CharField(max_length=64, blank=True)
    tm_progressing = models.DateTimeField(null=True, blank=True)
    tm_hangup = models.DateTimeField(null=True, blank=True)
    tm_create = models.DateTimeField("created", default=now, editable=False)
    tm_update = models.DateTimeField("changed", default=now, editable=False)
    tm_delete = models.DateTimeField(default=NEVER, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-tm_create", "-id"]
        indexes = [
            models.Index(fields=["workspace", "tm_delete", "-tm_create", "-id"], name="call_newest"),
            models.Index(fields=["workspace", "engine_ref"], name="call_by_engine_ref"),
            models.Index(fields=["from_number"], name="call_by_caller"),
            models.Index(fields=["to_number"], name="call_by_callee"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=CallState.values), name="call_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.from_number or 'unknown'} → {self.to_number or 'unknown'}"

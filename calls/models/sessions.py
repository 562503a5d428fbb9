"""Sessions of the gateway's contract: an app's handle on a call, and the commands it gave."""

from django.db import models

from workspaces.clock import now
from workspaces.ids import new_id
from workspaces.tenancy import WorkspaceQuerySet


class Session(models.Model):
    """An app's session on a call. Its id is text with a node's prefix (`acW68-<uuid>`), never only a UUID."""

    id = models.CharField(primary_key=True, max_length=128)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    app = models.ForeignKey("workspaces.App", on_delete=models.PROTECT, related_name="sessions")
    call = models.ForeignKey("calls.Call", on_delete=models.PROTECT, related_name="sessions")
    sequence = models.PositiveIntegerField(default=0)  # of the last event told to the app; counts from 1
    heavy_at = models.DateTimeField(null=True, blank=True)  # last command of the heavy group: its cooldown is exact
    tm_create = models.DateTimeField("created", default=now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-tm_create"]

    def __str__(self) -> str:
        return self.id


class SessionCommand(models.Model):
    """An accepted command and its stored answer: the idempotency row of (session, command, uid)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="commands")
    command = models.CharField(max_length=32)
    uid = models.CharField(max_length=128)
    response = models.JSONField()
    tm_create = models.DateTimeField("created", default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "command", "uid"], name="command_uid_once")]

    def __str__(self) -> str:
        return f"{self.command} {self.uid}"

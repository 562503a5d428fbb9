"""Calls and conferences: what can be recorded, and the numbers by which both can be found."""

from typing import TypeAlias
from uuid import UUID

from django.db import models

from calls.states import CallState, ConferenceState, Direction
from workspaces.clock import NEVER, now
from workspaces.ids import new_id
from workspaces.tenancy import TenantModel, WorkspaceQuerySet


class Number(models.Model):
    """Hands out the integer ids of calls and conferences, so that one number means one of them."""

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def next(cls) -> int:
        """A number that was never given before. Its row goes at once; the database's own counter goes on."""
        number = cls.objects.create().pk
        cls.objects.filter(pk=number).delete()
        return int(number)


class Call(models.Model):
    """A telephone call. Integrators of `downloads` know its integer id, all others its uuid."""

    id = models.BigIntegerField("number", primary_key=True, editable=False)  # from Number
    uuid = models.UUIDField(default=new_id, unique=True, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    from_number = models.CharField("caller", max_length=128, blank=True)
    to_number = models.CharField("callee", max_length=128, blank=True)
    source = models.JSONField(default=dict, blank=True)  # type, target_name, name, detail of the caller; untrusted
    destination = models.JSONField(default=dict, blank=True)  # the same of the callee
    type = models.CharField(max_length=32, blank=True)
    status = models.CharField(max_length=16, choices=CallState.choices, default=CallState.PROGRESSING)
    direction = models.CharField(max_length=16, choices=Direction.choices, blank=True)
    owner_type = models.CharField(max_length=16, blank=True)  # "agent" or ""
    owner_id = models.UUIDField(null=True, blank=True)
    flow_id = models.UUIDField(null=True, blank=True)
    engine_ref = models.CharField(
        max_length=200, blank=True
    )  # the engine's own name for the call (channel id, callSid)
    metadata = models.JSONField(default=dict, blank=True)  # what the engine said of it; untrusted text
    hangup_by = models.CharField(max_length=16, blank=True)
    hangup_reason = models.CharField(max_length=64, blank=True)
    tm_ringing = models.DateTimeField(null=True, blank=True)
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


class Conference(TenantModel):
    """Several parties on one bridge. A recording of it has the reference type confbridge."""

    number = models.BigIntegerField(unique=True, editable=False)  # from Number
    type = models.CharField(max_length=32, default="conference")
    name = models.CharField(max_length=200, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=16, choices=ConferenceState.choices, default=ConferenceState.PROGRESSING)
    timeout = models.PositiveIntegerField(default=0)  # seconds, as given; 0 = none
    owner_type = models.CharField(max_length=16, blank=True)  # "agent" or ""
    owner_id = models.UUIDField(null=True, blank=True)
    pre_flow_id = models.UUIDField(null=True, blank=True)
    post_flow_id = models.UUIDField(null=True, blank=True)
    engine_ref = models.CharField(max_length=200, blank=True)  # the engine's own name for the bridge
    tm_end = models.DateTimeField(null=True, blank=True)
    tm_update = models.DateTimeField("changed", default=now, editable=False)
    tm_delete = models.DateTimeField(default=NEVER, editable=False)

    class Meta:
        ordering = ["-tm_create", "-id"]
        indexes = [models.Index(fields=["workspace", "tm_delete", "-tm_create", "-id"], name="conference_newest")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=ConferenceState.values), name="conference_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"Conference {self.number}"

    @property
    def uuid(self) -> UUID:
        """What a recording refers to, by the name that a call has for it."""
        return self.id


Reference: TypeAlias = Call | Conference
"""What can be recorded."""

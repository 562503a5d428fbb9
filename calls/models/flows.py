"""Flows, and their runs."""

from django.db import models

from calls.states import FlowState
from workspaces.clock import NEVER, now
from workspaces.tenancy import TenantModel


class Flow(TenantModel):
    """Actions to be run one after the other: `actions` is what `calls.flows.parsed` made of them."""

    type = models.CharField(max_length=32, default="flow")
    name = models.CharField(max_length=200, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    actions = models.JSONField(default=list, blank=True)  # [{id, next_id, type, option}]
    on_complete_flow_id = models.UUIDField(null=True, blank=True)
    tm_update = models.DateTimeField("changed", default=now, editable=False)
    tm_delete = models.DateTimeField(default=NEVER, editable=False)

    class Meta:
        ordering = ["-tm_create", "-id"]
        indexes = [models.Index(fields=["workspace", "tm_delete", "-tm_create", "-id"], name="flow_newest")]

    def __str__(self) -> str:
        return self.name or str(self.id)


class Activeflow(TenantModel):
    """One run of a flow. Its actions are those that the flow had when it began."""

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="runs")
    status = models.CharField(max_length=16, choices=FlowState.choices, default=FlowState.RUNNING)
    reference_type = models.CharField(max_length=16)  # call, conference, or recording
    reference_id = models.UUIDField()
    reference_activeflow_id = models.UUIDField(null=True, blank=True)  # the run whose completion began this one
    on_complete_flow_id = models.UUIDField(null=True, blank=True)
    variables = models.JSONField(default=dict, blank=True)
    actions = models.JSONField(default=list)
    step = models.PositiveIntegerField(default=0)  # index of the action that is next, or waits
    steps_done = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)  # at the present action
    depth = models.PositiveSmallIntegerField(default=0)  # how many runs led to this one
    log = models.JSONField(default=list, blank=True)  # [{action, at, error}] of the actions that were executed
    due_at = models.DateTimeField(null=True, default=now)  # when it must next be looked at; doubles as its lease
    tm_update = models.DateTimeField("changed", default=now, editable=False)
    tm_end = models.DateTimeField(null=True, blank=True)
    tm_delete = models.DateTimeField(default=NEVER, editable=False)

    class Meta:
        ordering = ["-tm_create", "-id"]
        indexes = [
            models.Index(fields=["workspace", "tm_delete", "-tm_create", "-id"], name="activeflow_newest"),
            models.Index(fields=["reference_id"], name="activeflow_by_reference"),
            models.Index(fields=["due_at"], name="activeflow_due", condition=models.Q(due_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=FlowState.values), name="activeflow_status_known"),
        ]

    def __str__(self) -> str:
        return str(self.id)

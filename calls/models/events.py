"""The outbox: events written in the transaction that caused them, and their deliveries to webhook endpoints."""

from django.db import models

from workspaces.clock import now
from workspaces.ids import new_id
from workspaces.tenancy import TenantModel, WorkspaceQuerySet


class Event(models.Model):
    """Something that happened, in neutral words; each webhook style writes it in its own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    type = models.CharField(max_length=64)
    subject_id = models.UUIDField(null=True, blank=True)
    session = models.ForeignKey("calls.Session", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    sequence = models.PositiveIntegerField(null=True, blank=True)  # within the session, where it has one
    payload = models.JSONField(default=dict)
    at = models.DateTimeField(default=now)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["workspace", "-at"], name="event_newest"),
            models.Index(fields=["subject_id", "at"], name="event_by_subject"),
        ]
        constraints = [models.UniqueConstraint(fields=["session", "sequence"], name="event_sequence_once")]

    def __str__(self) -> str:
        return f"{self.type} {self.subject_id or ''}".strip()


class WebhookStyle(models.TextChoices):
    SESSIONS = "sessions"
    RESOURCES = "resources"


class WebhookEndpoint(TenantModel):
    """Where a workspace, or one app of it, wants to be told."""

    app = models.ForeignKey("workspaces.App", null=True, blank=True, on_delete=models.PROTECT, related_name="endpoints")
    url = models.URLField(max_length=2000)
    style = models.CharField(max_length=16, choices=WebhookStyle.choices, default=WebhookStyle.SESSIONS)
    events = models.JSONField(default=list, blank=True)  # the types it wants; empty: those its style sends unasked
    secret = models.CharField(max_length=128, editable=False)  # whsec_…: signing needs it raw, see SECURITY.md
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["-tm_create"]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint; `due_at` is when it must next be looked at, and doubles as the lease."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=now)
    response_status = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    tm_create = models.DateTimeField("created", default=now, editable=False)

    class Meta:
        ordering = ["-tm_create"]
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due", condition=models.Q(due_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="delivery_once"),
            models.CheckConstraint(condition=models.Q(status__in=DeliveryState.values), name="delivery_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.endpoint_id}"

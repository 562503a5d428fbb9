"""Workspaces and who acts in them: members, apps, keys, and the audit log of what they did."""

from django.conf import settings
from django.db import models

from workspaces.clock import now
from workspaces.ids import new_id
from workspaces.tenancy import TenantModel


class Workspace(models.Model):
    """A tenant. Integrators of `resources` know its id as customer_id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=64, unique=True)
    recording_enabled = models.BooleanField("records calls", default=True)
    tm_create = models.DateTimeField("created", default=now, editable=False)
    tm_update = models.DateTimeField("changed", auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    VIEWER = "viewer"
    AUDITOR = "auditor"


class Member(TenantModel):
    """A user's place in a workspace."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        ordering = ["tm_create"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="member_once_per_workspace"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="member_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class App(TenantModel):
    """An integrator's application: what the `sessions` surface calls X-App-ID. Its name is unique among all tenants."""

    app_id = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["app_id"]

    def __str__(self) -> str:
        return self.app_id


class Credential(TenantModel):
    """A secret of which only the prefix and a keyed hash are kept; `workspaces.keys` alone sees it raw."""

    name = models.CharField(max_length=200, blank=True)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True
        ordering = ["-tm_create"]

    def __str__(self) -> str:
        return self.name or self.prefix


class ApiKey(Credential):
    """A key for the REST surfaces: some scopes in one workspace, perhaps on behalf of an app or a member."""

    scopes = models.JSONField(default=list)
    app = models.ForeignKey(App, null=True, blank=True, on_delete=models.PROTECT, related_name="keys")
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")

    class Meta(Credential.Meta):
        verbose_name = "API key"


class StreamKey(Credential):
    """A key in a capture URL: an engine that connects with it unasked gets a call and a recording made for it."""


class AuditEntry(models.Model):
    """One act: who did what to what, and when. Inserted unsealed; the sweep chains entries by hash, per workspace."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    actor_type = models.CharField(max_length=16)  # user, key, stream_key, link, system
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=200, blank=True)
    verb = models.CharField(max_length=32)
    subject_type = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    data = models.JSONField(default=dict)
    sequence = models.BigIntegerField(null=True)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_by_workspace"),
            models.Index(fields=["subject_type", "subject_id", "-id"], name="audit_by_subject"),
            models.Index(fields=["id"], name="audit_unsealed", condition=models.Q(sequence=None)),
            models.Index(fields=["verb", "actor_id", "subject_id", "-at"], name="audit_recent_act"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "sequence"], name="audit_sequence_once"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_type} {self.subject_id}"


class RateWindow(models.Model):
    """How often something happened in one window of time; rows of past windows are swept."""

    key = models.CharField(max_length=160)
    window = models.BigIntegerField()  # Unix seconds of the window's start
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "window"], name="rate_window_once")]

    def __str__(self) -> str:
        return f"{self.key}@{self.window}"


class StoredReply(models.Model):
    """What a POST with an Idempotency-Key was answered; while the answer is being made its row is locked."""

    digest = models.CharField(primary_key=True, max_length=64)  # SHA-256 of who asked, the path, and the key
    request = models.CharField(max_length=64)  # SHA-256 of the body
    status = models.PositiveSmallIntegerField(null=True)  # null: not yet answered
    body = models.TextField(blank=True)
    tm_create = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tm_create"], name="stored_reply_oldest")]

    def __str__(self) -> str:
        return self.digest

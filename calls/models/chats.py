"""Chats: who may see what was said on a call or a conference."""

from typing import Any

from django.db import models

from workspaces.clock import now
from workspaces.tenancy import WorkspaceQuerySet


class Visibility(models.TextChoices):
    WORKSPACE = "workspace"
    MANAGER_OWNED = "manager_owned"
    DIRECT = "direct"


class Chat(models.Model):
    """A chat about a call or a conference, or about neither: then it is no voice chat.

    While a chat is not of the whole workspace, only its participants hear the recordings of its reference.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    call = models.ForeignKey("calls.Call", null=True, blank=True, on_delete=models.PROTECT, related_name="chats")
    conference = models.ForeignKey(
        "calls.Conference", null=True, blank=True, on_delete=models.PROTECT, related_name="chats"
    )
    reference_id = models.UUIDField(null=True, editable=False)  # of either, as recordings name it: one look-up a row
    visibility = models.CharField(max_length=16, choices=Visibility.choices, default=Visibility.WORKSPACE)
    participants = models.ManyToManyField("workspaces.Member", blank=True, related_name="chats")
    tm_create = models.DateTimeField("created", default=now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["reference_id", "visibility"], name="chat_by_reference")]
        constraints = [
            models.CheckConstraint(condition=models.Q(visibility__in=Visibility.values), name="chat_visibility_known"),
            models.CheckConstraint(
                condition=models.Q(call=None) | models.Q(conference=None), name="chat_one_reference"
            ),
        ]

    def __str__(self) -> str:
        return f"Chat {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The reference follows from the call or the conference, and is never set by hand."""
        self.reference_id = self.call.uuid if self.call else self.conference_id
        super().save(*args, **kwargs)

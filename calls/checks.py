"""System checks: what other apps must have brought."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Notice

from calls import commands, flows, outbox
from calls.models import WebhookStyle


def commands_have_handlers(**kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django calls every check with these
    """calls.E001 for each session command that nobody carries out."""
    return [
        Error(
            f"Nobody handles the session command {command!r}.",
            hint="Call calls.commands.register for it in an AppConfig.ready().",
            id="calls.E001",
        )
        for command in commands.missing()
    ]


def actions_have_handlers(**kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django calls every check with these
    """calls.E002 for each action of flows that nobody carries out."""
    return [
        Error(
            f"Nobody carries out the action {action!r} of flows.",
            hint="Call calls.flows.register for it in an AppConfig.ready().",
            id="calls.E002",
        )
        for action in flows.missing()
    ]


def sessions_style_is_registered(**kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django calls every check with these
    """calls.W001 where no dialect writes the style that webhook endpoints have by default."""
    if WebhookStyle.SESSIONS in outbox.styles():
        return []
    return [
        Notice(
            "Nobody writes webhooks of the style 'sessions'; endpoints of that style will hear nothing.",
            hint="Call calls.outbox.register_style for it in an AppConfig.ready().",
            id="calls.W001",
        )
    ]

"""System checks: what other apps must have brought, and settings that only this app reads."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Notice

from calls import commands, outbound, outbox
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


def outbound_networks(**kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django calls every check with these
    """calls.E002 where OUTBOUND_ALLOW holds what is no network."""
    try:
        outbound.networks()
    except ValueError as error:
        return [
            Error(
                f"OUTBOUND_ALLOW is not a list of networks: {error}.",
                hint="Write networks as 10.0.0.0/8 or fd00::/8, separated by commas.",
                id="calls.E002",
            )
        ]
    return []


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

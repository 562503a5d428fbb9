"""create_webhook_endpoint: where a workspace, or one app of it, wants to be told."""

import base64
import re
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from calls import outbound
from calls.models import WebhookEndpoint, WebhookStyle
from workspaces.errors import WorkspaceError
from workspaces.tenancy import claim_app, find_workspace

SECRET_BYTES = 32
URL_LENGTH = 2000  # WebhookEndpoint.url
EVENT = re.compile(r"[a-z][a-z_]*(\.[a-z_]+)?")


class Command(BaseCommand):
    help = "Make a webhook endpoint and print its signing secret, alone, on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", metavar="WORKSPACE", help="id or slug of the workspace")
        parser.add_argument("url", metavar="URL", help="the http or https address that is to be told")
        parser.add_argument(
            "--app", metavar="APPID", help="hear only of this app's sessions; the app is made if absent"
        )
        parser.add_argument(
            "--style",
            choices=WebhookStyle.values,
            default=WebhookStyle.SESSIONS.value,
            help="how events are written (default: %(default)s)",
        )
        parser.add_argument(
            "--events", metavar="A,B", default="", help="event types to send (default: those the style sends unasked)"
        )

    def handle(self, *, workspace: str, url: str, app: str | None, style: str, events: str, **options: Any) -> None:  # noqa: ARG002 - Django's options
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
        try:
            outbound.parse(url)
            if len(url) > URL_LENGTH:
                raise CommandError(f"the address is longer than {URL_LENGTH} characters")
            with transaction.atomic():  # an app is not left behind by an endpoint that was refused
                owner = find_workspace(workspace)
                endpoint = WebhookEndpoint(
                    workspace=owner,
                    app=claim_app(owner, app_id=app) if app is not None else None,
                    url=url,
                    style=style,
                    events=_types(events),
                    secret=secret,
                )
                endpoint.save()
        except (WorkspaceError, outbound.Unreachable) as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"endpoint {endpoint.id}; its secret is on standard output")
        self.stdout.write(secret)


def _types(text: str) -> list[str]:
    words = sorted({word.strip() for word in text.split(",") if word.strip()})
    for word in words:
        if not EVENT.fullmatch(word):
            raise CommandError(f"{word!r} is no event type; write types such as recording.ended, separated by commas")
    return words

"""create_session: an app's session on a call."""

import secrets
import string
from argparse import ArgumentParser
from typing import Any
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError

from calls.models import Call, Session
from workspaces.clock import NEVER
from workspaces.models import App

NODE_LETTERS = string.ascii_letters + string.digits
NODE_LENGTH = 5


class Command(BaseCommand):
    help = "Open a session of an app on a call and print the session's id on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("app_id", metavar="APPID", help="the app, as in X-App-ID")
        parser.add_argument("--call", required=True, metavar="UUID", help="the call, of the app's own workspace")

    def handle(self, *, app_id: str, call: str, **options: Any) -> None:  # noqa: ARG002 - Django's options
        app = App.objects.filter(app_id=app_id).select_related("workspace").first()
        if app is None:
            raise CommandError(f"no app has the id {app_id!r}")
        try:
            uuid = UUID(call)
        except ValueError as error:
            raise CommandError(f"{call!r} is no uuid") from error
        found = Call.objects.of(app.workspace).filter(uuid=uuid, tm_delete=NEVER).first()
        if found is None:
            raise CommandError(f"the workspace of {app_id} has no call {uuid}")
        session = Session.objects.create(id=_session_id(), workspace=app.workspace, app=app, call=found)
        self.stdout.write(session.id)


def _session_id() -> str:
    """A node's prefix and a UUID, as integrators know them: `acW68-<uuid>`."""
    prefix = "".join(secrets.choice(NODE_LETTERS) for _ in range(NODE_LENGTH))
    return f"{prefix}-{uuid4()}"

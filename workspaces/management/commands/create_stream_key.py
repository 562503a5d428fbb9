from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from workspaces.audit import Actor, record
from workspaces.errors import WorkspaceUnknown
from workspaces.keys import mint_stream_key
from workspaces.tenancy import find_workspace


class Command(BaseCommand):
    help = (
        "Makes a stream key and prints the address that engines stream to, this once: whatever arrives there"
        " gets a call and a recording made for it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", metavar="WORKSPACE", help="id or slug of the workspace")
        parser.add_argument("--name", default="", help="what lists of keys and the audit log call it")

    @transaction.atomic
    def handle(self, *, workspace: str, name: str, **_: Any) -> str:
        try:
            tenant = find_workspace(workspace)
        except WorkspaceUnknown as error:
            raise CommandError(f"{error}.") from error
        key, raw = mint_stream_key(tenant, name=name)
        record(
            Actor.named("create_stream_key"),
            "create",
            workspace=tenant,
            subject_type="stream_key",
            subject_id=key.pk,
            data={"prefix": key.prefix},
        )
        return f"{_capture_address()}/capture/{raw}"


def _capture_address() -> str:
    """Where engines are told to stream, or else where the capture process of this machine listens."""
    if settings.WAVSTREAM_URL:
        return str(settings.WAVSTREAM_URL)
    host = settings.CAPTURE_HOST
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - not bound to: every address, of which one must be named
        host = "127.0.0.1"
    return f"ws://{f'[{host}]' if ':' in host else host}:{settings.CAPTURE_PORT}"

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from workspaces import keys
from workspaces.audit import Actor, record
from workspaces.errors import WorkspaceUnknown
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
        key, raw = keys.mint_stream_key(tenant, name=name)
        record(
            Actor.named("create_stream_key"),
            "create",
            workspace=tenant,
            subject_type="stream_key",
            subject_id=key.pk,
            data={"prefix": key.prefix},
        )
        return keys.stream_address(raw)

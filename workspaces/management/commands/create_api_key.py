from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from workspaces.audit import Actor, record
from workspaces.clock import now
from workspaces.errors import WorkspaceError
from workspaces.keys import mint_api_key
from workspaces.models import Member, Workspace
from workspaces.scopes import Scope
from workspaces.tenancy import claim_app, find_workspace

MAX_DAYS = 36_500


class Command(BaseCommand):
    help = "Makes an API key and prints it, this once: only a hash of it is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", metavar="WORKSPACE", help="id or slug of the workspace")
        parser.add_argument(
            "--scopes", required=True, help=f"what the key may do, comma-separated, of: {', '.join(Scope)}"
        )
        parser.add_argument("--app", metavar="APPID", help="the app the key belongs to; made where absent")
        parser.add_argument("--member", metavar="ID", help="id of the member on whose behalf the key acts")
        parser.add_argument("--expires-days", type=int, metavar="N", help="days until it ends; else never")
        parser.add_argument("--name", default="", help="what lists of keys and the audit log call it")

    @transaction.atomic
    def handle(self, *, workspace: str, scopes: str, name: str, **options: Any) -> str:
        words = [word.strip() for word in scopes.split(",") if word.strip()]
        if not words:
            raise CommandError("--scopes names no scope.")
        try:
            tenant = find_workspace(workspace)
            key, raw = mint_api_key(
                tenant,
                scopes=words,
                name=name,
                app=claim_app(tenant, app_id=options["app"]) if options["app"] is not None else None,
                member=_member(tenant, text=options["member"]),
                expires_at=_end(options["expires_days"]),
            )
        except (WorkspaceError, ValueError) as error:
            raise CommandError(f"{error}.") from error
        record(
            Actor.named("create_api_key"),
            "create",
            workspace=tenant,
            subject_type="api_key",
            subject_id=key.pk,
            data={"prefix": key.prefix, "scopes": key.scopes, "app": options["app"], "expires_at": key.expires_at},
        )
        return raw


def _member(workspace: Workspace, *, text: str | None) -> Member | None:
    if text is None:
        return None
    try:
        return Member.objects.of(workspace).get(pk=UUID(text))
    except (ValueError, Member.DoesNotExist) as error:
        raise CommandError(f"{workspace} has no member with the id {text!r}.") from error


def _end(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= MAX_DAYS:
        raise CommandError(f"--expires-days is {days}; it must be from 1 to {MAX_DAYS}.")
    return now() + timedelta(days=days)

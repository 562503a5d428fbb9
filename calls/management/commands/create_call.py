"""create_call: a call that is under way."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from calls.lifecycle import register_call
from workspaces.errors import WorkspaceError
from workspaces.models import Member, Role, Workspace
from workspaces.tenancy import find_workspace


class Command(BaseCommand):
    help = "Register a call in the state progressing and print its integer id and its uuid on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", metavar="WORKSPACE", help="id or slug of the workspace")
        parser.add_argument("--from", dest="from_number", metavar="N", default="", help="the caller's number")
        parser.add_argument("--to", dest="to_number", metavar="N", default="", help="the callee's number")
        parser.add_argument("--agent", metavar="ID", help="the agent who owns the call: a member's id")

    def handle(
        self,
        *,
        workspace: str,
        from_number: str,
        to_number: str,
        agent: str | None,
        **options: Any,  # noqa: ARG002 - Django's options
    ) -> None:
        try:
            tenant = find_workspace(workspace)
        except WorkspaceError as error:
            raise CommandError(str(error)) from error
        owner: dict[str, Any] = {"owner_type": "agent", "owner_id": _agent(tenant, agent)} if agent else {}
        call = register_call(tenant, from_number=from_number, to_number=to_number, **owner)
        self.stdout.write(f"{call.id} {call.uuid}")


def _agent(workspace: Workspace, text: str) -> UUID:
    try:
        found = Member.objects.of(workspace).filter(pk=UUID(text), role=Role.AGENT).first()
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{workspace} has no agent {text}")
    return found.pk

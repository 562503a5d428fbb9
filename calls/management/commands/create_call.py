"""create_call: a call that is under way."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from calls.lifecycle import register_call
from workspaces.errors import WorkspaceError
from workspaces.tenancy import find_workspace


class Command(BaseCommand):
    help = "Register a call in the state progressing and print its integer id and its uuid on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", metavar="WORKSPACE", help="id or slug of the workspace")
        parser.add_argument("--from", dest="from_number", metavar="N", default="", help="the caller's number")
        parser.add_argument("--to", dest="to_number", metavar="N", default="", help="the callee's number")

    def handle(self, *, workspace: str, from_number: str, to_number: str, **options: Any) -> None:  # noqa: ARG002 - Django's options
        try:
            owner = find_workspace(workspace)
        except WorkspaceError as error:
            raise CommandError(str(error)) from error
        call = register_call(owner, from_number=from_number, to_number=to_number)
        self.stdout.write(f"{call.id} {call.uuid}")

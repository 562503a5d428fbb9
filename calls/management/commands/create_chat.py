"""create_chat: a chat about a call."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from calls.models import Call, Chat, Conference, Visibility
from workspaces.clock import NEVER
from workspaces.errors import WorkspaceError
from workspaces.models import Member, Workspace
from workspaces.tenancy import find_workspace


class Command(BaseCommand):
    help = "Make a chat and print its integer id on standard output. Without --call it is no voice chat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", metavar="WORKSPACE", help="id or slug of the workspace")
        parser.add_argument("--call", metavar="UUID", help="the call, or the conference, of the same workspace")
        parser.add_argument(
            "--visibility",
            choices=Visibility.values,
            default=Visibility.WORKSPACE.value,
            help="who may hear the call: all, or the participants alone (default: %(default)s)",
        )
        parser.add_argument(
            "--participant", metavar="ID", action="append", default=[], help="a member's id; may be given again"
        )

    def handle(
        self,
        *,
        workspace: str,
        call: str | None,
        visibility: str,
        participant: list[str],
        **options: Any,  # noqa: ARG002 - Django's options
    ) -> None:
        try:
            owner = find_workspace(workspace)
        except WorkspaceError as error:
            raise CommandError(str(error)) from error
        members = [_member(owner, text) for text in participant]
        with transaction.atomic():
            chat = Chat(workspace=owner, visibility=visibility, **(_reference(owner, call) if call else {}))
            chat.save()
            chat.participants.set(members)
        self.stdout.write(str(chat.pk))


def _reference(workspace: Workspace, text: str) -> dict[str, Any]:
    uuid = _uuid(text)
    call = Call.objects.of(workspace).filter(uuid=uuid, tm_delete=NEVER).first()
    if call is not None:
        return {"call": call}
    conference = Conference.objects.of(workspace).filter(pk=uuid, tm_delete=NEVER).first()
    if conference is None:
        raise CommandError(f"{workspace} has no call or conference {uuid}")
    return {"conference": conference}


def _member(workspace: Workspace, text: str) -> Member:
    found = Member.objects.of(workspace).filter(pk=_uuid(text)).first()
    if found is None:
        raise CommandError(f"{workspace} has no member {text}")
    return found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no uuid") from error

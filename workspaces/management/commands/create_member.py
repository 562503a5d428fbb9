from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from workspaces.audit import Actor, record
from workspaces.errors import WorkspaceUnknown
from workspaces.models import Member, Role, Workspace
from workspaces.tenancy import find_workspace


class Command(BaseCommand):
    help = "Makes a user a member of a workspace, and the user where there is none; prints the member's id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", metavar="WORKSPACE", help="id or slug of the workspace")
        parser.add_argument("username", metavar="USERNAME", help="the user, who may sign in to the admin")
        parser.add_argument("--role", required=True, choices=Role.values, help="what the member may do")
        parser.add_argument(
            "--staff-password-file",
            type=Path,
            metavar="FILE",
            help="holds the new user's password on its first line; without it the user cannot sign in by password",
        )

    def handle(self, *, workspace: str, username: str, role: str, staff_password_file: Path | None, **_: Any) -> str:
        try:
            tenant = find_workspace(workspace)
            password = _password(staff_password_file)
            with transaction.atomic():
                member = _join(tenant, username=username, role=role, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except WorkspaceUnknown as error:
            raise CommandError(f"{error}.") from error
        return str(member.pk)


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from error
    if not lines or not lines[0]:
        raise CommandError(f"{path} holds no password on its first line.")
    return lines[0]


def _join(workspace: Workspace, *, username: str, role: str, password: str | None) -> Member:
    user = User.objects.filter(username=username).first()
    if user is None:
        user = _make_user(username, password=password)
    elif password is not None:
        raise CommandError(f"The user {username} exists; its password is changed with changepassword.")
    elif not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    if Member.objects.of(workspace).filter(user=user).exists():
        raise CommandError(f"{username} is a member of {workspace} already.")
    member = Member.objects.create(workspace=workspace, user=user, role=role)
    record(
        Actor.named("create_member"),
        "create",
        workspace=workspace,
        subject_type="member",
        subject_id=member.pk,
        data={"username": username, "role": role},
    )
    return member


def _make_user(username: str, *, password: str | None) -> User:
    user = User(username=username, is_staff=True)
    user.set_password(password)  # None: no password fits
    user.full_clean()
    if password is not None:
        validate_password(password, user)
    user.save()
    return user

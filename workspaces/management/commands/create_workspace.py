from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.text import slugify

from workspaces.audit import Actor, record
from workspaces.models import Workspace

SLUG_LENGTH = 64


class Command(BaseCommand):
    help = "Makes a workspace and prints its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what people call it, up to 200 characters")
        parser.add_argument("--slug", help="its short name for commands and addresses; made from NAME where absent")

    def handle(self, *, name: str, slug: str | None, **_: Any) -> str:
        with transaction.atomic():
            workspace = Workspace(name=name.strip(), slug=slug or _free_slug(name))
            try:
                workspace.full_clean()
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
            workspace.save()
            record(
                Actor.named("create_workspace"),
                "create",
                workspace=workspace,
                subject_type="workspace",
                subject_id=workspace.pk,
                data={"name": workspace.name, "slug": workspace.slug},
            )
        return str(workspace.pk)


def _free_slug(name: str) -> str:
    """The name as a slug, with a number behind it where others have it already."""
    stem = slugify(name)[: SLUG_LENGTH - 8].strip("-_") or "workspace"
    taken = set(Workspace.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    slug, number = stem, 1
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    return slug

"""What every noun of `resources` has: a list by pages, and one of it by id."""

from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from recordings.api.kit.base import json_reply
from recordings.api.kit.cursors import page_of
from recordings.api.kit.problems import NotThere
from recordings.api.resources.dialect import ResourcesViewSet, id_of
from recordings.api.resources.wire.values import listed
from workspaces.errors import FieldInvalid
from workspaces.fields import Fields
from workspaces.models import Member, Role

M = TypeVar("M", bound=Model)

PAGE_SIZE = 100


class ListingViewSet(ResourcesViewSet, Generic[M]):
    """A noun: `rows` are the caller's, `written` makes JSON of `columns` of a page of them."""

    abstract = True
    columns: ClassVar[tuple[str, ...]]
    lookup: ClassVar[str] = "pk"

    @property
    def rows(self) -> QuerySet[M]:
        raise NotImplementedError

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        raise NotImplementedError

    def filtered(self, request: Request) -> QuerySet[M]:  # noqa: ARG002 - for nouns that have filters
        return self.rows

    def list(self, request: Request) -> HttpResponse:
        """{result, next_page_token}: newest first, strictly older than page_token."""
        query = request.query_params
        page = page_of(
            self.filtered(request),
            columns=self.columns,
            size=page_size(query.get("page_size", "")),
            token=query.get("page_token", ""),
        )
        return json_reply(listed(page, self.written(page.rows)))

    def retrieve(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the router's signature
        """The one of this id."""
        return self.shown(id_of(pk))

    def shown(self, key: UUID) -> HttpResponse:
        """The row of this id as it is now."""
        row = self.rows.filter(**{self.lookup: key}).values(*self.columns).first()
        if row is None:
            raise NotThere
        return json_reply(self.written([row])[0])

    def found(self, pk: str) -> M:
        """The row of an id in the address, to be acted on."""
        row = self.rows.filter(**{self.lookup: id_of(pk)}).first()
        if row is None:
            raise NotThere
        return row

    def owner(self, fields: Fields) -> dict[str, Any]:
        """owner_type and owner_id of the body: an agent of the workspace, or nobody. Nothing where neither is given."""
        if "owner_id" not in fields and "owner_type" not in fields:
            return {}
        kind, owner_id = fields.choice("owner_type", ("", "agent"), default=""), fields.uuid("owner_id")
        if owner_id is None:
            if kind:
                raise FieldInvalid(fields.at("owner_id"), "must be the agent's id")
            return {"owner_type": "", "owner_id": None}
        if not Member.objects.of(self.workspace).filter(pk=owner_id, role=Role.AGENT).exists():
            raise NotThere
        return {"owner_type": "agent", "owner_id": owner_id}


def page_size(text: str) -> int:
    """1 to 100; whatever else is written means 100."""
    size = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else 0
    return size if 1 <= size <= PAGE_SIZE else PAGE_SIZE

"""/v1.0/flows and /v1.0/activeflows."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from calls import lifecycle
from calls.models import Activeflow, Call, Conference, Flow
from calls.states import CallState
from recordings.api.kit.base import json_reply
from recordings.api.kit.bodies import fields_of
from recordings.api.kit.problems import NotThere
from recordings.api.resources.dialect import id_of
from recordings.api.resources.views.listing import ListingViewSet
from recordings.api.resources.wire import flows as wire
from recordings.errors import FlowUnknown, ReferenceNotLive
from workspaces.clock import NEVER, now
from workspaces.errors import FieldMissing
from workspaces.fields import Fields
from workspaces.scopes import Scope

REFERENCE_TYPES = ("call", "conference", "confbridge")


class FlowViewSet(ListingViewSet[Flow]):
    scope = Scope.FLOWS_READ
    scopes = {"create": Scope.FLOWS_WRITE, "update": Scope.FLOWS_WRITE, "destroy": Scope.FLOWS_WRITE}
    columns = wire.FLOW_FIELDS

    @property
    def rows(self) -> QuerySet[Flow]:
        return Flow.objects.of(self.workspace).filter(tm_delete=NEVER)

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [wire.flow(row) for row in rows]

    def create(self, request: Request) -> HttpResponse:
        """Save a flow, whose actions must all be known."""
        values = self._values(fields_of(request.body))
        return self.shown(Flow.objects.create(workspace=self.workspace, **values).id)

    def update(self, request: Request, pk: str) -> HttpResponse:
        """Set what the body gives. Runs go on with the actions that they began with."""
        values, key = self._values(fields_of(request.body)), id_of(pk)
        if not self.rows.filter(pk=key).update(**values, tm_update=now()):
            raise NotThere
        return self.shown(key)

    def destroy(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the router's signature
        """Hide it, and show it once more with its tm_delete; it is not run any more."""
        key, moment = id_of(pk), now()
        if not self.rows.filter(pk=key).update(tm_delete=moment, tm_update=moment):
            raise NotThere
        row = Flow.objects.values(*self.columns).get(pk=key)
        return json_reply(wire.flow(row))

    def _values(self, fields: Fields) -> dict[str, Any]:
        values = wire.flow_values(fields)
        if "on_complete_flow_id" in fields:
            flow_id = fields.uuid("on_complete_flow_id")
            if flow_id is not None and lifecycle.known_flow(self.workspace, flow_id) is None:
                raise FlowUnknown("No such flow", flow_id=str(flow_id))
            values["on_complete_flow_id"] = flow_id
        return values


class ActiveflowViewSet(ListingViewSet[Activeflow]):
    scope = Scope.FLOWS_READ
    scopes = {"create": Scope.FLOWS_WRITE}
    columns = wire.ACTIVEFLOW_FIELDS

    @property
    def rows(self) -> QuerySet[Activeflow]:
        return Activeflow.objects.of(self.workspace).filter(tm_delete=NEVER)

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [wire.activeflow(row) for row in rows]

    def create(self, request: Request) -> HttpResponse:
        """Run a flow on a call or a conference that is in progress."""
        fields = fields_of(request.body)
        flow = lifecycle.known_flow(self.workspace, fields.uuid("flow_id", needed=True))
        kind = fields.choice("reference_type", REFERENCE_TYPES, default="")
        if not kind:
            raise FieldMissing(fields.at("reference_type"))
        reference_id = fields.uuid("reference_id", needed=True)
        if flow is None or reference_id is None:
            raise NotThere
        self._check_live(kind, reference_id)
        named = "call" if kind == "call" else "conference"
        return self.shown(lifecycle.begin_flow(flow, reference_type=named, reference_id=reference_id).id)

    def _check_live(self, kind: str, reference_id: UUID) -> None:
        rows: QuerySet[Call] | QuerySet[Conference] = (
            Call.objects.of(self.workspace).filter(uuid=reference_id)
            if kind == "call"
            else Conference.objects.of(self.workspace).filter(pk=reference_id)
        )
        found = rows.filter(tm_delete=NEVER).first()
        if found is None:
            raise NotThere
        if found.status != CallState.PROGRESSING:
            raise ReferenceNotLive(f"The {kind} is {found.status}", status=found.status)

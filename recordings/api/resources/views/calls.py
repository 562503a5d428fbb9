"""/v1.0/calls and /v1.0/conferences: registering them, moving their state, and recording them."""

from collections import defaultdict
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.decorators import action
from rest_framework.request import Request

from calls import lifecycle
from calls.models import Activeflow, Call, Chat, Conference
from calls.states import CallState, ConferenceState
from recordings import control, terms
from recordings.api.kit.base import json_reply
from recordings.api.kit.bodies import fields_of
from recordings.api.kit.problems import NotThere
from recordings.api.resources.views.listing import ListingViewSet
from recordings.api.resources.wire import calls as wire
from recordings.api.resources.wire.recordings import recording, row_of
from recordings.models import Recording
from recordings.states import ACTIVE, RecordingType
from workspaces.clock import NEVER, now
from workspaces.fields import Fields
from workspaces.scopes import Scope

R = TypeVar("R", Call, Conference)


class ReferenceViewSet(ListingViewSet[R]):
    """What calls and conferences have in common: they can be recorded."""

    abstract = True
    scope = Scope.CALLS_READ
    scopes = {
        "create": Scope.CALLS_WRITE,
        "update": Scope.CALLS_WRITE,
        "recording_start": Scope.RECORDINGS_WRITE,
        "recording_stop": Scope.RECORDINGS_WRITE,
    }
    id_name: ClassVar[str]

    @action(detail=True, methods=["post"])
    def recording_start(self, request: Request, pk: str) -> HttpResponse:
        """Record it, on the terms of the body; the reply is the recording."""
        reference = self.found(pk)
        asked = terms.read(fields_of(request.body), conference=isinstance(reference, Conference))
        started = control.start(reference, asked, workspace=self.workspace, actor=self.actor)
        return self._recorded(started.id)

    @action(detail=True, methods=["post"])
    def recording_stop(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the router's signature
        """Stop the recording that is active; the reply is the recording."""
        return self._recorded(control.stop_active(self.found(pk), actor=self.actor))

    def _recorded(self, recording_id: UUID) -> HttpResponse:
        """The recording, and what clients of the vendor's later pages read from the call."""
        found = Recording.objects.get(pk=recording_id)
        of_it = self.kept.filter(reference_id=found.reference_id).order_by("tm_create", "id")
        ids = list(of_it.values_list("id", flat=True))
        beside = {"recording_id": found.id, "recording_ids": ids, self.id_name: found.reference_id}
        return json_reply(recording(row_of(found)) | beside)

    def beside(self, keys: list[UUID]) -> wire.Beside:
        """What stands beside these rows, in three queries whatever their number."""
        recordings: dict[UUID, list[UUID]] = defaultdict(list)
        active: dict[UUID, UUID] = {}
        rows = self.recordings.filter(reference_id__in=keys).order_by("tm_create", "id")
        for key, found, status, kind in rows.values_list("reference_id", "id", "status", "recording_type"):
            recordings[key].append(found)
            if status in ACTIVE and kind == RecordingType.FULL_CALL:
                active[key] = found
        chats: dict[UUID, list[int]] = defaultdict(list)
        of_them = Chat.objects.of(self.workspace).filter(reference_id__in=keys).order_by("id")
        for reference_id, chat in of_them.values_list("reference_id", "id"):
            if reference_id is not None:
                chats[reference_id].append(chat)
        runs = Activeflow.objects.of(self.workspace).filter(reference_id__in=keys).order_by("tm_create")
        begun = dict(runs.values_list("reference_id", "id"))
        return wire.Beside(recordings=recordings, active=active, chats=chats, runs=begun)

    def flow(self, fields: Fields, name: str) -> dict[str, UUID | None]:
        """A flow that the body names: it must be one of the workspace's. Nothing where it is not given."""
        if name not in fields:
            return {}
        flow_id = fields.uuid(name)
        if flow_id is not None and lifecycle.known_flow(self.workspace, flow_id) is None:
            raise NotThere
        return {name: flow_id}


class CallViewSet(ReferenceViewSet[Call]):
    columns = wire.CALL_FIELDS
    lookup = "uuid"
    id_name = "call_id"

    @property
    def rows(self) -> QuerySet[Call]:
        return Call.objects.of(self.workspace).filter(tm_delete=NEVER).select_related("workspace")

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        beside = self.beside([row["uuid"] for row in rows])
        return [wire.call(row, beside) for row in rows]

    def create(self, request: Request) -> HttpResponse:
        """Register a call that runs elsewhere."""
        fields = fields_of(request.body)
        values = wire.call_values(fields) | self.owner(fields) | self.flow(fields, "flow_id")
        status = wire.call_state(fields, default=CallState.PROGRESSING)
        return self.shown(lifecycle.register_call(self.workspace, status=status, **values).uuid)

    def update(self, request: Request, pk: str) -> HttpResponse:
        """Set what the body gives, and move the state; the state that it has already is no move."""
        fields, call = fields_of(request.body), self.found(pk)
        values = wire.call_values(fields) | self.owner(fields) | self.flow(fields, "flow_id")
        status = wire.call_state(fields, default=call.status)
        reason, by = fields.text("hangup_reason"), fields.text("hangup_by")
        with transaction.atomic():
            if values:
                Call.objects.filter(pk=call.pk).update(**values, tm_update=now())
            if status != call.status:
                lifecycle.move(call, to=status, actor=self.actor, reason=reason, by=by)
        return self.shown(call.uuid)


class ConferenceViewSet(ReferenceViewSet[Conference]):
    columns = wire.CONFERENCE_FIELDS
    id_name = "conference_id"

    @property
    def rows(self) -> QuerySet[Conference]:
        return Conference.objects.of(self.workspace).filter(tm_delete=NEVER).select_related("workspace")

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        beside = self.beside([row["id"] for row in rows])
        return [wire.conference(row, beside) for row in rows]

    def create(self, request: Request) -> HttpResponse:
        """Register a conference that runs elsewhere."""
        fields = fields_of(request.body)
        status = wire.conference_state(fields, default=ConferenceState.PROGRESSING)
        values = self._values(fields)
        return self.shown(lifecycle.register_conference(self.workspace, status=status, **values).id)

    def update(self, request: Request, pk: str) -> HttpResponse:
        """Set what the body gives, and move the state; the state that it has already is no move."""
        fields, conference = fields_of(request.body), self.found(pk)
        values = self._values(fields)
        status = wire.conference_state(fields, default=conference.status)
        with transaction.atomic():
            if values:
                Conference.objects.filter(pk=conference.pk).update(**values, tm_update=now())
            if status != conference.status:
                lifecycle.move_conference(conference, to=status, actor=self.actor)
        return self.shown(conference.id)

    def _values(self, fields: Fields) -> dict[str, Any]:
        followed = self.flow(fields, "pre_flow_id") | self.flow(fields, "post_flow_id")
        return wire.conference_values(fields) | self.owner(fields) | followed

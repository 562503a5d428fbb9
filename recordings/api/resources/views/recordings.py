"""/v1.0/recordings and /v1.0/recordingfiles."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from recordings import lifecycle, playback, ranges
from recordings.api.kit.base import json_reply
from recordings.api.kit.problems import NotThere
from recordings.api.resources.dialect import ResourcesViewSet, id_of
from recordings.api.resources.views.filters import filtered
from recordings.api.resources.views.listing import ListingViewSet
from recordings.api.resources.wire import recordings as wire
from recordings.models import Recording
from recordings.states import State
from workspaces.scopes import Scope


class RecordingViewSet(ListingViewSet[Recording]):
    scope = Scope.RECORDINGS_READ
    scopes = {"destroy": Scope.RECORDINGS_WRITE}
    columns = wire.FIELDS

    @property
    def rows(self) -> QuerySet[Recording]:
        return self.recordings

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [wire.recording(row) for row in rows]

    def filtered(self, request: Request) -> QuerySet[Recording]:
        return filtered(self.rows, request.query_params)

    def destroy(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the router's signature
        """Hide it, and show it once more with its tm_delete; one that still runs is stopped."""
        recording = self.recordings.select_related("workspace").filter(pk=id_of(pk)).first()
        if recording is None or not lifecycle.delete(recording, actor=self.actor):
            raise NotThere
        recording.refresh_from_db()
        return json_reply(wire.recording(wire.row_of(recording)))


class RecordingFileViewSet(ResourcesViewSet):
    """The audio, under the id of its recording."""

    scope = Scope.RECORDINGS_READ

    def retrieve(self, request: Request, pk: str) -> HttpResponseBase:
        """The whole WAV or a range of it, once the recording has ended; before that there is none."""
        ended = self.recordings.select_related("workspace").filter(pk=id_of(pk), status=State.ENDED)
        recording = ended.first()
        if recording is None:
            raise NotThere
        return ranges.answer(
            playback.open_audio(recording),
            method=request.method or "",
            headers=request.headers,
            before_body=lambda: playback.record_access("listen", recording, self.actor),
        )

"""The addresses of `flat`: lists, audio, metadata, and the soft delete."""

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.decorators import action
from rest_framework.request import Request

from recordings import lifecycle, playback, ranges
from recordings.api.flat import wire
from recordings.api.flat.dialect import FlatViewSet
from recordings.api.kit.base import json_reply
from recordings.api.kit.params import uuid_of, whole_number
from recordings.api.kit.problems import NotThere
from recordings.models import Recording
from workspaces.scopes import Scope

NEWEST_FIRST = ("-tm_create", "-id")
LIMIT_DEFAULT = 20
LIMIT_MAX = 1000
FAR = 1000
"""From this offset on, passing over the rows costs more than gathering all private chats does."""


class RecordingViewSet(FlatViewSet):
    """/api/recordings and what is below it."""

    scope = Scope.RECORDINGS_READ
    scopes = {"destroy": Scope.RECORDINGS_WRITE}

    def list(self, request: Request) -> HttpResponse:
        """`limit` recordings from `offset` on, newest first. The page is found on the index before a row is read."""
        query = request.query_params
        limit = whole_number(query.get("limit"), name="limit", default=LIMIT_DEFAULT, minimum=1, maximum=LIMIT_MAX)
        offset = whole_number(query.get("offset"), name="offset", default=0, minimum=0)
        rows = self.recordings if offset < FAR else self.recordings_far
        page = rows.order_by(*NEWEST_FIRST).values("id")[offset : offset + limit]
        return _listed(Recording.objects.filter(id__in=page))

    @action(detail=False, url_path="call/<str:call_id>")
    def call(self, request: Request, call_id: str) -> HttpResponse:  # noqa: ARG002 - the router's signature
        """All recordings of one call or conference; of an unknown one there are none."""
        return _listed(self.recordings.filter(reference_id=uuid_of(call_id, name="callId")))

    def retrieve(self, request: Request, pk: str) -> HttpResponseBase:
        """The WAV, to be played."""
        return self._audio(request, pk, verb="listen")

    @action(detail=True)
    def stream(self, request: Request, pk: str) -> HttpResponseBase:
        """The same."""
        return self._audio(request, pk, verb="listen")

    @action(detail=True)
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        """The WAV, to be kept."""
        return self._audio(request, pk, verb="download")

    @action(detail=True)
    def metadata(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the router's signature
        """The recording and what is known of its file."""
        return json_reply(wire.recording_with_file(playback.open_audio(self._recording(pk))))

    def destroy(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the router's signature
        """Hide it; one that still runs is stopped."""
        if not lifecycle.delete(self._recording(pk), actor=self.actor):
            raise NotThere  # somebody was faster
        return json_reply({"message": "Recording deleted"})

    def _recording(self, pk: str) -> Recording:
        found = self.recordings.select_related("workspace").filter(pk=uuid_of(pk, name="id")).first()
        if found is None:
            raise NotThere
        return found

    def _audio(self, request: Request, pk: str, *, verb: str) -> HttpResponseBase:
        recording = self._recording(pk)
        return ranges.answer(
            playback.open_audio(recording),
            method=request.method or "",
            headers=request.headers,
            before_body=lambda: playback.record_access(verb, recording, self.actor),
            attachment=verb == "download",
        )


def _listed(recordings: QuerySet[Recording]) -> HttpResponse:
    return json_reply([wire.recording(row) for row in recordings.order_by(*NEWEST_FIRST).values(*wire.FIELDS)])

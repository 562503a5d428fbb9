"""The one address of `downloads`: the MP3 of a call's recording."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from calls.models import Call, Conference
from recordings import encoding, playback, ranges
from recordings.api.downloads.dialect import DownloadsViewSet
from recordings.api.downloads.wire import FILE_NAME, number_of
from recordings.api.kit.problems import NotThere
from recordings.audio.mp3 import CONTENT_TYPE
from recordings.models import Recording
from recordings.states import RUNNING, RecordingType, State
from workspaces.scopes import Scope

ABOUT_THE_FILE = ("Range", "If-Range", "If-Match", "If-None-Match")
"""Headers that can be answered only where the file exists: its length and its validator."""


class RecordingViewSet(DownloadsViewSet):
    """GET and HEAD /v1/call/recording/{id}.mp3."""

    scope = Scope.RECORDINGS_READ

    def retrieve(self, request: Request, call_id: str) -> HttpResponseBase:
        """The MP3 itself, never a redirect: the first time as it is encoded (without a length), then from storage."""
        recording = self._recording(number_of(call_id))
        file = encoding.stored(recording)
        if file is None and any(name in request.headers for name in ABOUT_THE_FILE):
            file = encoding.made(recording)
        if file is None:
            return self._streamed(recording, method=request.method or "")
        return ranges.answer(
            playback.Stored(file),
            method=request.method or "",
            headers=request.headers,
            before_body=lambda: self._downloaded(recording),
            filename=FILE_NAME,
            attachment=True,
        )

    def _recording(self, number: int) -> Recording:
        """What the number means to this workspace; in another's every number is as absent as one that nobody has."""
        reference = self._reference(number)
        if reference is None:
            raise NotThere
        mine = self.recordings.select_related("workspace").filter(reference_id=reference)
        full_calls = mine.filter(recording_type=RecordingType.FULL_CALL)
        found = _newest(full_calls)
        if found is None and not full_calls.filter(status__in=RUNNING).exists():
            found = _newest(mine.filter(recording_type=RecordingType.SEGMENT))
        if found is None:
            raise NotThere
        return found

    def _reference(self, number: int) -> UUID | None:
        """The call or conference of this number, which is one sequence for both."""
        call = Call.objects.of(self.workspace).filter(pk=number).values_list("uuid", flat=True).first()
        conferences = Conference.objects.of(self.workspace).filter(number=number)
        return call or conferences.values_list("id", flat=True).first()

    def _downloaded(self, recording: Recording) -> None:
        playback.record_access("download", recording, self.actor, {"format": "mp3"})

    def _streamed(self, recording: Recording, *, method: str) -> HttpResponseBase:
        if method == "HEAD":
            response = StreamingHttpResponse(iter(()), content_type=CONTENT_TYPE)  # the other kind says it is empty
        else:
            blocks = encoding.streamed(recording)
            first = next(blocks)  # a store or an encoder that fails is a reply of its own, not half of this one
            self._downloaded(recording)
            response = StreamingHttpResponse(_resumed(first, blocks), content_type=CONTENT_TYPE)
            response.headers["X-Accel-Buffering"] = "no"  # a proxy that waits for more would hold the first bytes back
        ranges.set_audio_headers(response)
        response.headers["Accept-Ranges"] = "bytes"
        response.headers["Content-Disposition"] = ranges.disposition_of(FILE_NAME, attachment=True)
        return response


def _resumed(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Both in turn; when a reader gives up, `blocks` is told."""
    yield first
    yield from blocks


def _newest(recordings: QuerySet[Recording]) -> Recording | None:
    """The newest that has ended with something to hear."""
    return recordings.filter(frames__gt=0, status=State.ENDED).order_by("-tm_create", "-id").first()

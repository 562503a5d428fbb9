"""The addresses of `sessions`: its commands, and the session's newest recording."""

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from calls import commands
from calls.models import Session
from recordings import playback, ranges
from recordings.api.kit.base import json_reply
from recordings.api.kit.following import Follower
from recordings.api.kit.problems import NotThere, RequestInvalid, ServiceMissing
from recordings.api.sessions import wire
from recordings.api.sessions.dialect import SessionsViewSet
from recordings.models import Recording
from recordings.playback import Audio
from recordings.states import RecordingType, ReferenceType
from workspaces.clock import now
from workspaces.models import ApiKey
from workspaces.scopes import Scope


class CommandViewSet(SessionsViewSet):
    """POST /api/v1/sessions/{session}/commands/{command}."""

    scope = Scope.RECORDINGS_WRITE

    def create(self, request: Request, session_id: str, command: str) -> HttpResponse:
        """Take a command: 202, and the same 202 again for the same uid. What came of it is told by webhook."""
        if command not in commands.COMMANDS:
            raise RequestInvalid("Invalid command")
        uid = wire.command_uid(request.body)
        session = self.session(session_id)
        if command == commands.RECORD_START and not settings.WAVSTREAM_URL:
            raise ServiceMissing("WAVSTREAM_URL not configured")
        stored = commands.dispatch(session.pk, command, uid=uid, actor=self.actor, response=wire.accepted(uid))
        return json_reply(wire.answer(stored), status=202)


class RecordingFileViewSet(SessionsViewSet):
    """GET /api/v1/sessions/{session}/recording/file.wav."""

    scope = Scope.RECORDINGS_READ

    def retrieve(self, request: Request, session_id: str) -> HttpResponseBase:
        """The newest recording's WAV. One that runs is followed to its end, unless a Range asks for a snapshot."""
        recording = self._newest(self.session(session_id))
        audio = playback.open_audio(recording)
        if not audio.complete and not ranges.parse(request.headers.get("Range")):
            return self._followed(audio, method=request.method or "")
        return ranges.answer(
            audio, method=request.method or "", headers=request.headers, before_body=lambda: self._listened(recording)
        )

    def _newest(self, session: Session) -> Recording:
        kept = self.kept.filter(  # the session's own app hears its calls, whatever chats there are
            Q(url_expires_at=None) | Q(url_expires_at__gt=now()),
            reference_type=ReferenceType.CALL,
            reference_id=session.call.uuid,
            recording_type=RecordingType.FULL_CALL,
        )
        found = kept.select_related("workspace").order_by("-tm_create", "-id").first()
        if found is None:
            raise NotThere
        return found

    def _listened(self, recording: Recording) -> None:
        playback.record_access("listen", recording, self.actor)

    def _followed(self, audio: Audio, *, method: str) -> HttpResponseBase:
        if method == "HEAD":
            response = StreamingHttpResponse(iter(()), content_type=ranges.CONTENT_TYPE)
        else:
            key = self.key
            follower = Follower(audio, allowed=lambda: _counts(key))
            try:
                self._listened(audio.recording)
                response = StreamingHttpResponse(follower, content_type=ranges.CONTENT_TYPE)
            except BaseException:
                follower.close()
                raise
        ranges.set_audio_headers(response)
        response.headers["Accept-Ranges"] = "bytes"
        response.headers["X-Accel-Buffering"] = "no"  # a proxy that waits for more would hold the live audio back
        response.headers["Content-Disposition"] = ranges.disposition_of(playback.WAV_FILE_NAME, attachment=False)
        return response


def _counts(key: ApiKey) -> bool:
    """The key still opens something: it was neither revoked nor has it expired since."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now())
    return ApiKey.objects.filter(unexpired, pk=key.pk, revoked_at=None).exists()

"""Addresses that need no key, since their token is one: recording_url and minted links.

A token that is wrong, expired, or of a deleted recording gets a bare 404: no body, no hint which of these it is.
"""

import logging
from collections.abc import Callable
from hashlib import sha256

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt

from recordings import playback, ranges
from recordings.errors import StorageError
from recordings.models import Recording
from recordings.ranges import PreconditionFailed, RangeUnsatisfiable, Served
from workspaces.audit import Actor

logger = logging.getLogger(__name__)


def recording_url(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET /r/{token}.wav: what `recording.completed` names, until its retention ends."""
    return _recording(request, playback.recording_of_url(token), actor=_holder(token, name="recording_url"))


def link(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET /links/{token}.wav: a link that somebody with a key has minted."""
    actor = _holder(token, name="link")
    opened = playback.file_of_link(token)
    if opened is None:
        return _recording(request, playback.recording_of_link(token), actor=actor)
    audio = playback.Stored(opened.file)
    return _served(request, audio, opened.recordings, actor=actor, filename=opened.name, attachment=True)


def nothing(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - there is nothing, whoever asks
    """Every other address below /r and /links."""
    return _bare(404, {})


def _holder(token: str, *, name: str) -> Actor:
    """Whoever holds the token: known by a piece of its hash, which opens nothing."""
    return Actor("link", id=sha256(token.encode()).hexdigest()[:16], name=name)


def _recording(request: HttpRequest, recording: Recording | None, *, actor: Actor) -> HttpResponseBase:
    if recording is None:
        return _bare(404, {})
    return _served(request, playback.open_audio(recording), [recording], actor=actor)


def _served(
    request: HttpRequest,
    audio: Served,
    recordings: list[Recording],
    *,
    actor: Actor,
    filename: str = playback.WAV_FILE_NAME,
    attachment: bool = False,
) -> HttpResponseBase:
    """The audio, in which `recordings` are heard."""
    if request.method not in {"GET", "HEAD"}:
        return _bare(405, {"Allow": "GET, HEAD"})

    def note() -> None:
        for recording in recordings:
            playback.record_access("listen", recording, actor)

    try:
        return ranges.answer(
            audio,
            method=request.method,
            headers=request.headers,
            before_body=note,
            filename=filename,
            attachment=attachment,
        )
    except RangeUnsatisfiable as error:
        return _bare(416, {"Content-Range": f"bytes */{error.size}"})
    except PreconditionFailed:
        return _bare(412, {})
    except StorageError:
        logger.exception("the audio of recording %s cannot be read", ", ".join(str(each.pk) for each in recordings))
        return _bare(503, {"Retry-After": "5"})


def _bare(status: int, headers: dict[str, str]) -> HttpResponse:
    """A reply without a body, so without the type that Django would put on it."""
    response = HttpResponse(status=status, headers={"Cache-Control": ranges.CACHE_CONTROL} | headers)
    del response.headers["Content-Type"]
    # Django logs the path of every refusal, and this path is a key.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own mark, read by log_response
    return response


def _route(address: str, view: Callable[[HttpRequest, str], HttpResponseBase]) -> URLPattern:
    return path(address, csrf_exempt(view), name=view.__name__)


urlpatterns = [
    _route("r/<str:token>.wav", recording_url),
    _route("links/<str:token>.wav", link),
    re_path(r"^(?:r|links)/", csrf_exempt(nothing), name="nothing"),
]

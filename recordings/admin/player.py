"""The sound of a recording, for the player on its page: by range, to whom may hear it, on record."""

from functools import partial
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from recordings import playback, ranges
from recordings.admin.badges import NO_AUDIO, looks
from recordings.errors import StorageError
from recordings.models import Recording
from recordings.states import PLAYABLE
from workspaces.admin.base import actor_of, rights_of
from workspaces.clock import NEVER
from workspaces.models import Member
from workspaces.rights import Right

STORAGE_SILENT = "The sound could not be loaded: storage does not answer."


def playable(recording: Recording) -> bool:
    """Whether there is anything to hear, for whoever may."""
    return recording.status in PLAYABLE and recording.tm_delete == NEVER and NO_AUDIO not in looks(recording)


def may_hear(request: HttpRequest, right: Right, recording: Recording) -> bool:
    """Whether the viewer may take the sound in this way: a private chat's is for those who take part in it, and for
    whom the right to all of them was given."""
    rights = rights_of(request)
    if not rights.may(right, recording.workspace):
        return False
    if rights.may(Right.LISTEN_PRIVATE, recording.workspace):
        return True
    member = Member.objects.of(recording.workspace).filter(user__username=request.user.get_username()).first()
    return playback.hearable(Recording.objects.of(recording.workspace), member).filter(pk=recording.pk).exists()


def audio(request: HttpRequest, object_id: UUID) -> HttpResponseBase:
    """GET or HEAD …/audio.wav; `?download=1` for a file. 404 for what the viewer may not hear, as for what is not.

    A reader whose range lies outside gets 416, one with another version 412, and 503 where storage fails.
    """
    download = request.GET.get("download") == "1"
    right = Right.DOWNLOAD if download else Right.LISTEN
    recording = Recording.objects.select_related("workspace").filter(pk=object_id).first()
    if recording is None or not may_hear(request, right, recording) or not playable(recording):
        raise Http404
    leave_entry = partial(playback.record_access, "download" if download else "listen", recording, actor_of(request))
    try:
        return ranges.answer(
            playback.open_audio(recording),
            method=request.method or "GET",
            headers=request.headers,
            before_body=leave_entry,
            filename=f"recording-{recording.pk}.wav",
            attachment=download,
        )
    except ranges.RangeUnsatisfiable as error:
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{error.size}"})
    except ranges.PreconditionFailed:
        response = HttpResponse(status=412)
    except StorageError:
        response = HttpResponse(STORAGE_SILENT, status=503, content_type="text/plain; charset=utf-8")
    ranges.set_audio_headers(response)
    return response

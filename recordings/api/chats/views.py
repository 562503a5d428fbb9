"""The two addresses of `chats`: a call's audio, and a link to it."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from calls.models import Chat
from recordings import joining, playback, ranges
from recordings.api.chats import wire
from recordings.api.chats.dialect import ChatsViewSet
from recordings.api.kit.base import json_reply
from recordings.api.kit.problems import NotThere
from recordings.audio.pcm import RATE
from recordings.errors import ChatPrivate
from recordings.joining import Joined
from recordings.states import RUNNING
from workspaces.clock import now
from workspaces.scopes import Scope


class CallRecordingViewSet(ChatsViewSet):
    """/api/v2/w/{workspace_uuid}/recordings/chat/{chat_id}/…"""

    scope = Scope.CHATS_READ

    def audio(self, request: Request, workspace_uuid: str, chat_id: str) -> HttpResponseBase:
        """The whole call as one WAV: from storage where it was put together already, else rendered as it is read."""
        chat = self._chat(workspace_uuid, wire.chat_of(chat_id))
        joined = self._joined(chat)
        file = joining.stored(joined)

        def note() -> None:
            for recording in joined.recordings:
                playback.record_access("listen", recording, self.actor, {"chat": chat.pk})

        return ranges.answer(
            playback.Stored(file) if file else joined,
            method=request.method or "",
            headers=request.headers,
            before_body=note,
            filename=wire.file_name(chat.pk),
        )

    def download_url(self, request: Request, workspace_uuid: str, chat_id: str) -> HttpResponse:
        """A link to the stored WAV, which is put together for whoever asks first."""
        seconds = wire.seconds_of(request.query_params.get("expires_in"))
        chat = self._chat(workspace_uuid, wire.chat_of(chat_id))
        joined = self._joined(chat)
        file, name = joining.made(joined), wire.file_name(chat.pk)
        moment = now()
        minted = playback.mint_file_link(
            file, joined.recordings, seconds=seconds, name=name, actor=self.actor, data={"chat": chat.pk}
        )
        if minted is None:
            raise NotThere
        url, life = minted
        until = moment + timedelta(seconds=life)
        return json_reply(wire.download_url(file, url=url, name=name, seconds=life, until=until))

    def _chat(self, workspace_uuid: str, chat_id: int) -> Chat:
        """The chat, if the caller may hear what was said in it: not, where it or another of its call is private."""
        if wire.workspace_of(workspace_uuid) != self.workspace.pk:
            raise NotThere
        chat = Chat.objects.of(self.workspace).filter(pk=chat_id).first()
        if chat is None:
            raise NotThere
        same = Q(pk=chat.pk) | Q(reference_id=chat.reference_id) if chat.reference_id else Q(pk=chat.pk)
        if playback.closed_chats(self.caller.member).filter(same).exists():
            raise ChatPrivate
        return chat

    def _joined(self, chat: Chat) -> Joined:
        """What was recorded of the chat's call or conference, once nothing of it is being recorded any more."""
        if chat.reference_id is None or not self.workspace.recording_enabled:
            raise NotThere
        found = list(self.recordings.select_related("workspace").filter(reference_id=chat.reference_id))
        joined = None if any(each.status in RUNNING for each in found) else joining.join(found)
        if joined is None or joined.frames < settings.CHAT_MIN_SECONDS * RATE:
            raise NotThere
        return joined

"""The sound behind the player: ranges, who may, what is on record."""

import pytest
from django.urls import reverse

from calls.models import Call, Chat
from recordings import lifecycle, storage
from recordings.audio.wav import HEADER_BYTES
from recordings.errors import StorageError
from tests import builders
from workspaces.audit import Actor
from workspaces.models import AuditEntry, Role

pytestmark = pytest.mark.django_db
SIZE = HEADER_BYTES + 2 * 16_000


def body(reply):
    return b"".join(reply.streaming_content)


def entries(recording):
    return list(AuditEntry.objects.filter(subject_id=str(recording.pk)).order_by("id").values_list("verb", flat=True))


def test_the_whole_and_any_part(desk, recording):
    whole = desk.audio(recording)
    assert (whole.status_code, whole.headers["Content-Type"]) == (200, "audio/wav")
    assert "no-store" in whole.headers["Cache-Control"]
    data = body(whole)
    assert len(data) == SIZE
    part = desk.audio(recording, range="bytes=1000-1999")
    assert (part.status_code, part.headers["Content-Range"]) == (206, f"bytes 1000-1999/{SIZE}")
    assert body(part) == data[1000:2000]
    beyond = desk.audio(recording, range="bytes=99999999-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


def test_a_running_one_can_be_heard(desk, call):
    recording, _ = builders.running_recording(call, builders.tone(8_000))
    part = desk.audio(recording, range="bytes=0-")
    assert (part.status_code, part.headers["Content-Range"]) == (206, "bytes 0-16043/*")


def test_listening_is_on_record_once_in_a_while_and_a_download_each_time(desk, recording):
    for _ in range(3):
        body(desk.audio(recording, range="bytes=0-99"))
    assert entries(recording) == ["listen"]
    for _ in range(2):
        reply = desk.audio(recording, "?download=1")
        assert reply.headers["Content-Disposition"] == f'attachment; filename="recording-{recording.pk}.wav"'
        body(reply)
    assert entries(recording) == ["listen", "download", "download"]
    assert AuditEntry.objects.filter(verb="listen").get().actor_name == "sam"


@pytest.mark.parametrize("role", Role)
def test_who_may_listen_and_who_may_take_it_along(desk, recording, role):
    person = desk.of(role)
    listens = role != Role.AUDITOR
    takes = role in {Role.OWNER, Role.ADMINISTRATOR, Role.SUPERVISOR}
    assert person.audio(recording).status_code == (200 if listens else 404)
    assert person.audio(recording, "?download=1").status_code == (200 if takes else 404)
    assert entries(recording) == ["listen"] * listens + ["download"] * takes


def test_a_stranger_hears_what_nobody_has(stranger_desk, root_desk, client, recording):
    assert stranger_desk.audio(recording).status_code == 404
    assert root_desk.audio(recording).status_code == 200
    assert client.get(root_desk.url("recordings_recording_audio", recording)).status_code == 302  # to sign in
    assert client.post(root_desk.url("recordings_recording_audio", recording)).status_code in {302, 403}


def test_deleted_and_silent_ones_are_not_there(desk, cast, recording):
    lifecycle.delete(recording, actor=Actor.named("test"))
    silent = builders.ended_recording(builders.make_call(cast.workspace))
    asked = builders.start(builders.make_call(cast.workspace))
    assert [desk.audio(row).status_code for row in (recording, silent, asked)] == [404, 404, 404]
    assert entries(recording) == ["delete"]


def test_a_store_that_fails_is_said_and_not_on_record(desk, recording, monkeypatch):
    def refuse(key, offset, length):
        raise StorageError("the disk is gone")

    monkeypatch.setattr(storage, "read", refuse)
    reply = desk.audio(recording)
    assert reply.status_code == 503
    assert "storage does not answer" in reply.content.decode()
    assert entries(recording) == []


def test_conditions(desk, recording):
    etag = desk.audio(recording).headers["ETag"]
    assert desk.audio(recording, **{"if-none-match": etag}).status_code == 304
    assert desk.audio(recording, **{"if-match": '"another"'}).status_code == 412


def test_a_private_chats_sound_is_for_its_participants_and_those_with_the_right(client, cast, recording):
    call = Call.objects.get(uuid=recording.reference_id)
    chat = Chat.objects.create(workspace=cast.workspace, call=call, visibility="manager_owned")
    page = reverse("admin:recordings_recording_change", args=[recording.pk])
    audio = reverse("admin:recordings_recording_audio", args=[recording.pk])
    link = reverse("admin:recordings_recording_link", args=[recording.pk])

    def seen(user):
        client.force_login(user)
        shown = client.get(page)
        assert shown.status_code == 200
        linked = client.post(link, headers={"Accept": "application/json"}).status_code == 200
        statuses = [client.get(address).status_code for address in (audio, f"{audio}?download=1")]
        assert (audio in shown.content.decode()) == (statuses == [200, 200]) == linked
        return statuses

    assert seen(cast.staff) == [404, 404]
    assert seen(cast.person("ada", role=Role.ADMINISTRATOR)[0]) == [200, 200]
    assert seen(cast.superuser) == [200, 200]
    chat.participants.add(cast.staff_member)
    assert seen(cast.staff) == [200, 200]

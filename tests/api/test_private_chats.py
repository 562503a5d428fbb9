"""A private chat closes its call's recordings on every surface to whoever takes no part in it."""

import pytest

from calls.lifecycle import register_conference
from calls.models import Chat, Conference
from tests import builders
from workspaces.models import AuditEntry, Role

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

AUDIO = builders.tone(16_000)


@pytest.fixture(params=["call", "conference"])
def reference(request, cast):
    return builders.make_call(cast.workspace) if request.param == "call" else register_conference(cast.workspace)


@pytest.fixture
def recording(reference):
    return builders.ended_recording(reference, AUDIO)


@pytest.fixture(params=["direct", "manager_owned"])
def chat(request, cast, reference, recording):
    kind = "conference" if isinstance(reference, Conference) else "call"
    return Chat.objects.create(workspace=cast.workspace, visibility=request.param, **{kind: reference})


@pytest.fixture
def asked(client, cast, reference, recording, chat):
    """What each address of each surface answers to a key: {address: status}, and what the lists hold."""

    def asked(key):
        noun = "conferences" if isinstance(reference, Conference) else "calls"
        number = reference.number if isinstance(reference, Conference) else reference.pk
        base = f"/api/v2/w/{cast.workspace.pk}/recordings/chat/{chat.pk}"
        addresses = [
            *(f"/api/recordings/{recording.id}{what}" for what in ("", "/stream", "/download", "/metadata")),
            f"/v1.0/recordings/{recording.id}",
            f"/v1.0/recordingfiles/{recording.id}",
            f"/v1/call/recording/{number}.mp3",
            f"{base}/audio.wav",
            f"{base}/download-url",
        ]
        headers = {"Authorization": f"Bearer {key}", "x-api-key": key}
        statuses = {path: client.get(path, headers=headers).status_code for path in addresses}
        listed = [
            client.get("/api/recordings", headers=headers).json(),
            client.get(f"/api/recordings/call/{reference.uuid}", headers=headers).json(),
            client.get("/v1.0/recordings", headers=headers).json()["result"],
            client.get(f"/v1.0/{noun}/{reference.uuid}", headers=headers).json()["recording_ids"],
        ]
        return statuses, listed

    return asked


def test_a_participant_reads_it_everywhere(cast, asked, chat):
    chat.participants.add(cast.staff_member)
    statuses, listed = asked(cast.key("all", member=cast.staff_member))
    assert set(statuses.values()) == {200}
    assert [len(rows) for rows in listed] == [1, 1, 1, 1]


@pytest.mark.parametrize("who", ["a key of nobody", "a colleague", "an owner", "another's participant"])
def test_who_takes_no_part_finds_nothing_anywhere(cast, asked, chat, who):
    _, colleague = cast.person("carl", role=Role.OWNER if who == "an owner" else Role.SUPERVISOR)
    if who == "another's participant":
        other = Chat.objects.create(workspace=cast.workspace, visibility="direct")
        other.participants.add(colleague)
    chat.participants.add(cast.staff_member)
    key = cast.owner_key if who == "a key of nobody" else cast.key("all", member=colleague)
    statuses, listed = asked(key)
    for path, status in statuses.items():
        assert status == (403 if path.startswith("/api/v2/") else 404), path
    assert listed == [[], [], [], []]
    assert not AuditEntry.objects.filter(verb__in=["listen", "download", "link"]).exists()


def test_on_sessions_it_is_for_the_sessions_own_app_alone(client, cast, recording, reference, chat):
    if isinstance(reference, Conference):
        return  # a conference has no session
    session = builders.make_session(cast.app, call=reference)

    def file(app, key):
        headers = {"X-App-ID": app.app_id, "X-API-Key": key}
        return client.get(f"/api/v1/sessions/{session.pk}/recording/file.wav", headers=headers)

    refused = file(cast.other_app, cast.other_app_key)
    assert refused.status_code == 403
    assert not AuditEntry.objects.filter(verb="listen").exists()
    assert b"".join(file(cast.app, cast.owner_key))[44:] == AUDIO

"""Stop, delete and link: by POST, by role, through the lifecycle, on record."""

import pytest
from django.test import Client

from recordings import playback
from recordings.models import Recording
from recordings.states import State
from tests import builders
from workspaces.clock import NEVER
from workspaces.models import AuditEntry, Role

pytestmark = pytest.mark.django_db
BOSSES = {Role.OWNER, Role.ADMINISTRATOR, Role.SUPERVISOR}


@pytest.fixture
def running(call):
    return builders.running_recording(call, builders.tone(8_000))[0]


def verbs(recording):
    return list(AuditEntry.objects.filter(subject_id=str(recording.pk)).values_list("verb", flat=True))


def test_stop(desk, running):
    reply = desk.post("recordings_recording_stop", running)
    running.refresh_from_db()
    assert (reply.status_code, running.status, running.end_reason) == (302, State.STOPPING, "requested")
    assert running.transitions.last().actor == "sam"
    assert verbs(running) == ["stop"]
    page = desk.client.get(reply.headers["Location"]).content.decode()
    assert "Stopped by sam." in page
    assert "Stop recording" not in page
    desk.post("recordings_recording_stop", running)
    assert verbs(running) == ["stop"]
    assert "It had stopped already." in desk.page("recordings_recording", running).content.decode()


@pytest.mark.parametrize("name", ["stop", "link"])
def test_nothing_acts_on_get_or_without_the_token(desk, running, name):
    address = desk.url(f"recordings_recording_{name}", running)
    assert desk.client.get(address).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(desk.user)
    assert strict.post(address).status_code == 403
    assert strict.post(desk.url("recordings_recording_delete", running), {"reason": "x"}).status_code == 403
    running.refresh_from_db()
    assert (running.status, running.tm_delete) == (State.RECORDING, NEVER)


@pytest.mark.parametrize("role", Role)
def test_roles(desk, running, role):
    person = desk.of(role)
    page = person.page("recordings_recording", running).content.decode()
    assert ("Delete…" in page) is (role in BOSSES)
    assert ("Copy link" in page) is (role in BOSSES)
    assert ("Stop recording" in page) is (role in {*BOSSES, Role.AGENT})
    person.post("recordings_recording_link", running)
    assert ("link" in verbs(running)) is (role in BOSSES)
    person.post("recordings_recording_delete", running, {"reason": "Recorded without consent."})
    assert Recording.objects.filter(pk=running.pk, tm_delete=NEVER).exists() is (role not in BOSSES)
    person.post("recordings_recording_stop", running)
    assert Recording.objects.get(pk=running.pk).status == (
        State.STOPPING if role in {*BOSSES, Role.AGENT} else State.RECORDING
    )


def test_delete_asks_why_and_keeps_the_answer(desk, recording):
    asked = desk.client.get(desk.url("recordings_recording_delete", recording)).content.decode()
    assert "Why?" in asked
    refused = desk.post("recordings_recording_delete", recording, {"reason": " "})
    assert "Say why" in refused.content.decode()
    assert Recording.objects.filter(pk=recording.pk, tm_delete=NEVER).exists()
    reply = desk.post("recordings_recording_delete", recording, {"reason": "Recorded without consent."})
    assert reply.status_code == 302
    entry = AuditEntry.objects.get(verb="delete", subject_id=str(recording.pk))
    assert (entry.actor_name, entry.data) == ("sam", {"reason": "Recorded without consent."})
    page = desk.page("recordings_recording", recording).content.decode()
    assert "Recorded without consent." in page
    assert "This recording is deleted" in page
    assert "data-player" not in page
    again = desk.post("recordings_recording_delete", recording, {"reason": "again"})
    assert again.status_code == 302
    assert AuditEntry.objects.filter(verb="delete").count() == 1


def test_a_link_of_an_hour_for_the_page_and_for_its_script(desk, recording):
    page = desk.post("recordings_recording_link", recording)
    assert "no-store" in page.headers["Cache-Control"]
    assert "Good for 60 minutes" in page.content.decode()
    reply = desk.post("recordings_recording_link", recording, accept="application/json")
    assert reply.json()["seconds"] == 3600
    token = reply.json()["url"].rsplit("/", 1)[1].removesuffix(".wav")
    assert playback.recording_of_link(token) == recording
    assert verbs(recording) == ["link", "link"]


def test_no_link_to_silence(desk, cast):
    silent = builders.ended_recording(builders.make_call(cast.workspace))
    assert desk.post("recordings_recording_link", silent).status_code == 302
    assert verbs(silent) == []


def test_a_state_cannot_be_written(root_desk, recording):
    address = root_desk.url("recordings_recording_change", recording)
    assert root_desk.client.post(address, {"status": "recording"}).status_code == 405
    assert root_desk.client.get(address.replace(f"{recording.pk}/change", "add")).status_code == 403
    recording.refresh_from_db()
    assert recording.status == State.ENDED

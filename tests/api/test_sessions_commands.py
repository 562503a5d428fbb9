"""The record commands of `sessions`: what is taken, what is refused and in which words, and what follows by webhook."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from calls import outbox
from calls.lifecycle import move
from calls.models import Event, Session, SessionCommand, WebhookDelivery, WebhookEndpoint
from calls.states import CallState
from recordings.models import Recording
from recordings.states import State
from tests import builders
from workspaces.clock import now
from workspaces.models import AuditEntry, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def session(cast):
    return builders.make_session(cast.app)


@pytest.fixture
def command(sessions, session):
    def give(name, body="{}", **kwargs):
        return sessions("post", f"/api/v1/sessions/{session.pk}/commands/record/{name}", body, **kwargs)

    return give


def cool(session):
    """As if the last command of the heavy group had been given two seconds ago."""
    Session.objects.filter(pk=session.pk).update(heavy_at=now() - timedelta(seconds=2))


def webhooks(session):
    """The bodies that the app's endpoint gets, in the order of their sequence."""
    events = [event for event in Event.objects.filter(session=session) if event.type in outbox.SEQUENCED]
    return [outbox.style("sessions").render(event) for event in sorted(events, key=lambda event: event.sequence)]


def test_start_and_stop_as_documented(command, session, settings):
    reply = command("start", '{"command_uid": "rec-1"}')
    assert (reply.status_code, reply.headers["Content-Type"]) == (202, "application/json")
    assert reply.json() == {"operation_id": "rec-1", "status": "in_progress", "timeout_ms": 2000}
    recording = Recording.objects.get(reference_id=session.call.uuid)
    assert recording.status == State.INITIATING
    builders.store(builders.open_stream(recording), builders.tone(7920 * 8))
    cool(session)
    assert command("stop", '{"command_uid": "rec-2"}').json()["operation_id"] == "rec-2"
    builders.finish(recording)
    assert list(map(list, webhooks(session))) == [
        ["event", "session_uuid", "command_uid", "command", "success", "sequence"],
        ["event", "session_uuid", "command_uid", "command", "success", "sequence"],
        ["event", "session_uuid", "recording_url", "duration", "command_uid", "sequence"],
    ]
    started, stopped, completed = webhooks(session)
    assert started == {
        "event": "command.result",
        "session_uuid": session.pk,
        "command_uid": "rec-1",
        "command": "record/start",
        "success": True,
        "sequence": 1,
    }
    assert stopped == started | {"command_uid": "rec-2", "command": "record/stop", "sequence": 2}
    url = completed.pop("recording_url")
    assert completed == {
        "event": "recording.completed",
        "session_uuid": session.pk,
        "duration": 7.92,
        "command_uid": "rec-1",
        "sequence": 3,
    }
    assert re.fullmatch(re.escape(settings.PUBLIC_URL) + r"/r/[A-Za-z0-9_-]{22,}\.wav", url)


@pytest.mark.parametrize(("body", "content_type"), [("", ""), ("{}", "text/plain"), (" \n", "application/json")])
def test_an_empty_body_is_enough_whatever_its_type(command, body, content_type):
    reply = command("start", body, content_type=content_type)
    assert reply.status_code == 202
    assert UUID(reply.json()["operation_id"])
    assert Recording.objects.get().command_uid == reply.json()["operation_id"]


@pytest.mark.parametrize(
    "body", ["{", "[]", "null", '"x"', "1", '{"format": "mp3"}', '{"command_uid": "a", "b": 1}', b"\xff"]
)
def test_any_other_body_is_refused(command, body):
    reply = command("start", body)
    assert (reply.status_code, reply.json()) == (400, {"success": False, "error": "Invalid request body"})
    assert not SessionCommand.objects.exists()


@pytest.mark.parametrize("uid", ['""', '"a b"', '"ü"', '"a\\n"', "1", "null", '"' + "a" * 129 + '"'])
def test_malformed_uids_are_refused(command, uid):
    reply = command("start", f'{{"command_uid": {uid}}}')
    assert (reply.status_code, reply.json()) == (400, {"success": False, "error": "Invalid command_uid format"})


def test_the_longest_uid_is_taken(command):
    uid = "aZ0._-" + "x" * 122
    assert command("start", f'{{"command_uid": "{uid}"}}').json()["operation_id"] == uid


@pytest.mark.parametrize("name", ["pause", "start/", "start/x", "Start", "start%00"])
def test_unknown_commands(command, name):
    reply = command(name)
    assert (reply.status_code, reply.json()) == (400, {"success": False, "error": "Invalid command"})


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({"X-App-ID": None, "X-API-Key": None}, 400, "Missing X-App-ID header"),
        ({"X-App-ID": ""}, 400, "Missing X-App-ID header"),
        ({"X-App-ID": "a b"}, 400, "Invalid X-App-ID format"),
        ({"X-App-ID": "a" * 65, "X-API-Key": None}, 400, "Invalid X-App-ID format"),
        ({"X-API-Key": None}, 401, "Missing API key"),
        ({"X-API-Key": "short"}, 401, "Invalid API key"),
        ({"X-API-Key": "with a space in it"}, 401, "Invalid API key"),
        ({"X-API-Key": "0123456789abcdef"}, 401, "Invalid API key"),
        ({"X-App-ID": "clinic-billing"}, 401, "Invalid API key"),
        ({"X-App-ID": "nobody"}, 401, "Invalid API key"),
    ],
)
def test_headers(command, headers, status, text):
    reply = command("start", "not even JSON", **headers)
    assert (reply.status_code, reply.json()) == (status, {"success": False, "error": text})


def test_a_key_of_no_app_is_no_key_here(command, cast):
    assert command("start", **{"X-API-Key": cast.key("all")}).json()["error"] == "Invalid API key"


def test_a_key_needs_the_write_scope(command, cast):
    reply = command("start", **{"X-API-Key": cast.key("recordings:read", app=cast.app)})
    assert (reply.status_code, reply.json()["error"]) == (403, "Insufficient scope")


@pytest.mark.parametrize("owner", ["other_app", "stranger_app"])
def test_another_apps_session_is_403(sessions, cast, owner):
    foreign = builders.make_session(getattr(cast, owner))
    for method, address in (("post", "commands/record/start"), ("get", "recording/file.wav")):
        reply = sessions(method, f"/api/v1/sessions/{foreign.pk}/{address}", "{}")
        assert (reply.status_code, reply.json()) == (
            403,
            {"success": False, "error": "Session belongs to a different application"},
        )


@pytest.mark.parametrize("name", ["acW68-00000000-0000-4000-8000-999999999999", "x", "%00", "é" * 300])
def test_an_unknown_session_is_404(sessions, name):
    for method, address in (("post", "commands/record/stop"), ("get", "recording/file.wav")):
        reply = sessions(method, f"/api/v1/sessions/{name}/{address}", "{}")
        assert (reply.status_code, reply.json()) == (404, {"success": False, "error": "Session not found"})


def test_without_an_address_to_stream_to_only_start_is_503(command, session, settings):
    settings.WAVSTREAM_URL = ""
    reply = command("start")
    assert (reply.status_code, reply.json()) == (503, {"success": False, "error": "WAVSTREAM_URL not configured"})
    assert not SessionCommand.objects.exists()
    assert not Recording.objects.exists()
    session.refresh_from_db()
    assert session.heavy_at is None
    assert command("stop").status_code == 202


def test_the_cooldown_is_shared_and_says_when_to_come_back(command, session):
    assert command("start").status_code == 202
    for name in ("stop", "start"):
        reply = command(name)
        assert (reply.status_code, reply.json()) == (429, {"success": False, "error": "Rate limit exceeded"})
        assert reply.headers["Retry-After"] in {"1", "2"}
    assert SessionCommand.objects.count() == 1
    cool(session)
    assert command("stop").status_code == 202


def test_the_same_uid_again_gets_the_same_answer_and_no_second_effect(command, session):
    replies = [command("start", '{"command_uid": "again"}') for _ in range(3)]
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.content for reply in replies}) == 1
    assert Recording.objects.count() == 1
    assert len(webhooks(session)) == 1
    cool(session)
    assert command("stop", '{"command_uid": "again"}').status_code == 202  # the uid counts per command
    assert len(webhooks(session)) == 2


def test_a_start_while_recording_and_a_stop_without_fail_by_webhook(command, session):
    command("start")
    cool(session)
    assert command("start", '{"command_uid": "second"}').status_code == 202
    builders.finish(Recording.objects.get())
    cool(session)
    assert command("stop", '{"command_uid": "third"}').status_code == 202
    results = {body["command_uid"]: body for body in webhooks(session)}
    assert (results["second"]["success"], results["second"]["error"]) == (False, "Recording is already active")
    assert (results["third"]["success"], results["third"]["error"]) == (False, "No active recording")
    assert Recording.objects.count() == 1


def test_recording_switched_off_fails_by_webhook(command, session, cast):
    Workspace.objects.filter(pk=cast.workspace.pk).update(recording_enabled=False)
    assert command("start").status_code == 202
    assert webhooks(session)[0]["error"] == "Recording is disabled"
    assert not Recording.objects.exists()


def test_a_call_that_is_over_fails_by_webhook(command, session):
    move(session.call, to=CallState.HANGUP, actor=builders.BUILDER)
    assert command("start").status_code == 202
    assert webhooks(session)[0]["error"] == "Call is not in progress"


def test_a_stop_before_the_first_audio_completes_with_a_file_of_no_frames(command, session, client, settings):
    command("start", '{"command_uid": "mine"}')
    cool(session)
    command("stop")
    builders.finish(Recording.objects.get())
    completed = webhooks(session)[-1]
    assert (completed["event"], completed["duration"], completed["command_uid"]) == ("recording.completed", 0, "mine")
    reply = client.get(completed["recording_url"].removeprefix(settings.PUBLIC_URL))
    assert (reply.status_code, len(b"".join(reply))) == (200, 44)


def test_the_limit_is_the_apps_and_not_the_keys(command, cast, settings):
    settings.SESSIONS_REQUESTS_PER_MINUTE = 2
    assert command("stop", '{"command_uid": "a"}').status_code == 202
    assert command("stop", '{"command_uid": "a"}', **{"X-API-Key": cast.key("all", app=cast.app)}).status_code == 202
    reply = command("stop", '{"command_uid": "a"}')
    assert (reply.status_code, reply.json()["error"]) == (429, "Rate limit exceeded")
    assert 1 <= int(reply.headers["Retry-After"]) <= 60


def test_an_endpoint_may_ask_for_the_streams_address(command, cast, session):
    endpoint = {"workspace": cast.workspace, "url": "https://integrator.invalid/", "secret": "whsec_c2VjcmV0"}
    WebhookEndpoint.objects.create(**endpoint, events=["recording.requested", "recording.stopping"])
    command("start", '{"command_uid": "mine"}')
    recording = Recording.objects.get()
    body = outbox.style("sessions").render(WebhookDelivery.objects.get().event)
    address = body.pop("stream_url")
    assert body == {
        "event": "recording.requested",
        "session_uuid": session.pk,
        "recording_id": str(recording.id),
        "command_uid": "mine",
    }
    assert address.startswith("ws://127.0.0.1:8765/capture/")
    builders.finish(recording)
    stopping = outbox.style("sessions").render(Event.objects.get(type="recording.stopping"))
    assert (stopping["event"], stopping["session_uuid"]) == ("recording.stopping", session.pk)


def test_the_commands_are_the_keys_doing(command, cast):
    command("start")
    actors = Recording.objects.get().transitions.values_list("actor", flat=True)
    assert [name in cast.owner_key for name in actors] == [True]  # a key without a name is known by its prefix
    assert not AuditEntry.objects.filter(verb="listen").exists()

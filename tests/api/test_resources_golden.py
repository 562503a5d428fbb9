"""`resources` to the letter of its documentation."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from calls.models import Call
from recordings.models import Recording
from tests import builders
from workspaces.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ZERO = "00000000-0000-0000-0000-000000000000"
NEVER = "9999-01-01 00:00:00.000000"
KEYS = [
    *("id", "customer_id", "owner_type", "owner_id", "activeflow_id", "reference_type", "reference_id", "status"),
    *("format", "on_end_flow_id", "tm_start", "tm_end", "tm_create", "tm_update", "tm_delete"),
]


def test_a_recording_that_waits_has_the_fifteen_keys_and_sentinels(cast, resources):
    recording = builders.start(builders.make_call(cast.workspace))
    moment = datetime(2026, 1, 2, 14, 2, 10, 358_000, tzinfo=UTC)
    Recording.objects.filter(pk=recording.pk).update(tm_create=moment, tm_update=moment)
    reply = resources("get", f"/v1.0/recordings/{recording.id}")
    body = reply.json()
    assert (reply.status_code, list(body)) == (200, KEYS)
    assert body == {
        "id": str(recording.id),
        "customer_id": str(cast.workspace.pk),
        "owner_type": "",
        "owner_id": ZERO,
        "activeflow_id": ZERO,
        "reference_type": "call",
        "reference_id": str(recording.reference_id),
        "status": "initiating",
        "format": "wav",
        "on_end_flow_id": ZERO,
        "tm_start": NEVER,
        "tm_end": NEVER,
        "tm_create": "2026-01-02 14:02:10.358000",
        "tm_update": "2026-01-02 14:02:10.358000",
        "tm_delete": NEVER,
    }
    assert resources("get", "/v1.0/recordings").json()["result"] == [body]


def test_an_ended_one_says_when_its_audio_began_and_ended(cast, resources):
    recording = builders.ended_recording(builders.make_call(cast.workspace), builders.tone(16_000))
    body = resources("get", f"/v1.0/recordings/{recording.id}").json()
    began, ended = (datetime.fromisoformat(body[name]) for name in ("tm_start", "tm_end"))
    assert (ended - began).total_seconds() == 2
    assert body["status"] == "ended"


def test_start_and_stop_give_the_recording_and_what_later_pages_read_from_the_call(cast, resources):
    agent = cast.person("anna", role=Role.AGENT)[1]
    owner = {"owner_type": "agent", "owner_id": str(agent.pk)}
    call = resources("post", "/v1.0/calls", owner).json()["id"]
    older = resources("post", f"/v1.0/calls/{call}/recording_start").json()["id"]
    resources("post", f"/v1.0/calls/{call}/recording_stop")
    body = resources("post", f"/v1.0/calls/{call}/recording_start").json()
    assert list(body) == [*KEYS, "recording_id", "recording_ids", "call_id"]
    assert (body["owner_type"], body["owner_id"]) == ("agent", str(agent.pk))
    assert (body["recording_id"], body["recording_ids"]) == (body["id"], [older, body["id"]])
    assert (body["reference_type"], body["reference_id"], body["call_id"]) == ("call", call, call)
    seen = resources("get", f"/v1.0/calls/{call}").json()
    assert (seen["recording_id"], seen["recording_ids"]) == (body["id"], [older, body["id"]])
    stopped = resources("post", f"/v1.0/calls/{call}/recording_stop").json()
    assert (stopped["id"], stopped["status"]) == (body["id"], "stopping")
    assert resources("get", f"/v1.0/calls/{call}").json()["recording_id"] == ZERO


def test_a_conference_is_a_confbridge(cast, resources):
    conference = resources("post", "/v1.0/conferences", {"name": "Monday", "timeout": 60}).json()
    body = resources("post", f"/v1.0/conferences/{conference['id']}/recording_start").json()
    assert list(body) == [*KEYS, "recording_id", "recording_ids", "conference_id"]
    assert (body["reference_type"], body["reference_id"]) == ("confbridge", conference["id"])
    assert (conference["name"], conference["timeout"], conference["status"]) == ("Monday", 60, "progressing")
    ended = resources("put", f"/v1.0/conferences/{conference['id']}", {"status": "terminated"}).json()
    assert (ended["status"], ended["tm_end"] < NEVER) == ("terminated", True)
    assert Recording.objects.get().status == "stopping"


def test_what_was_started_here_is_read_on_the_other_surfaces(cast, resources, flat, sessions, client):
    call = builders.make_call(cast.workspace)
    session = builders.make_session(cast.app, call=call)
    made = resources("post", f"/v1.0/calls/{call.uuid}/recording_start").json()["id"]
    recording = Recording.objects.get(pk=made)
    builders.store(builders.open_stream(recording), builders.tone(8_000))
    assert resources("get", f"/v1.0/recordingfiles/{made}").status_code == 404  # not before it has ended
    builders.finish(recording)
    whole = b"".join(resources("get", f"/v1.0/recordingfiles/{made}"))
    assert len(whole) == 44 + 16_000
    assert b"".join(flat("get", f"/api/recordings/{made}")) == whole
    assert b"".join(sessions("get", f"/api/v1/sessions/{session.pk}/recording/file.wav")) == whole
    assert resources("delete", f"/v1.0/recordings/{made}").json()["tm_delete"] < NEVER
    assert flat("get", f"/api/recordings/{made}").status_code == 404
    assert resources("delete", f"/v1.0/recordings/{made}").status_code == 404


CALL_KEYS = [
    *("id", "customer_id", "owner_type", "owner_id", "flow_id", "activeflow_id", "type", "master_call_id"),
    *("chained_call_ids", "recording_id", "recording_ids", "groupcall_id", "source", "destination", "status"),
    *("direction", "hangup_by", "hangup_reason", "tm_progressing", "tm_ringing", "tm_hangup"),
    *("tm_create", "tm_update", "tm_delete", "number", "chat_ids"),
]


def test_a_call_is_registered_and_moved(cast, resources):
    source = {"type": "tel", "target": "+15550100", "target_name": "Ann", "name": "n", "detail": "d"}
    body = {"source": source, "destination": {"target": "+15550199"}, "direction": "incoming", "status": "ringing"}
    call = resources("post", "/v1.0/calls", body).json()
    assert list(call) == CALL_KEYS
    assert call["source"] == source
    assert call["destination"] == {"type": "tel", "target": "+15550199", "target_name": "", "name": "", "detail": ""}
    assert (call["status"], call["direction"], call["tm_progressing"]) == ("ringing", "incoming", NEVER)
    assert call["tm_ringing"] < NEVER
    path = f"/v1.0/calls/{call['id']}"
    assert resources("put", path, {"status": "progressing", "unknown": 1}).json()["tm_progressing"] < NEVER
    assert resources("put", path, {"status": "progressing"}).status_code == 200  # where it is already
    over = {"status": "hangup", "hangup_reason": "normal", "hangup_by": "remote"}
    ended = resources("put", path, over).json()
    assert (ended["status"], ended["hangup_reason"], ended["hangup_by"]) == ("hangup", "normal", "remote")
    refused = resources("put", path, {"status": "progressing", "direction": "outgoing"})
    assert (refused.status_code, refused.json()["error"]["reason"]) == (409, "STATE_INVALID")
    assert resources("get", path).json()["direction"] == "incoming"  # nothing of it was done


def test_calls_and_conferences_share_their_numbers(resources):
    numbers = [resources("post", f"/v1.0/{noun}").json()["number"] for noun in ("calls", "conferences", "calls")]
    assert numbers[2] > numbers[1] > numbers[0]


def test_agents_and_the_customer(cast, resources):
    user, agent = cast.person("anna", role=Role.AGENT)
    user.first_name, user.last_name = "Anna", "Berg"
    user.save()
    found = resources("get", "/v1.0/agents").json()["result"]
    assert [(each["id"], each["username"], each["name"]) for each in found] == [(str(agent.pk), "anna", "Anna Berg")]
    customers = resources("get", "/v1.0/customers").json()["result"]
    assert [each["id"] for each in customers] == [str(cast.workspace.pk)]
    assert resources("get", f"/v1.0/customers/{cast.other_workspace.pk}").status_code == 404
    assert UUID(customers[0]["id"])


def test_calls_and_conferences_name_flows_of_their_workspace(cast, resources):
    flow = resources("post", "/v1.0/flows", {"type": "", "name": "After"}).json()["id"]
    foreign = resources("post", "/v1.0/flows", key=cast.stranger_key).json()["id"]
    call = resources("post", "/v1.0/calls", {"flow_id": flow, "type": "flow", "engine_ref": "channel-1"}).json()
    assert (call["flow_id"], call["type"]) == (flow, "flow")
    assert Call.objects.get(uuid=call["id"]).engine_ref == "channel-1"
    assert resources("put", f"/v1.0/calls/{call['id']}", {"flow_id": ZERO}).json()["flow_id"] == ZERO
    assert resources("post", "/v1.0/calls", {"flow_id": foreign}).status_code == 404
    body = {"type": "connect", "detail": "d", "pre_flow_id": flow, "post_flow_id": "", "status": "starting"}
    made = resources("post", "/v1.0/conferences", body).json()
    assert list(made) == [
        *("id", "customer_id", "type", "status", "name", "detail", "timeout", "pre_flow_id", "post_flow_id"),
        *("conferencecall_ids", "recording_id", "recording_ids", "tm_end", "tm_create", "tm_update", "tm_delete"),
        "number",
    ]
    assert (made["type"], made["detail"], made["status"]) == ("connect", "d", "starting")
    assert (made["pre_flow_id"], made["post_flow_id"]) == (flow, ZERO)
    refused = resources("put", f"/v1.0/conferences/{made['id']}", {"post_flow_id": foreign, "name": "x"})
    assert refused.status_code == 404
    assert resources("get", f"/v1.0/conferences/{made['id']}").json()["name"] == ""

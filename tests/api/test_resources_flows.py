"""Flows and their runs on `resources`, and its webhooks."""

import hmac
import json
from hashlib import sha256

import pytest

from calls import flows, webhooks
from calls.models import Activeflow, WebhookDelivery, WebhookEndpoint
from recordings import lifecycle
from tests import builders
from tests.calls.conftest import integrator  # noqa: F401 - a fixture is used by its name

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ZERO = "00000000-0000-0000-0000-000000000000"


def test_a_flow_is_saved_changed_and_deleted(resources):
    body = {"name": "After", "detail": "d", "actions": [{"type": "wait", "option": {"duration": 10}}]}
    flow = resources("post", "/v1.0/flows", body).json()
    assert list(flow) == [
        *("id", "customer_id", "type", "name", "detail", "actions", "on_complete_flow_id"),
        *("tm_create", "tm_update", "tm_delete"),
    ]
    assert [list(action) for action in flow["actions"]] == [["id", "next_id", "type", "option"]]
    assert (flow["type"], flow["name"], flow["on_complete_flow_id"]) == ("flow", "After", ZERO)
    path = f"/v1.0/flows/{flow['id']}"
    changed = resources("put", path, {"name": "Then", "on_complete_flow_id": flow["id"]}).json()
    assert (changed["name"], changed["detail"], changed["actions"]) == ("Then", "d", flow["actions"])
    assert changed["on_complete_flow_id"] == flow["id"]
    assert changed["tm_update"] > flow["tm_update"]
    deleted = resources("delete", path).json()
    assert deleted["tm_delete"] < "9999"
    assert [resources(verb, path).status_code for verb in ("get", "put", "delete")] == [404, 404, 404]
    assert resources("get", "/v1.0/flows").json()["result"] == []


def test_a_flow_that_nobody_could_run_says_where(resources):
    body = {"actions": [{"type": "wait"}, {"type": "talk"}]}
    error = resources("post", "/v1.0/flows", body).json()["error"]
    assert (error["reason"], error["details"][0]["field"]) == ("INVALID_REQUEST_PARAMETER", "actions[1].type")
    assert (
        resources("post", "/v1.0/flows", {"on_complete_flow_id": "01890000-0000-7000-8000-000000000000"}).status_code
        == 404
    )


def test_a_flow_runs_on_a_live_call(cast, resources):
    wait = {"type": "wait", "option": {"duration": 9000}}
    actions = [{"type": "recording_start"}, wait, {"type": "recording_stop"}]
    flow = resources("post", "/v1.0/flows", {"actions": actions}).json()
    call = resources("post", "/v1.0/calls").json()["id"]
    body = {"flow_id": flow["id"], "reference_type": "call", "reference_id": call}
    run = resources("post", "/v1.0/activeflows", body).json()
    assert list(run) == [
        *("id", "customer_id", "flow_id", "status", "reference_type", "reference_id", "reference_activeflow_id"),
        *("on_complete_flow_id", "current_action", "forward_action_id", "executed_actions"),
        *("tm_create", "tm_update", "tm_delete"),
    ]
    assert (run["status"], run["current_action"]) == ("running", flow["actions"][0])
    flows.run(Activeflow.objects.get().pk)
    run = resources("get", f"/v1.0/activeflows/{run['id']}").json()
    assert (run["executed_actions"], run["current_action"]) == (flow["actions"][:2], flow["actions"][2])
    recording = resources("get", f"/v1.0/recordings?activeflow_id={run['id']}").json()["result"][0]
    assert recording["reference_id"] == call
    assert resources("get", f"/v1.0/calls/{call}").json()["activeflow_id"] == run["id"]
    resources("put", f"/v1.0/calls/{call}", {"status": "hangup"})
    over = resources("get", f"/v1.0/activeflows/{run['id']}").json()
    assert (over["status"], over["current_action"]["id"]) == ("ended", ZERO)


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"flow_id": ""}, 400, "MISSING_REQUEST_PARAMETER"),
        ({"reference_id": ZERO}, 400, "MISSING_REQUEST_PARAMETER"),
        ({"reference_type": "chat"}, 400, "INVALID_REQUEST_PARAMETER"),
        ({"flow_id": "01890000-0000-7000-8000-000000000000"}, 404, "RESOURCE_NOT_FOUND"),
        ({"reference_id": "01890000-0000-7000-8000-000000000000"}, 404, "RESOURCE_NOT_FOUND"),
        ({"reference_type": "conference"}, 404, "RESOURCE_NOT_FOUND"),
    ],
)
def test_a_run_that_cannot_be(cast, resources, changed, status, reason):
    flow = resources("post", "/v1.0/flows").json()["id"]
    call = str(builders.make_call(cast.workspace).uuid)
    body = {"flow_id": flow, "reference_type": "call", "reference_id": call} | changed
    reply = resources("post", "/v1.0/activeflows", body)
    assert (reply.status_code, reply.json()["error"]["reason"]) == (status, reason)


def test_a_run_needs_a_call_in_progress(cast, resources):
    flow = resources("post", "/v1.0/flows").json()["id"]
    call = str(builders.make_call(cast.workspace, status="ringing").uuid)
    body = {"flow_id": flow, "reference_type": "call", "reference_id": call}
    assert resources("post", "/v1.0/activeflows", body).json()["error"]["reason"] == "STATE_INVALID"
    conference = resources("post", "/v1.0/conferences").json()["id"]
    body |= {"reference_type": "confbridge", "reference_id": conference}
    assert resources("post", "/v1.0/activeflows", body).json()["reference_type"] == "conference"


def test_webhooks_tell_of_the_start_and_the_end_signed(cast, resources, integrator):  # noqa: F811 - the fixture
    endpoint = WebhookEndpoint.objects.create(
        workspace=cast.workspace, url=integrator.url, style="resources", secret="whsec_" + "c2VjcmV0" * 4
    )
    recording = builders.ended_recording(builders.make_call(cast.workspace), builders.tone(800))
    lifecycle.delete(recording, actor=builders.BUILDER)
    for delivery in WebhookDelivery.objects.order_by("event__at"):
        webhooks.deliver(delivery.pk)
    started, finished = (json.loads(request.body) for request in integrator.requests)
    assert (started["type"], finished["type"]) == ("recording_started", "recording_finished")
    assert (started["data"]["status"], finished["data"]["status"]) == ("recording", "ended")
    assert started["data"]["tm_end"].startswith("9999")
    assert list(started["data"]) == list(finished["data"])
    assert len(started["data"]) == 15
    for request in integrator.requests:
        expected = hmac.new(endpoint.secret.encode(), request.body, sha256).hexdigest()
        assert request.headers["x-voipbin-signature"] == f"sha256={expected}"
        assert request.headers["webhook-signature"]
    seen = resources("get", "/v1.0/customers").json()["result"][0]
    assert (seen["webhook_method"], seen["webhook_uri"]) == ("POST", integrator.url)
    blind = resources("get", "/v1.0/customers", key=cast.key("calls:read")).json()["result"][0]
    assert blind["webhook_uri"] == ""

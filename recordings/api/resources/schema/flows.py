"""Flows and their runs."""

from calls.flows import ACTIONS_MAX
from calls.states import FlowState
from recordings.api.kit.openapi import TEXT, Json, choice, given, many, record, ref
from recordings.api.resources.schema.values import (
    ID,
    NO_ID_YET,
    OF_IDS,
    SHOWN_TIMES,
    TIMES,
    UNSET_ID,
    ZERO,
    acting,
    page,
    reading,
    unset,
)
from recordings.api.resources.views.flows import REFERENCE_TYPES
from recordings.api.resources.wire.flows import DETAIL_LENGTH
from workspaces.scopes import Scope

ACTION: Json = {"id": NO_ID_YET, "next_id": NO_ID_YET, "type": TEXT, "option": {"type": "object"}}
FLOW: Json = {
    "id": ID,
    "customer_id": ID,
    "type": TEXT,
    "name": TEXT,
    "detail": TEXT,
    "actions": many(ref("Action")),
    "on_complete_flow_id": NO_ID_YET,
    **TIMES,
}
SHOWN_ACTION: Json = {
    "id": "01a1f8c6-7190-7c02-8e4d-0b1a2c3d4e5f",
    "next_id": ZERO,
    "type": "wait",
    "option": {"duration": 1000},
}
SHOWN_FLOW: Json = {
    "id": "01a1f8c6-7191-7d13-9f5e-1c2b3d4e5f60",
    "customer_id": "01a1f8c6-7100-7b51-8c2d-6a0f3e1d9c11",
    "type": "flow",
    "name": "After the call",
    "detail": "",
    "actions": [SHOWN_ACTION],
    "on_complete_flow_id": ZERO,
    **SHOWN_TIMES,
}
ACTIVEFLOW: Json = {
    "id": ID,
    "customer_id": ID,
    "flow_id": NO_ID_YET,
    "status": choice(FlowState.values),
    "reference_type": TEXT,
    "reference_id": NO_ID_YET,
    "reference_activeflow_id": NO_ID_YET,
    "on_complete_flow_id": NO_ID_YET,
    "current_action": ref("Action"),
    "forward_action_id": NO_ID_YET,
    "executed_actions": many(ref("Action")),
    **TIMES,
}
SHOWN_ACTIVEFLOW: Json = {
    "id": "01a1f8c6-7192-7e24-8a6f-2d3c4e5f6071",
    "customer_id": "01a1f8c6-7100-7b51-8c2d-6a0f3e1d9c11",
    "flow_id": SHOWN_FLOW["id"],
    "status": "running",
    "reference_type": "call",
    "reference_id": "01a1f8c6-7178-72cd-a46c-24672a1a02a0",
    "reference_activeflow_id": ZERO,
    "on_complete_flow_id": ZERO,
    "current_action": SHOWN_ACTION,
    "forward_action_id": ZERO,
    "executed_actions": [],
    **SHOWN_TIMES,
}
ACTION_IN: Json = {"id": UNSET_ID, "next_id": UNSET_ID, "type": TEXT, "option": {"type": "object"}}
FLOW_IN: Json = {
    "type": unset("`flow` where it is not given.", longest=32),
    "name": unset("For people."),
    "detail": unset("For people.", longest=DETAIL_LENGTH),
    "actions": many(given(ACTION_IN, required=["type"])) | {"maxItems": ACTIONS_MAX},
    "on_complete_flow_id": UNSET_ID,
}
RUN_IN: Json = {"flow_id": ID, "reference_type": choice(REFERENCE_TYPES), "reference_id": ID}
SCHEMAS: Json = {
    "Action": record(ACTION, examples=[SHOWN_ACTION]),
    "Flow": record(FLOW, examples=[SHOWN_FLOW]),
    "FlowPage": page("Flow"),
    "FlowValues": given(FLOW_IN),
    "Activeflow": record(ACTIVEFLOW, examples=[SHOWN_ACTIVEFLOW]),
    "ActiveflowPage": page("Activeflow"),
    "ActiveflowNew": given(RUN_IN, required=list(RUN_IN)),
}
READ, WRITE = Scope.FLOWS_READ, Scope.FLOWS_WRITE
WAIT: Json = {
    "wait": {"value": {"name": "After the call", "actions": [{"type": "wait", "option": {"duration": 1000}}]}}
}
OPERATIONS = {
    **reading("flows", "Flow", READ, example=SHOWN_FLOW),
    "POST /v1.0/flows": acting(
        "createFlow",
        "flows",
        "Save a flow, whose actions must all be known",
        reply="Flow",
        scope=WRITE,
        body="FlowValues",
        errors=("flow_unknown",),
        examples=WAIT,
    ),
    "PUT /v1.0/flows/{id}": acting(
        "updateFlow",
        "flows",
        "Set what is given; runs go on with the actions that they began with",
        reply="Flow",
        scope=WRITE,
        body="FlowValues",
        errors=(*OF_IDS, "flow_unknown"),
        post=False,
        examples=WAIT,
    ),
    "DELETE /v1.0/flows/{id}": acting(
        "deleteFlow",
        "flows",
        "Hide it, and show it once more with its tm_delete",
        reply="Flow",
        scope=WRITE,
        errors=OF_IDS,
        post=False,
    ),
    **reading("activeflows", "Activeflow", READ, example=SHOWN_ACTIVEFLOW),
    "POST /v1.0/activeflows": acting(
        "runFlow",
        "activeflows",
        "Run a flow on a call or a conference that is in progress",
        reply="Activeflow",
        scope=WRITE,
        body="ActiveflowNew",
        errors=("not_there", "reference_not_live"),
        examples={
            "call": {
                "value": {
                    "flow_id": SHOWN_FLOW["id"],
                    "reference_type": "call",
                    "reference_id": SHOWN_ACTIVEFLOW["reference_id"],
                }
            }
        },
    ),
}

"""Calls and conferences."""

from calls.states import CallState, ConferenceState, Direction
from recordings.api.kit.openapi import TEXT, Json, choice, given, many, record, ref
from recordings.api.resources.schema.recordings import starting
from recordings.api.resources.schema.values import (
    ID,
    NEVER,
    NO_ID_YET,
    OF_IDS,
    OWNER,
    SHOWN_TIMES,
    TIME,
    TIMES,
    UNSET_ID,
    ZERO,
    acting,
    page,
    reading,
    seconds,
    unset,
)
from recordings.api.resources.wire.calls import DETAIL_LENGTH, LONGEST_TIMEOUT, NUMBER_LENGTH, PARTY
from workspaces.scopes import Scope

PARTY_OUT: Json = dict.fromkeys(("type", "target", "target_name", "name", "detail"), TEXT)
NUMBER: Json = {"type": "integer", "minimum": 1, "description": "By which `downloads` knows it."}
RECORDED: Json = {"recording_id": NO_ID_YET | {"description": "The active one."}, "recording_ids": many(ID)}
DIRECTIONS = ["", *Direction.values]
SHOWN_RECORDED: Json = {"recording_id": ZERO, "recording_ids": ["01a1f8c6-7179-77b5-89fb-2e8a3a7de342"]}
CALL: Json = {
    "id": ID,
    "customer_id": ID,
    **OWNER,
    "flow_id": NO_ID_YET,
    "activeflow_id": NO_ID_YET,
    "type": TEXT,
    "master_call_id": NO_ID_YET,
    "chained_call_ids": many(ID),
    **RECORDED,
    "groupcall_id": NO_ID_YET,
    "source": ref("Party"),
    "destination": ref("Party"),
    "status": choice(CallState.values),
    "direction": choice(DIRECTIONS),
    "hangup_by": TEXT,
    "hangup_reason": TEXT,
    "tm_progressing": TIME,
    "tm_ringing": TIME,
    "tm_hangup": TIME,
    **TIMES,
    "number": NUMBER,
    "chat_ids": many({"type": "integer"}),
}
SHOWN_PARTY: Json = {"type": "tel", "target": "+15550100", "target_name": "Ann", "name": "", "detail": ""}
SHOWN_CALL: Json = {
    "id": "01a1f8c6-7178-72cd-a46c-24672a1a02a0",
    "customer_id": "01a1f8c6-7100-7b51-8c2d-6a0f3e1d9c11",
    "owner_type": "",
    "owner_id": ZERO,
    "flow_id": ZERO,
    "activeflow_id": ZERO,
    "type": "",
    "master_call_id": ZERO,
    "chained_call_ids": [],
    **SHOWN_RECORDED,
    "groupcall_id": ZERO,
    "source": SHOWN_PARTY,
    "destination": SHOWN_PARTY | {"target": "+15550199", "target_name": "Desk"},
    "status": "progressing",
    "direction": "incoming",
    "hangup_by": "",
    "hangup_reason": "",
    "tm_progressing": "2026-01-02 14:02:10.400000",
    "tm_ringing": NEVER,
    "tm_hangup": NEVER,
    **SHOWN_TIMES,
    "number": 10,
    "chat_ids": [],
}
CONFERENCE: Json = {
    "id": ID,
    "customer_id": ID,
    "type": TEXT,
    "status": choice(ConferenceState.values),
    "name": TEXT,
    "detail": TEXT,
    "timeout": {"type": "integer", "minimum": 0, "description": "Seconds."},
    "pre_flow_id": NO_ID_YET,
    "post_flow_id": NO_ID_YET,
    "conferencecall_ids": many(ID),
    **RECORDED,
    "tm_end": TIME,
    **TIMES,
    "number": NUMBER,
}
SHOWN_CONFERENCE: Json = {
    "id": "01a1f8c6-7180-7a11-9d3e-51c0a7f2b6e4",
    "customer_id": "01a1f8c6-7100-7b51-8c2d-6a0f3e1d9c11",
    "type": "conference",
    "status": "progressing",
    "name": "Monday",
    "detail": "",
    "timeout": 0,
    "pre_flow_id": ZERO,
    "post_flow_id": ZERO,
    "conferencecall_ids": [],
    **SHOWN_RECORDED,
    "tm_end": NEVER,
    **SHOWN_TIMES,
    "number": 11,
}
PARTY_IN: Json = {"target": unset("The number or address.", longest=NUMBER_LENGTH)}
PARTY_IN |= {name: unset("Kept, and shown again.") for name in PARTY}
OWNER_IN: Json = {"owner_type": {"type": "string", "enum": ["", "agent"]}, "owner_id": UNSET_ID}
CALL_IN: Json = {
    **OWNER_IN,
    "flow_id": UNSET_ID,
    "type": unset("Kept, and shown again.", longest=32),
    "source": given(PARTY_IN),
    "destination": given(PARTY_IN),
    "status": choice(CallState.values, "A new call's is `progressing`; a PUT moves it along its arrows."),
    "direction": choice(DIRECTIONS),
    "engine_ref": unset("The engine's own name for the call; not shown."),
}
CALL_CHANGE: Json = CALL_IN | {"hangup_reason": unset("With `hangup`."), "hangup_by": unset("With `hangup`.")}
CONFERENCE_IN: Json = {
    **OWNER_IN,
    "type": unset("Kept, and shown again.", longest=32),
    "status": choice(ConferenceState.values, "A new conference's is `progressing`."),
    "name": unset("For people."),
    "detail": unset("For people.", longest=DETAIL_LENGTH),
    "timeout": seconds("Seconds.", most=LONGEST_TIMEOUT),
    "pre_flow_id": UNSET_ID,
    "post_flow_id": UNSET_ID,
    "engine_ref": unset("The engine's own name for the bridge; not shown."),
}
SCHEMAS: Json = {
    "Party": record(PARTY_OUT, examples=[SHOWN_PARTY]),
    "Call": record(CALL, examples=[SHOWN_CALL]),
    "CallPage": page("Call"),
    "CallNew": given(CALL_IN),
    "CallChange": given(CALL_CHANGE),
    "Conference": record(CONFERENCE, examples=[SHOWN_CONFERENCE]),
    "ConferencePage": page("Conference"),
    "ConferenceValues": given(CONFERENCE_IN),
}
SEE, TELL = Scope.CALLS_READ, Scope.CALLS_WRITE
OPERATIONS = {
    **reading("calls", "Call", SEE, example=SHOWN_CALL),
    "POST /v1.0/calls": acting(
        "createCall",
        "calls",
        "Register a call that runs elsewhere",
        reply="Call",
        scope=TELL,
        body="CallNew",
        errors=("not_there",),
        examples={"incoming": {"value": {"direction": "incoming", "source": {"target": "+15550100"}}}},
    ),
    "PUT /v1.0/calls/{id}": acting(
        "updateCall",
        "calls",
        "Set what is given, and move its state",
        reply="Call",
        scope=TELL,
        body="CallChange",
        errors=(*OF_IDS, "call_state_invalid"),
        post=False,
        examples={"hangup": {"value": {"status": "hangup"}}},
    ),
    **starting("calls", "Call"),
    **reading("conferences", "Conference", SEE, example=SHOWN_CONFERENCE),
    "POST /v1.0/conferences": acting(
        "createConference",
        "conferences",
        "Register a conference that runs elsewhere",
        reply="Conference",
        scope=TELL,
        body="ConferenceValues",
        errors=("not_there",),
        examples={"named": {"value": {"name": "Monday"}}},
    ),
    "PUT /v1.0/conferences/{id}": acting(
        "updateConference",
        "conferences",
        "Set what is given, and move its state",
        reply="Conference",
        scope=TELL,
        body="ConferenceValues",
        errors=(*OF_IDS, "call_state_invalid"),
        post=False,
        examples={"over": {"value": {"status": "terminated"}}},
    ),
    **starting("conferences", "Conference"),
}

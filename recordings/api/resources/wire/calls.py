"""Calls and conferences as `resources` writes and reads them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from calls.states import CallState, ConferenceState, Direction
from recordings.api.resources.wire.values import time, uuid
from workspaces.fields import Fields

CALL_FIELDS = (
    *("id", "uuid", "workspace_id", "owner_type", "owner_id", "flow_id", "type", "from_number", "to_number", "source"),
    *("destination", "status", "direction", "hangup_by", "hangup_reason", "tm_progressing", "tm_ringing", "tm_hangup"),
    *("tm_create", "tm_update", "tm_delete"),
)
CONFERENCE_FIELDS = (
    *("id", "number", "workspace_id", "type", "status", "name", "detail", "timeout", "pre_flow_id", "post_flow_id"),
    *("tm_end", "tm_create", "tm_update", "tm_delete"),
)
PARTY = ("type", "target_name", "name", "detail")
"""What is kept of a caller or callee beside the number."""
NUMBER_LENGTH = 128
DETAIL_LENGTH = 500
LONGEST_TIMEOUT = 2**31 - 1


class Beside:
    """What stands beside a page of calls or conferences, by their uuid: recordings, chats, and the run that began."""

    def __init__(
        self,
        *,
        recordings: Mapping[UUID, list[UUID]],
        active: Mapping[UUID, UUID],
        chats: Mapping[UUID, list[int]],
        runs: Mapping[UUID, UUID],
    ) -> None:
        self.recordings, self.active, self.chats, self.runs = recordings, active, chats, runs


def call(row: dict[str, Any], beside: Beside) -> dict[str, Any]:
    """A row of CALL_FIELDS as JSON."""
    key = row["uuid"]
    return {
        "id": uuid(key),
        "customer_id": uuid(row["workspace_id"]),
        "owner_type": row["owner_type"],
        "owner_id": uuid(row["owner_id"]),
        "flow_id": uuid(row["flow_id"]),
        "activeflow_id": uuid(beside.runs.get(key)),
        "type": row["type"],
        "master_call_id": uuid(None),
        "chained_call_ids": [],
        **_recorded(key, beside),
        "groupcall_id": uuid(None),
        "source": _party(row["source"], row["from_number"]),
        "destination": _party(row["destination"], row["to_number"]),
        "status": row["status"],
        "direction": row["direction"],
        "hangup_by": row["hangup_by"],
        "hangup_reason": row["hangup_reason"],
        "tm_progressing": time(row["tm_progressing"]),
        "tm_ringing": time(row["tm_ringing"]),
        "tm_hangup": time(row["tm_hangup"]),
        **_times(row),
        "number": row["id"],
        "chat_ids": beside.chats.get(key, []),
    }


def conference(row: dict[str, Any], beside: Beside) -> dict[str, Any]:
    """A row of CONFERENCE_FIELDS as JSON."""
    return {
        "id": uuid(row["id"]),
        "customer_id": uuid(row["workspace_id"]),
        "type": row["type"],
        "status": row["status"],
        "name": row["name"],
        "detail": row["detail"],
        "timeout": row["timeout"],
        "pre_flow_id": uuid(row["pre_flow_id"]),
        "post_flow_id": uuid(row["post_flow_id"]),
        "conferencecall_ids": [],
        **_recorded(row["id"], beside),
        "tm_end": time(row["tm_end"]),
        **_times(row),
        "number": row["number"],
    }


def _recorded(key: UUID, beside: Beside) -> dict[str, Any]:
    recordings = [uuid(found) for found in beside.recordings.get(key, [])]
    return {"recording_id": uuid(beside.active.get(key)), "recording_ids": recordings}


def _party(kept: dict[str, Any], number: str) -> dict[str, str]:
    return {
        "type": kept.get("type", "tel" if number else ""),
        "target": number,
        "target_name": kept.get("target_name", ""),
        "name": kept.get("name", ""),
        "detail": kept.get("detail", ""),
    }


def _times(row: dict[str, Any]) -> dict[str, str]:
    return {name: time(row[name]) for name in ("tm_create", "tm_update", "tm_delete")}


# --- Reading ------------------------------------------------------------------------------------------------------


def call_values(fields: Fields) -> dict[str, Any]:
    """The columns of a call that the body sets, but for its state and its owner. Raises FieldInvalid."""
    values: dict[str, Any] = {}
    for side, column in (("source", "from_number"), ("destination", "to_number")):
        if side in fields:
            party = fields.part(side)
            values[column] = party.text("target", longest=NUMBER_LENGTH)
            values[side] = {name: text for name in PARTY if (text := party.text(name))}
    if "direction" in fields:
        values["direction"] = fields.choice("direction", ("", *Direction.values), default="")
    if "type" in fields:
        values["type"] = fields.text("type", longest=32)
    if "engine_ref" in fields:
        values["engine_ref"] = fields.text("engine_ref")
    return values


def conference_values(fields: Fields) -> dict[str, Any]:
    """The columns of a conference that the body sets, but for its state and its owner. Raises FieldInvalid."""
    values: dict[str, Any] = {}
    if "type" in fields:
        values["type"] = fields.text("type", longest=32) or "conference"
    if "timeout" in fields:
        values["timeout"] = fields.whole("timeout", most=LONGEST_TIMEOUT)
    for name, longest in (("name", 200), ("detail", DETAIL_LENGTH), ("engine_ref", 200)):
        if name in fields:
            values[name] = fields.text(name, longest=longest)
    return values


def call_state(fields: Fields, *, default: str) -> str:
    return fields.choice("status", CallState.values, default=default)


def conference_state(fields: Fields, *, default: str) -> str:
    return fields.choice("status", ConferenceState.values, default=default)

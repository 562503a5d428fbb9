"""Flows and their runs as `resources` writes and reads them."""

from typing import Any

from calls import flows
from recordings.api.resources.wire.values import time, uuid
from workspaces.fields import Fields

FLOW_FIELDS = (
    *("id", "workspace_id", "type", "name", "detail", "actions", "on_complete_flow_id"),
    *("tm_create", "tm_update", "tm_delete"),
)
ACTIVEFLOW_FIELDS = (
    *("id", "workspace_id", "flow_id", "status", "reference_type", "reference_id", "reference_activeflow_id"),
    *("on_complete_flow_id", "actions", "step", "log", "tm_create", "tm_update", "tm_delete"),
)
NO_ACTION = {"id": uuid(None), "next_id": uuid(None), "type": "", "option": {}}
DETAIL_LENGTH = 500


def flow(row: dict[str, Any]) -> dict[str, Any]:
    """A row of FLOW_FIELDS as JSON."""
    return {
        "id": uuid(row["id"]),
        "customer_id": uuid(row["workspace_id"]),
        "type": row["type"],
        "name": row["name"],
        "detail": row["detail"],
        "actions": [_action(action) for action in row["actions"]],
        "on_complete_flow_id": uuid(row["on_complete_flow_id"]),
        **_times(row),
    }


def activeflow(row: dict[str, Any]) -> dict[str, Any]:
    """A row of ACTIVEFLOW_FIELDS as JSON. `executed_actions` holds an action as often as it was executed."""
    actions = {action["id"]: _action(action) for action in row["actions"]}
    waiting = row["status"] == "running" and row["step"] < len(row["actions"])
    return {
        "id": uuid(row["id"]),
        "customer_id": uuid(row["workspace_id"]),
        "flow_id": uuid(row["flow_id"]),
        "status": row["status"],
        "reference_type": row["reference_type"],
        "reference_id": uuid(row["reference_id"]),
        "reference_activeflow_id": uuid(row["reference_activeflow_id"]),
        "on_complete_flow_id": uuid(row["on_complete_flow_id"]),
        "current_action": _action(row["actions"][row["step"]]) if waiting else NO_ACTION,
        "forward_action_id": uuid(None),
        "executed_actions": [actions[entry["action"]] for entry in row["log"] if entry["action"] in actions],
        **_times(row),
    }


def flow_values(fields: Fields) -> dict[str, Any]:
    """The columns of a flow that the body sets, but for the flow that follows it. Raises FieldInvalid."""
    values: dict[str, Any] = {}
    if "type" in fields:
        values["type"] = fields.text("type", longest=32) or "flow"
    for name, longest in (("name", 200), ("detail", DETAIL_LENGTH)):
        if name in fields:
            values[name] = fields.text(name, longest=longest)
    if "actions" in fields:
        values["actions"] = flows.parsed(fields)
    return values


def _action(action: dict[str, Any]) -> dict[str, Any]:
    return {name: action[name] for name in NO_ACTION}


def _times(row: dict[str, Any]) -> dict[str, str]:
    return {name: time(row[name]) for name in ("tm_create", "tm_update", "tm_delete")}

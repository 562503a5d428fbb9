"""Recordings as `resources` writes them, in replies and in webhooks."""

import hmac
from hashlib import sha256
from typing import Any

from calls.models import Event
from calls.outbox import Style
from recordings.api.resources.wire.values import time, uuid
from recordings.models import Recording
from recordings.states import State

FIELDS = (
    *("id", "workspace_id", "owner_type", "owner_id", "activeflow_id", "reference_type", "reference_id"),
    *("status", "format", "on_end_flow_id", "tm_start", "tm_end", "tm_create", "tm_update", "tm_delete"),
)
"""The columns that a recording on this wire is made of."""


def recording(row: dict[str, Any]) -> dict[str, Any]:
    """A row of FIELDS as JSON: the fifteen keys of the documentation, in its order."""
    return {
        "id": uuid(row["id"]),
        "customer_id": uuid(row["workspace_id"]),
        "owner_type": row["owner_type"],
        "owner_id": uuid(row["owner_id"]),
        "activeflow_id": uuid(row["activeflow_id"]),
        "reference_type": row["reference_type"],
        "reference_id": uuid(row["reference_id"]),
        "status": row["status"],
        "format": row["format"],
        "on_end_flow_id": uuid(row["on_end_flow_id"]),
        "tm_start": time(row["tm_start"]),
        "tm_end": time(row["tm_end"]),
        "tm_create": time(row["tm_create"]),
        "tm_update": time(row["tm_update"]),
        "tm_delete": time(row["tm_delete"]),
    }


def row_of(model: Recording) -> dict[str, Any]:
    return {name: getattr(model, name) for name in FIELDS}


def webhook(event: Event) -> dict[str, Any]:
    """{"type", "data"}: the recording as it was at the event, however late the event is delivered."""
    types = {"recording.ended": "recording_finished"}
    row = row_of(Recording.objects.get(pk=event.payload["recording_id"]))
    if row["status"] != event.payload["status"]:
        row |= {"status": event.payload["status"], "tm_update": event.at}
        row["tm_end"] = None if event.payload["status"] != State.ENDED else row["tm_end"]
    return {"type": types.get(event.type, event.type.replace(".", "_")), "data": recording(row)}


def sign(body: bytes, secret: str) -> dict[str, str]:
    """HMAC-SHA256 of the body under the endpoint's secret, as it was shown (`whsec_…`)."""
    return {"X-VoIPBIN-Signature": f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"}


STYLE = Style(events=frozenset({"recording.started", "recording.ended"}), render=webhook, sign=sign)

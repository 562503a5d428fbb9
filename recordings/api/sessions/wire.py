"""What `sessions` reads and writes: the body of a command, its answer, and the webhooks."""

import re
from typing import Any

import orjson

from calls.models import Event
from calls.outbox import Style
from recordings import playback
from recordings.api.kit.problems import BodyMalformed, RequestInvalid
from recordings.capture.tokens import stream_url
from recordings.models import Recording
from workspaces.ids import new_id

TIMEOUT_MS = 2000
COMMAND_UID = re.compile(r"[a-zA-Z0-9._-]{1,128}")


def command_uid(body: bytes) -> str:
    """The command's uid, made here where the body gives none.

    The body is JSON {command_uid?}, whatever its Content-Type; nothing at all is {}. Raises BodyMalformed for any
    other field, and RequestInvalid for a uid of another form.
    """
    try:
        given = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise BodyMalformed(str(error)) from error
    if not isinstance(given, dict) or given.keys() - {"command_uid"}:
        raise BodyMalformed("only command_uid is accepted")
    uid = given.get("command_uid", str(new_id()))
    if not isinstance(uid, str) or not COMMAND_UID.fullmatch(uid):
        raise RequestInvalid("Invalid command_uid format")
    return uid


def accepted(uid: str) -> dict[str, Any]:
    """The 202 of a command."""
    return {"operation_id": uid, "status": "in_progress", "timeout_ms": TIMEOUT_MS}


def answer(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored 202 in the order of a fresh one, byte for byte: a database may keep the keys of JSON in its own."""
    return {name: stored[name] for name in accepted("")}


def webhook(event: Event) -> dict[str, Any]:
    """An event as a flat body. Types that this style has no words for keep their own name and payload."""
    writers = {
        "command.result": _command_result,
        "recording.ended": _recording_completed,
        "recording.requested": _recording_requested,
    }
    write = writers.get(event.type)
    if write is None:
        return {"event": event.type, "session_uuid": event.session_id, **event.payload}
    return write(event)


def _command_result(event: Event) -> dict[str, Any]:
    payload = event.payload
    return {
        "event": "command.result",
        "session_uuid": event.session_id,
        "command_uid": payload["command_uid"],
        "command": payload["command"],
        "success": payload["success"],
        **({"error": payload["error"]} if "error" in payload else {}),
        "sequence": event.sequence,
    }


def _recording_completed(event: Event) -> dict[str, Any]:
    recording = Recording.objects.get(pk=event.payload["recording_id"])
    return {
        "event": "recording.completed",
        "session_uuid": event.session_id,
        "recording_url": playback.recording_url(recording),
        "duration": event.payload["duration_ms"] / 1000,
        "command_uid": event.payload["command_uid"],
        "sequence": event.sequence,
    }


def _recording_requested(event: Event) -> dict[str, Any]:
    recording = Recording.objects.get(pk=event.payload["recording_id"])
    return {
        "event": "recording.requested",
        "session_uuid": event.session_id,
        "recording_id": str(recording.id),
        "stream_url": stream_url(recording),
        "command_uid": event.payload["command_uid"],
    }


STYLE = Style(events=frozenset({"command.result", "recording.ended"}), render=webhook)

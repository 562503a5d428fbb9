"""Flows: reading their actions when they are saved, and running them step by step.

A step is done and counted in one transaction, so it is done once whatever becomes of the task; only a request to an
integrator's server, which no transaction holds, may come a second time. `due_at` is when a run must next be looked
at, and its lease while somebody looks.

| action | option | what it does |
|---|---|---|
| recording_start | format, end_of_silence, end_of_key, duration, on_end_flow_id | records what the run is about |
| recording_stop | – | stops that recording |
| webhook_send | uri, data, data_type, method (POST) | sends `data` to `uri`; `${name}` stands for a variable |
| wait, sleep | duration (ms) | waits |

The recording actions are carried out by `recordings`, which registers for them when the apps are ready.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from calls import outbound
from calls.errors import ActionFailed
from calls.lifecycle import end_flow
from calls.models import Activeflow
from calls.states import FlowState
from workspaces.clock import now
from workspaces.errors import FieldInvalid
from workspaces.fields import ZERO, Fields
from workspaces.ids import new_id

RECORDING_START = "recording_start"
RECORDING_STOP = "recording_stop"
WEBHOOK_SEND = "webhook_send"
WAITS = frozenset({"wait", "sleep"})
PORT = (RECORDING_START, RECORDING_STOP)

ACTIONS_MAX = 200
STEPS_MAX = 1000
"""Steps of one run: actions may lead back to each other, and a circle is cut."""
LONGEST_WAIT_MS = 7 * 86_400_000
DATA_LENGTH = 65_536
URL_LENGTH = 2000
ATTEMPTS = 3
STUCK_AFTER = 5
"""Attempts at one step after which whatever ends them, such as a process that dies in it, need not be tried again."""
RETRY_AFTER = timedelta(seconds=5)
LEASE_MARGIN = timedelta(seconds=30)

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_.]{1,128})\}")


@dataclass(frozen=True, slots=True)
class Port:
    """What another app does for an action: `check` reads its option as it is to be kept, `act` carries it out."""

    check: Callable[[Fields], dict[str, Any]]
    act: Callable[[Activeflow, dict[str, Any]], None]
    """In the transaction that counts the step. Raises ActionFailed with a sentence."""


_ports: dict[str, Port] = {}


def register(action: str, port: Port) -> None:
    _ports[action] = port


def missing() -> list[str]:
    """Actions that nobody carries out."""
    return [action for action in PORT if action not in _ports]


# --- Reading ----------------------------------------------------------------------------------------------------


def parsed(fields: Fields) -> list[dict[str, Any]]:
    """The `actions` of a flow as they are kept: [{id, next_id, type, option}].

    Raises FieldInvalid with the path of the fault: an unknown type, an option that cannot be, a next_id that is no
    action's.
    """
    actions = [_parsed(action) for action in fields.parts("actions", most=ACTIONS_MAX)]
    ids = {action["id"] for action in actions}
    if len(ids) < len(actions):
        raise FieldInvalid(fields.at("actions"), "must have each id once")
    for index, action in enumerate(actions):
        if action["next_id"] not in {*ids, str(ZERO)}:
            raise FieldInvalid(f"{fields.at('actions')}[{index}].next_id", "must be the id of an action of this flow")
    return actions


def _parsed(action: Fields) -> dict[str, Any]:
    kind = action.text("type", needed=True)
    option = action.part("option")
    if kind in PORT:
        kept = _ports[kind].check(option)
    elif kind == WEBHOOK_SEND:
        kept = _webhook_option(option)
    elif kind in WAITS:
        kept = {"duration": option.whole("duration", most=LONGEST_WAIT_MS)}
    else:
        known = ", ".join([*PORT, WEBHOOK_SEND, *sorted(WAITS)])
        raise FieldInvalid(action.at("type"), f"is none of the actions that can be run: {known}")
    return {
        "id": str(action.uuid("id") or new_id()),
        "next_id": str(action.uuid("next_id") or ZERO),
        "type": kind,
        "option": kept,
    }


def _webhook_option(option: Fields) -> dict[str, Any]:
    uri = option.text("uri", longest=URL_LENGTH, needed=True)
    try:
        outbound.parse(uri)
    except outbound.Unreachable as error:
        raise FieldInvalid(option.at("uri"), "must be an http or https address") from error
    option.choice("method", ("POST", "post"), default="POST")
    return {
        "method": "POST",
        "uri": uri,
        "data_type": option.text("data_type") or "application/json",
        "data": option.text("data", longest=DATA_LENGTH),
    }


# --- Running ----------------------------------------------------------------------------------------------------


def due(limit: int) -> list[UUID]:
    """Runs that are due, the longest due first: what the sweep hints."""
    rows = Activeflow.objects.filter(due_at__lte=now(), status=FlowState.RUNNING)
    return list(rows.order_by("due_at").values_list("id", flat=True)[:limit])


def run(activeflow_id: UUID) -> None:
    """Bring a run on until it waits or ends, if it is due and nobody else does. Safe to call at any time."""
    while (found := _claim(activeflow_id)) is not None:
        if found.step >= len(found.actions) or found.steps_done >= STEPS_MAX:
            end_flow(found)
            return
        action = found.actions[found.step]
        if found.attempts > STUCK_AFTER:
            _done(found, action, error="no attempt at it came to an end")
        elif action["type"] == WEBHOOK_SEND:
            _send(found, action)
        elif action["type"] in WAITS:
            wait = timedelta(milliseconds=action["option"]["duration"])
            _done(found, action, due_in=wait)
        else:
            _carry_out(found, action)


def _claim(activeflow_id: UUID) -> Activeflow | None:
    """The run, leased to us; None where it is not due."""
    moment = now()
    lease = moment + timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS) + LEASE_MARGIN
    due_now = Activeflow.objects.filter(pk=activeflow_id, status=FlowState.RUNNING, due_at__lte=moment)
    if not due_now.update(due_at=lease, attempts=F("attempts") + 1):
        return None
    return Activeflow.objects.select_related("workspace", "flow").get(pk=activeflow_id)


def _carry_out(found: Activeflow, action: dict[str, Any]) -> None:
    """An action of the port, done and counted in one transaction; what failed is undone, and logged."""
    with transaction.atomic():
        error = ""
        try:
            with transaction.atomic():
                _ports[action["type"]].act(found, action["option"])
        except ActionFailed as failure:
            error = str(failure)
        if not _done(found, action, error=error):
            transaction.set_rollback(True)  # it took longer than its lease, and somebody else does it


def _send(found: Activeflow, action: dict[str, Any]) -> None:
    """Outside of any transaction; tried again a few times, then logged and passed over."""
    option = action["option"]
    try:
        reply = outbound.post(
            _filled(option["uri"], found.variables),
            body=_filled(option["data"], found.variables).encode(),
            headers={"content-type": option["data_type"], "user-agent": "Tapedeck"},
            seconds=settings.WEBHOOK_TIMEOUT_SECONDS,
        )
        error = "" if 200 <= reply.status < 300 else f"the server answered {reply.status}"
    except outbound.Unreachable as failure:
        error = str(failure)
    if error and found.attempts < ATTEMPTS:
        again = now() + RETRY_AFTER * found.attempts
        Activeflow.objects.filter(pk=found.pk, due_at=found.due_at).update(due_at=again, tm_update=now())
    else:
        _done(found, action, error=error)


def _filled(text: str, variables: dict[str, str]) -> str:
    """The text with its variables put in; a name that is none stays as it stands."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), text)


def _done(found: Activeflow, action: dict[str, Any], *, error: str = "", due_in: timedelta = timedelta(0)) -> bool:
    """Count the step and go on to the one that follows it. False where the lease was lost: nothing is changed then."""
    moment = now()
    following = [index for index, each in enumerate(found.actions) if each["id"] == action["next_id"]]
    entry = {"action": action["id"], "at": moment.isoformat(), "error": error}
    leased = Activeflow.objects.filter(pk=found.pk, status=FlowState.RUNNING, due_at=found.due_at)
    moved = leased.update(
        step=following[0] if following else found.step + 1,
        steps_done=found.steps_done + 1,
        attempts=0,
        log=[*found.log, entry],
        due_at=moment + due_in,
        tm_update=moment,
    )
    return bool(moved)

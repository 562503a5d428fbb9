"""Session commands: taken once per (session, command, uid), then handed to whoever registered for them.

The port is filled from above: `recordings` registers the record commands when the apps are ready, and a system check
fails the boot where a command has no handler.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction

from calls import outbox
from calls.errors import CommandFailed, CooldownRunning, SessionUnknown
from calls.models import Session, SessionCommand
from workspaces.audit import Actor
from workspaces.clock import now

RECORD_START = "record/start"
RECORD_STOP = "record/stop"
COMMANDS = (RECORD_START, RECORD_STOP)
HEAVY = frozenset({RECORD_START, RECORD_STOP, "play_and_get_digits"})
"""One cooldown per session for all of these (seed 002)."""
COOLDOWN = timedelta(seconds=2)

Handler = Callable[[Session, str, Actor], None]
"""(session, command uid, actor): carries the command out in the caller's transaction, or raises CommandFailed."""

_handlers: dict[str, Handler] = {}


def register(command: str, handler: Handler) -> None:
    _handlers[command] = handler


def missing() -> list[str]:
    """Commands that nobody handles."""
    return [command for command in COMMANDS if command not in _handlers]


def dispatch(session_id: str, command: str, *, uid: str, actor: Actor, response: dict[str, Any]) -> dict[str, Any]:
    """Take a command: store `response` under its uid, carry it out, and tell of the result, all in one transaction.

    The same uid again returns the stored response, with no second effect and no cooldown.
    Raises SessionUnknown, and CooldownRunning where the heavy group was used less than 2 s ago.
    """
    with transaction.atomic():
        # no_key: an event of the same session, written elsewhere, refers to this row and need not wait for us.
        session = Session.objects.select_for_update(no_key=True).filter(pk=session_id).first()
        if session is None:
            raise SessionUnknown(session_id)
        stored = SessionCommand.objects.filter(session=session, command=command, uid=uid).first()
        if stored is not None:
            return dict(stored.response)
        if command in HEAVY:
            _cool_down(session)
        SessionCommand.objects.create(session=session, command=command, uid=uid, response=response)
        error = _carry_out(session, command, uid, actor)
        payload: dict[str, Any] = {"command_uid": uid, "command": command, "success": not error}
        outbox.emit(
            "command.result",
            workspace=session.workspace,
            subject_id=None,
            payload=payload | ({"error": error} if error else {}),
            session=session,
        )
    return response


def _cool_down(session: Session) -> None:
    moment = now()
    if session.heavy_at is not None and (passed := moment - session.heavy_at) < COOLDOWN:
        raise CooldownRunning(min(COOLDOWN, COOLDOWN - passed).total_seconds())
    session.heavy_at = moment
    session.save(update_fields=["heavy_at"])


def _carry_out(session: Session, command: str, uid: str, actor: Actor) -> str:
    """The text of what went wrong, or ""."""
    try:
        with transaction.atomic():  # what a failed command began is undone; the command's own row stays
            _handlers[command](session, uid, actor)
    except CommandFailed as failure:
        return str(failure)
    return ""

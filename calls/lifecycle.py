"""The only writer of a call's state."""

from datetime import datetime
from typing import Any

from django.db import transaction

from calls.errors import CallStateInvalid
from calls.models import Call
from calls.signals import call_ended
from calls.states import CallState, sources
from workspaces.audit import Actor
from workspaces.clock import now
from workspaces.models import Workspace


def register_call(
    workspace: Workspace,
    *,
    from_number: str = "",
    to_number: str = "",
    status: str = CallState.PROGRESSING,
    engine_ref: str = "",
    metadata: dict[str, Any] | None = None,
) -> Call:
    """A call that we are told of. Numbers are kept as given."""
    moment = now()
    return Call.objects.create(
        workspace=workspace,
        from_number=from_number[:128],
        to_number=to_number[:128],
        status=status,
        engine_ref=engine_ref[:200],
        metadata=metadata or {},
        tm_progressing=moment if status == CallState.PROGRESSING else None,
        tm_create=moment,
        tm_update=moment,
    )


def move(call: Call, *, to: str, actor: Actor, reason: str = "") -> None:
    """Bring a call into the state `to`; CallStateInvalid where no arrow leads there from where it is.

    A call that reaches hangup is told to `calls.signals.call_ended` in the same transaction.
    """
    moment = now()
    values: dict[str, datetime | str] = {"status": to, "tm_update": moment}
    if to == CallState.PROGRESSING:
        values["tm_progressing"] = moment
    if to == CallState.HANGUP:
        values |= {"tm_hangup": moment, "hangup_reason": reason[:64]}
    with transaction.atomic():
        if not Call.objects.filter(pk=call.pk, status__in=sources(to)).update(**values):
            call.refresh_from_db()
            raise CallStateInvalid(f"a call that is {call.status} cannot become {to}", status=call.status, to=to)
        call.refresh_from_db()
        if to == CallState.HANGUP:
            call_ended.send(sender=Call, call=call, actor=actor)

"""The only writer of the states of calls, conferences and runs of flows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from calls.errors import CallStateInvalid
from calls.hints import hint
from calls.models import Activeflow, Call, Conference, Flow, Number
from calls.signals import call_ended, conference_ended
from calls.states import CONFERENCE_ARROWS, CallState, ConferenceState, FlowState, sources
from workspaces.audit import Actor
from workspaces.clock import NEVER, now
from workspaces.models import Workspace

RUN_FLOW = "calls.tasks.run_flow"
DEPTH_MAX = 8
"""Runs that may begin one another, by on_complete_flow_id, before the chain is cut."""


def register_call(
    workspace: Workspace,
    *,
    from_number: str = "",
    to_number: str = "",
    status: str = CallState.PROGRESSING,
    engine_ref: str = "",
    metadata: dict[str, Any] | None = None,
    **more: Any,
) -> Call:
    """A call that we are told of. Numbers are kept as given. `more` holds further columns: direction, owner, …"""
    moment = now()
    return Call.objects.create(
        id=Number.next(),
        workspace=workspace,
        from_number=from_number[:128],
        to_number=to_number[:128],
        status=status,
        engine_ref=engine_ref[:200],
        metadata=metadata or {},
        tm_ringing=moment if status == CallState.RINGING else None,
        tm_progressing=moment if status == CallState.PROGRESSING else None,
        tm_hangup=moment if status == CallState.HANGUP else None,
        tm_create=moment,
        tm_update=moment,
        **more,
    )


def move(call: Call, *, to: str, actor: Actor, reason: str = "", by: str = "") -> None:
    """Bring a call into the state `to`; CallStateInvalid where no arrow leads there from where it is.

    A call that reaches hangup ends the flows that run on it, and is told to `calls.signals.call_ended` in the same
    transaction.
    """
    moment = now()
    values: dict[str, datetime | str] = {"status": to, "tm_update": moment}
    if to == CallState.RINGING:
        values["tm_ringing"] = moment
    if to == CallState.PROGRESSING:
        values["tm_progressing"] = moment
    if to == CallState.HANGUP:
        values |= {"tm_hangup": moment, "hangup_reason": reason[:64], "hangup_by": by[:16]}
    with transaction.atomic():
        if not Call.objects.filter(pk=call.pk, status__in=sources(to)).update(**values):
            call.refresh_from_db()
            raise CallStateInvalid(f"a call that is {call.status} cannot become {to}", status=call.status, to=to)
        call.refresh_from_db()
        if to == CallState.HANGUP:
            _end_flows_on(call.uuid)
            call_ended.send(sender=Call, call=call, actor=actor)


def register_conference(workspace: Workspace, *, status: str = ConferenceState.PROGRESSING, **more: Any) -> Conference:
    """A conference that we are told of. `more` holds further columns: name, detail, owner, …"""
    moment = now()
    return Conference.objects.create(
        number=Number.next(),
        workspace=workspace,
        status=status,
        tm_end=moment if status == ConferenceState.TERMINATED else None,
        tm_create=moment,
        tm_update=moment,
        **more,
    )


def move_conference(conference: Conference, *, to: str, actor: Actor) -> None:
    """Bring a conference into the state `to`; CallStateInvalid where no arrow leads there from where it is.

    One that is terminated ends the flows that run on it, and is told to `calls.signals.conference_ended` in the same
    transaction.
    """
    moment = now()
    values: dict[str, datetime | str] = {"status": to, "tm_update": moment}
    if to == ConferenceState.TERMINATED:
        values["tm_end"] = moment
    with transaction.atomic():
        allowed = sources(to, CONFERENCE_ARROWS)
        if not Conference.objects.filter(pk=conference.pk, status__in=allowed).update(**values):
            conference.refresh_from_db()
            raise CallStateInvalid(
                f"a conference that is {conference.status} cannot become {to}", status=conference.status, to=to
            )
        conference.refresh_from_db()
        if to == ConferenceState.TERMINATED:
            _end_flows_on(conference.id)
            conference_ended.send(sender=Conference, conference=conference, actor=actor)


def begin_flow(
    flow: Flow,
    *,
    reference_type: str,
    reference_id: UUID,
    variables: Mapping[str, str] | None = None,
    after: Activeflow | None = None,
) -> Activeflow:
    """A run of the flow, whose steps begin once this commits. `after` is the run whose completion began it."""
    moment = now()
    run = Activeflow.objects.create(
        workspace=flow.workspace,
        flow=flow,
        status=FlowState.RUNNING,
        reference_type=reference_type,
        reference_id=reference_id,
        reference_activeflow_id=after.id if after else None,
        on_complete_flow_id=flow.on_complete_flow_id,
        variables=dict(variables or {}),
        actions=flow.actions,
        depth=after.depth + 1 if after else 0,
        due_at=moment,
        tm_create=moment,
        tm_update=moment,
    )
    hint(RUN_FLOW, run.id)
    return run


def end_flow(run: Activeflow) -> bool:
    """running → ended; begins the flow that follows on completion. False where it had ended already."""
    moment = now()
    with transaction.atomic():
        running = Activeflow.objects.filter(pk=run.pk, status=FlowState.RUNNING)
        if not running.update(status=FlowState.ENDED, due_at=None, tm_end=moment, tm_update=moment):
            return False
        run.refresh_from_db()
        following = known_flow(run.workspace, run.on_complete_flow_id) if run.depth < DEPTH_MAX else None
        if following is not None:
            begin_flow(
                following,
                reference_type=run.reference_type,
                reference_id=run.reference_id,
                variables=run.variables,
                after=run,
            )
    return True


def known_flow(workspace: Workspace, flow_id: UUID | None) -> Flow | None:
    """The workspace's flow of this id, unless it was deleted."""
    if flow_id is None:
        return None
    return Flow.objects.of(workspace).select_related("workspace").filter(pk=flow_id, tm_delete=NEVER).first()


def _end_flows_on(reference_id: UUID) -> None:
    """Nothing can be done to a call that is over; runs about its recordings go on."""
    moment = now()
    running = Activeflow.objects.filter(reference_id=reference_id, status=FlowState.RUNNING)
    running.update(status=FlowState.ENDED, due_at=None, tm_end=moment, tm_update=moment)

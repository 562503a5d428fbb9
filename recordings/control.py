"""What others make of a recording: the handlers behind the ports `calls.commands` and `calls.flows`, a surface's start
and stop, and the end of a call or a conference."""

from typing import Any
from uuid import UUID

from django.db import transaction

from calls.errors import ActionFailed, CommandFailed
from calls.models import Activeflow, Call, Conference, Reference, Session
from recordings import lifecycle, terms
from recordings.errors import AlreadyActive, FlowUnknown, NotActive, RecordingDisabled, ReferenceNotLive
from recordings.models import Recording
from recordings.states import ACTIVE, EndReason, RecordingType, ReferenceType
from recordings.terms import Terms
from workspaces.audit import Actor
from workspaces.errors import FieldInvalid
from workspaces.fields import Fields
from workspaces.models import Workspace

# --- Of a call or a conference --------------------------------------------------------------------------------------


def reference_of(recording: Recording) -> Reference:
    """The call or conference that is recorded."""
    if recording.reference_type == ReferenceType.CALL:
        return Call.objects.select_related("workspace").get(uuid=recording.reference_id)
    return Conference.objects.select_related("workspace").get(pk=recording.reference_id)


def stop_active(reference: Reference, *, actor: Actor) -> UUID:
    """Stop the reference's recording that is active, and give its id. Raises NotActive where there is none."""
    active = Recording.objects.filter(
        workspace=reference.workspace_id,
        reference_id=reference.uuid,
        recording_type=RecordingType.FULL_CALL,
        status__in=ACTIVE,
    )
    recording_id = active.values_list("id", flat=True).first()
    if recording_id is None or not lifecycle.stop(recording_id, reason=EndReason.REQUESTED, actor=actor):
        raise NotActive("No active recording")
    return recording_id


def stop_with_call(
    sender: object,  # noqa: ARG001 - signals send it
    *,
    call: Call,
    actor: Actor,
    **_: object,
) -> None:
    """`calls.signals.call_ended`: whatever of the call is being recorded stops."""
    _stop_all(ReferenceType.CALL, call.uuid, actor=actor)


def stop_with_conference(
    sender: object,  # noqa: ARG001 - signals send it
    *,
    conference: Conference,
    actor: Actor,
    **_: object,
) -> None:
    """`calls.signals.conference_ended`: whatever of the conference is being recorded stops."""
    _stop_all(ReferenceType.CONFBRIDGE, conference.id, actor=actor)


def _stop_all(reference_type: ReferenceType, reference_id: UUID, *, actor: Actor) -> None:
    active = Recording.objects.filter(reference_type=reference_type, reference_id=reference_id, status__in=ACTIVE)
    for recording_id in active.values_list("id", flat=True):
        lifecycle.stop(recording_id, reason=EndReason.HANGUP, actor=actor, cause="hangup")


# --- Commands of a session --------------------------------------------------------------------------------------------


def record_start(session: Session, uid: str, actor: Actor) -> None:
    """Begin a recording of the session's call under the command's uid. CommandFailed says in plain words why not."""
    try:
        lifecycle.start(session.call, actor=actor, command_uid=uid)
    except AlreadyActive as error:
        raise CommandFailed("Recording is already active") from error
    except RecordingDisabled as error:
        raise CommandFailed("Recording is disabled") from error
    except ReferenceNotLive as error:
        raise CommandFailed("Call is not in progress") from error


def record_stop(session: Session, uid: str, actor: Actor) -> None:  # noqa: ARG001 - the port's signature
    """Stop the recording of the session's call that is active. CommandFailed where there is none."""
    try:
        stop_active(session.call, actor=actor)
    except NotActive as error:
        raise CommandFailed("No active recording") from error


# --- Actions of a flow ------------------------------------------------------------------------------------------------


def check_start(option: Fields) -> dict[str, Any]:
    """The option of a flow's recording_start as it is kept. Raises FieldInvalid."""
    read = terms.read(option)
    return {
        "format": read.format,
        "end_of_silence": read.end_of_silence,
        "end_of_key": read.end_of_key or "none",
        "duration": read.max_duration,
        "on_end_flow_id": str(read.on_end_flow_id) if read.on_end_flow_id else "",
    }


def check_stop(option: Fields) -> dict[str, Any]:  # noqa: ARG001 - it has none
    return {}


def flow_start(run: Activeflow, option: dict[str, Any]) -> None:
    """Record what the run is about. ActionFailed says why not."""
    reference = _reference_of(run)
    try:
        asked = terms.read(Fields(option), conference=isinstance(reference, Conference))
        start(reference, asked, workspace=run.workspace, actor=_actor(run), activeflow_id=run.id)
    except (AlreadyActive, RecordingDisabled, ReferenceNotLive, FlowUnknown, FieldInvalid) as error:
        raise ActionFailed(str(error)) from error


def start(
    reference: Reference, asked: Terms, *, workspace: Workspace, actor: Actor, activeflow_id: UUID | None = None
) -> Recording:
    """Record a reference on the terms that were asked for. Raises FlowUnknown, and what `lifecycle.start` does."""
    terms.check_flow(asked, workspace)
    with transaction.atomic():
        # Locked, so that an end of it that comes at once is before the start or stops what was started.
        rows = type(reference)._default_manager.select_related("workspace")  # noqa: SLF001 - Django's name
        locked = rows.select_for_update(of=("self",), no_key=True).get(pk=str(reference.pk))
        return lifecycle.start(locked, actor=actor, terms=asked, activeflow_id=activeflow_id)


def flow_stop(run: Activeflow, option: dict[str, Any]) -> None:  # noqa: ARG001 - the port's signature
    """Stop what is recorded of what the run is about. ActionFailed where nothing is."""
    try:
        stop_active(_reference_of(run), actor=_actor(run))
    except NotActive as error:
        raise ActionFailed(str(error)) from error


def _reference_of(run: Activeflow) -> Reference:
    """The call or conference of the run; for a run about a recording, what that is of."""
    if run.reference_type == "recording":
        return reference_of(Recording.objects.get(pk=run.reference_id))
    if run.reference_type == "call":
        return Call.objects.select_related("workspace").get(uuid=run.reference_id)
    return Conference.objects.select_related("workspace").get(pk=run.reference_id)


def _actor(run: Activeflow) -> Actor:
    return Actor.named(f"flow {run.flow}")

"""What others make of a recording: the handlers behind the port `calls.commands`, and the end of a call."""

from calls.errors import CommandFailed
from calls.models import Call, Session
from recordings import lifecycle
from recordings.errors import AlreadyActive, RecordingDisabled, ReferenceNotLive
from recordings.models import Recording
from recordings.states import ACTIVE, EndReason, RecordingType, ReferenceType
from workspaces.audit import Actor


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


def stop_with_call(
    sender: object,  # noqa: ARG001 - signals send it
    *,
    call: Call,
    actor: Actor,
    **_: object,
) -> None:
    """`calls.signals.call_ended`: whatever of the call is being recorded stops."""
    active = Recording.objects.filter(reference_type=ReferenceType.CALL, reference_id=call.uuid, status__in=ACTIVE)
    for recording_id in active.values_list("id", flat=True):
        lifecycle.stop(recording_id, reason=EndReason.HANGUP, actor=actor, cause="hangup")


def record_stop(session: Session, uid: str, actor: Actor) -> None:  # noqa: ARG001 - the port's signature
    """Stop the recording of the session's call that is active. CommandFailed where there is none."""
    active = Recording.objects.filter(
        reference_type=ReferenceType.CALL,
        reference_id=session.call.uuid,
        recording_type=RecordingType.FULL_CALL,
        status__in=ACTIVE,
    ).values_list("id", flat=True)
    recording_id = active.first()
    if recording_id is None or not lifecycle.stop(recording_id, reason=EndReason.REQUESTED, actor=actor):
        raise CommandFailed("No active recording")

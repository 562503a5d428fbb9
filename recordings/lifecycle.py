"""The only writer of a recording's state.

Every write is the same sentence (`_move`): the arrow is in ARROWS → UPDATE … WHERE status IN (sources) → act only if
one row changed → Transition row → Event row → after commit, hint. Whoever comes second changes nothing.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from calls import outbox
from calls.hints import hint
from calls.models import Call, Reference, Session
from calls.states import CallState
from recordings.audio.pcm import RATE
from recordings.errors import AlreadyActive, RecordingDisabled, ReferenceNotLive
from recordings.models import Recording, Stream, Transition
from recordings.states import ACTIVE, EndReason, RecordingType, ReferenceType, State, sources
from recordings.terms import PLAIN, Terms, run_on_end_flow
from workspaces import audit
from workspaces.audit import Actor
from workspaces.clock import NEVER, now
from workspaces.ids import new_id

LOOK_AGAIN = timedelta(seconds=5)
"""How soon the reconciler looks again at a recording that waits for its engine, its audio or its last pieces."""


def start(
    reference: Reference,
    *,
    actor: Actor,
    command_uid: str = "",
    recording_type: str = RecordingType.FULL_CALL,
    node_id: str = "",
    ask_engine: bool = True,
    terms: Terms = PLAIN,
    activeflow_id: UUID | None = None,
) -> Recording:
    """– → initiating: a recording of a call or a conference. With `ask_engine` the engine is asked for its audio once
    this commits; `activeflow_id` is the run that starts it.

    Raises RecordingDisabled, ReferenceNotLive, and AlreadyActive where a full_call of the reference runs already.
    """
    _check_recordable(reference)
    recording = Recording(
        workspace=reference.workspace,
        owner_type=reference.owner_type,
        owner_id=reference.owner_id,
        activeflow_id=activeflow_id,
        reference_type=ReferenceType.CALL if isinstance(reference, Call) else ReferenceType.CONFBRIDGE,
        reference_id=reference.uuid,
        recording_type=recording_type,
        node_id=node_id,
        command_uid=command_uid or str(new_id()),
        due_at=now() + LOOK_AGAIN,
        **asdict(terms),
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                recording.save(force_insert=True)
        except IntegrityError as error:
            raise _already_active(recording, error) from error
        _record(recording, from_state="", cause="start", actor=actor, event="recording.requested")
        if ask_engine:
            hint("recordings.tasks.begin", recording.id)
    return recording


def audio_arrived(recording_id: UUID, *, at: datetime, actor: Actor) -> datetime:
    """initiating → recording, by the first audio of the first stream. Returns frame 0's time, whoever set it."""
    with transaction.atomic():
        # Audio that comes between a stop and the socket's close still anchors the timeline.
        Recording.objects.filter(pk=recording_id, tm_start=None).update(tm_start=at, tm_update=now())
        _move(
            recording_id, to=State.RECORDING, cause="first_audio", actor=actor, event="recording.started", due_at=None
        )
        start_time = Recording.objects.values_list("tm_start", flat=True).get(pk=recording_id)
    return start_time or at


def stop(recording_id: UUID, *, reason: EndReason, actor: Actor, cause: str = "stop", detail: str = "") -> bool:
    """initiating, recording → stopping. False where it was no longer active: somebody else stopped it."""
    with transaction.atomic():
        moved = _move(
            recording_id,
            to=State.STOPPING,
            cause=cause,
            actor=actor,
            event="recording.stopping",
            end_reason=reason,
            end_detail=detail[:500],
            due_at=now() + LOOK_AGAIN,
        )
        if moved:
            hint("recordings.tasks.halt", recording_id)
            hint("recordings.tasks.finish", recording_id)
    return moved


def give_up(recording_id: UUID, *, reason: EndReason, actor: Actor, detail: str = "") -> bool:
    """initiating → ended: no audio came, or the engine refused. With a socket open it is stopped instead, so that
    what the socket may have received by now is kept."""
    with transaction.atomic():
        recording = _lock_for_end(recording_id)
        if recording.streams.exists():
            return stop(recording_id, reason=reason, actor=actor, cause=reason, detail=detail)
        if recording.status != State.INITIATING:
            return False
        return _move(
            recording_id,
            to=State.ENDED,
            cause=reason,
            actor=actor,
            event=_ended_event(recording),
            end_reason=reason,
            end_detail=detail[:500],
            **_end_values(frames=0, start=None),
        )


def end(recording_id: UUID, *, actor: Actor) -> bool:
    """stopping → ended, once every socket is closed and all it received is stored. False where that is not so yet."""
    with transaction.atomic():
        recording = _lock_for_end(recording_id)
        if recording.status != State.STOPPING or Stream.objects.filter(recording=recording_id).unfinished().exists():
            return False
        return _move(
            recording_id,
            to=State.ENDED,
            cause="stored",
            actor=actor,
            event=_ended_event(recording),
            **_end_values(frames=Stream.objects.filter(recording=recording_id).reach(), start=recording.tm_start),
        )


def end_lost(recording_id: UUID, *, actor: Actor) -> bool:
    """stopping → ended although a node never came back: what is stored is what there is, and the gap is on record."""
    with transaction.atomic():
        recording = _lock_for_end(recording_id)
        if recording.status != State.STOPPING:
            return False
        Stream.objects.filter(recording=recording_id).unfinished().update(
            closed_at=Coalesce("closed_at", now()), close_reason="node lost", frames_received=F("frames_stored")
        )
        return _move(
            recording_id,
            to=State.ENDED,
            cause="capture_lost",
            actor=actor,
            event=_ended_event(recording),
            end_reason=EndReason.CAPTURE_LOST,
            **_end_values(frames=Stream.objects.filter(recording=recording_id).reach(), start=recording.tm_start),
        )


def amend(recording_id: UUID, *, actor: Actor) -> None:
    """An ended recording got audio from a spool that came back: generation + 1, in which its chunks are heard, and
    the length anew. Nothing un-ends."""
    with transaction.atomic():
        recording = Recording.objects.select_for_update(no_key=True).get(pk=recording_id, status=State.ENDED)
        values = _end_values(frames=Stream.objects.filter(recording=recording_id).reach(), start=recording.tm_start)
        recording.frames, recording.duration_ms = values["frames"], values["duration_ms"]
        recording.tm_end = values["tm_end"]
        recording.generation += 1
        recording.due_at = recording.tm_update = now()
        recording.save(update_fields=["frames", "duration_ms", "tm_end", "generation", "due_at", "tm_update"])
        _record(recording, from_state=State.ENDED, cause="amended", actor=actor, event="recording.amended")
        hint("recordings.tasks.assemble", recording_id)


def delete(recording: Recording, *, actor: Actor, reason: str = "") -> bool:
    """Hide a recording; one that still runs is stopped and ends in silence. A held one is hidden too, and kept.

    False where it was deleted before.
    """
    with transaction.atomic():
        moment = now()
        hidden = Recording.objects.filter(pk=recording.pk, tm_delete=NEVER).update(tm_delete=moment, tm_update=moment)
        if not hidden:
            return False
        stop(recording.pk, reason=EndReason.REQUESTED, actor=actor, cause="delete")
        recording.refresh_from_db()
        _record(recording, from_state=recording.status, cause="delete", actor=actor, event="recording.deleted")
        audit.record(
            actor,
            "delete",
            workspace=recording.workspace,
            subject_type="recording",
            subject_id=recording.pk,
            data={"reason": reason},
        )
    return True


def _check_recordable(reference: Reference) -> None:
    if not reference.workspace.recording_enabled:
        raise RecordingDisabled("Recording is switched off for this workspace")
    if reference.status != CallState.PROGRESSING:  # a conference has the same word for it
        raise ReferenceNotLive(f"What is to be recorded is {reference.status}", status=reference.status)


def session_of(recording: Recording) -> Session | None:
    """The session whose app hears of this recording: the call's newest; a conference has none."""
    return Session.objects.filter(call__uuid=recording.reference_id).select_related("workspace").first()


def _lock_for_end(recording_id: UUID) -> Recording:
    """The end counts in the session's sequence. The session is locked first, as a command does: the other way round
    a stop and an end would wait for each other."""
    session = session_of(Recording.objects.get(pk=recording_id))
    if session is not None:
        Session.objects.select_for_update(no_key=True).get(pk=session.pk)
    return Recording.objects.select_for_update(no_key=True).get(pk=recording_id)


def _move(recording_id: UUID, *, to: State, cause: str, actor: Actor, event: str | None, **values: Any) -> bool:
    with transaction.atomic():
        recording = (
            Recording.objects.select_for_update(of=("self",), no_key=True)
            .select_related("workspace")
            .get(pk=recording_id)
        )
        before = recording.status
        allowed = sources(to)
        moved = Recording.objects.filter(pk=recording_id, status__in=allowed).update(
            status=to, tm_update=now(), **values
        )
        if not moved:
            return False
        recording.refresh_from_db()
        _record(recording, from_state=before, cause=cause, actor=actor, event=event)
        if to == State.ENDED:
            run_on_end_flow(recording)
            if recording.due_at:
                hint("recordings.tasks.assemble", recording_id)
    return True


def _record(recording: Recording, *, from_state: str, cause: str, actor: Actor, event: str | None) -> None:
    """The history and the outbox, in the transaction that changed the state."""
    Transition.objects.create(
        recording=recording,
        from_state=from_state,
        to_state=recording.status,
        cause=cause[:64],
        actor=str(actor),
    )
    if event is not None:
        outbox.emit(
            event,
            workspace=recording.workspace,
            subject_id=recording.id,
            payload={
                "recording_id": str(recording.id),
                "reference_type": recording.reference_type,
                "reference_id": str(recording.reference_id),
                "command_uid": recording.command_uid,
                "status": recording.status,
                "end_reason": recording.end_reason,
                "duration_ms": recording.duration_ms,
                "generation": recording.generation,
            },
            session=session_of(recording),
        )


def _ended_event(recording: Recording) -> str | None:
    """A deleted recording ends in silence."""
    return "recording.ended" if recording.tm_delete == NEVER else None


def _end_values(*, frames: int, start: datetime | None) -> dict[str, Any]:
    moment = now()
    return {
        "frames": frames,
        "duration_ms": frames * 1000 // RATE,
        "tm_end": start + timedelta(seconds=frames / RATE) if start else None,
        "url_expires_at": moment + timedelta(hours=settings.RECORDING_RETENTION_HOURS),
        "due_at": moment if frames else None,  # for `assemble`
    }


def _already_active(recording: Recording, error: IntegrityError) -> Exception:
    """AlreadyActive where that is what the database objected to; its own error otherwise."""
    of_it = Recording.objects.filter(reference_id=recording.reference_id, recording_type=RecordingType.FULL_CALL)
    running = of_it.filter(status__in=ACTIVE).first()
    if running is None:
        return error
    return AlreadyActive(f"A recording of this {recording.reference_type} is already active", recording_id=running.id)

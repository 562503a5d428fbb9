"""What is due and not yet done. The sweep makes every missed, doubled or killed task harmless: the row says what to do.

Every act here is safe to run twice and in parallel. A due row is claimed by moving its `due_at`, which is its lease.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from calls import engines, flows, webhooks
from calls.errors import EngineRefused
from calls.hints import hint
from recordings import assembly, control, joining, lifecycle, storage
from recordings.capture import ledger, tokens
from recordings.errors import StorageError
from recordings.models import Recording, Stream
from recordings.states import ACTIVE, EndReason, State
from workspaces import audit, idempotency, limits
from workspaces.audit import Actor
from workspaces.clock import now

logger = logging.getLogger(__name__)

ACTOR = Actor.named("reconciler")
BATCH = 200
LEASE = timedelta(seconds=30)
ASK_AGAIN = timedelta(seconds=10)


def ask(recording_id: UUID) -> None:
    """Ask the engine to stream a recording's audio, unless it was asked just now or streams already."""
    moment = now()
    waiting = Recording.objects.filter(pk=recording_id, status=State.INITIATING, streams=None)
    fresh = Q(asked_at=None) | Q(asked_at__lte=moment - ASK_AGAIN)
    if not Recording.objects.filter(fresh, pk__in=waiting.values("pk")).update(asked_at=moment):
        return
    recording = Recording.objects.get(pk=recording_id)
    try:
        engines.engine().begin(control.reference_of(recording), stream_url=tokens.stream_url(recording))
    except EngineRefused as refusal:
        lifecycle.give_up(recording_id, reason=EndReason.ENGINE_ERROR, actor=ACTOR, detail=str(refusal))


def halt(recording_id: UUID) -> None:
    """Tell the engine that a recording is over."""
    engines.engine().halt(control.reference_of(Recording.objects.get(pk=recording_id)))


def sweep() -> Counter[str]:
    """One round over everything that may be due; how many of each were looked at."""
    done: Counter[str] = Counter()
    done["recordings"] = sum(1 for recording in _claim_due() if _look_at(recording))
    done["silent nodes"] = _stop_on_silent_nodes()
    for delivery in webhooks.due(BATCH):
        hint("calls.tasks.deliver", delivery)
        done["deliveries"] += 1
    for run in flows.due(BATCH):
        hint("calls.tasks.run_flow", run)
        done["flows"] += 1
    done["audit entries"] = audit.seal()
    done["rate windows"] = limits.sweep()
    done["stored replies"] = idempotency.sweep()
    done["stale uploads"] = _sweep_storage(storage.sweep)
    done["stale joined files"] = _sweep_storage(joining.sweep)
    return done


def _sweep_storage(act: Callable[[], int]) -> int:
    try:
        return act()
    except StorageError as error:
        logger.warning("storage could not be swept; it is tried again in an hour: %s", error)
        return 0


def _claim_due() -> list[Recording]:
    with transaction.atomic():
        due = Recording.objects.filter(due_at__lte=now()).order_by("due_at")
        claimed = list(due.select_for_update(skip_locked=True, no_key=True)[:BATCH])
        Recording.objects.filter(pk__in=[recording.pk for recording in claimed]).update(due_at=now() + LEASE)
    return claimed


def _look_at(recording: Recording) -> bool:
    """One recording's next step. What fails is told and comes up again when its lease is over; others go on."""
    try:
        match recording.status:
            case State.INITIATING:
                _await_audio(recording)
            case State.RECORDING:
                _await_reconnect(recording)
            case State.STOPPING:
                assembly.finish(recording.pk)
            case State.ENDED:
                hint("recordings.tasks.assemble", recording.pk)
    except Exception:
        logger.exception("recording %s could not be brought on; it is tried again in %s", recording.pk, LEASE)
        return False
    return True


def _await_audio(recording: Recording) -> None:
    """Its time-out counts from when the engine could be asked: while no worker ran, nobody had asked it. A socket that
    came, said nothing and broke is waited for as any other that broke."""
    if _left_alone(recording):
        _await_reconnect(recording)
        return
    timeout = timedelta(seconds=settings.CAPTURE_START_TIMEOUT)
    overdue = now() - recording.tm_create >= timeout
    if overdue and (recording.asked_at is not None or recording.streams.exists()):
        lifecycle.give_up(recording.pk, reason=EndReason.NO_AUDIO, actor=ACTOR)
        return
    ask(recording.pk)
    waiting = Recording.objects.filter(pk=recording.pk, status=State.INITIATING)
    waiting.update(due_at=now() + (timeout if overdue else lifecycle.LOOK_AGAIN))


def _left_alone(recording: Recording) -> bool:
    """It had sockets, and none has been open for the time in which the engine might come back."""
    again = now() - timedelta(seconds=settings.CAPTURE_RECONNECT_SECONDS)
    present = Q(closed_at=None) | Q(closed_at__gt=again)
    return recording.streams.exists() and not recording.streams.filter(present).exists()


def _await_reconnect(recording: Recording) -> None:
    """The time in which the engine might have come back is over."""
    with transaction.atomic():
        locked = ledger.lock_unattended(recording.pk)
        if locked.streams.filter(closed_at=None).exists():
            Recording.objects.filter(pk=recording.pk).update(due_at=None)
            return
        last = locked.streams.order_by("-closed_at").first()
        died = last is not None and last.close_reason == ledger.DIED
        reason = EndReason.CAPTURE_LOST if died else EndReason.HANGUP
        ledger.stop_unattended(locked, reason=reason, cause="no_reconnect")


def _stop_on_silent_nodes() -> int:
    """Recordings whose capture process no longer lives are stopped; what it spooled is stored when it comes back."""
    silent = now() - timedelta(seconds=settings.CAPTURE_NODE_SILENT_AFTER)
    streams = Stream.objects.filter(
        closed_at=None, node__heartbeat_at__lt=silent, recording__status__in=ACTIVE
    ).select_related("node")
    found = list(streams[:BATCH])
    for stream in found:
        detail = f"The recording server {stream.node.host} is silent since {stream.node.heartbeat_at:%H:%M:%S} UTC"
        lifecycle.stop(
            stream.recording_id, reason=EndReason.CAPTURE_LOST, actor=ACTOR, cause="node_silent", detail=detail
        )
    return len(found)

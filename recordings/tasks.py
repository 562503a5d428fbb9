"""The Celery tasks: an id in, one call to the domain. Each is a hint that may come twice, late or never."""

from uuid import UUID

from celery import shared_task

from recordings import assembly
from recordings import reconcile as reconciler


@shared_task(name="recordings.tasks.begin")
def begin(recording_id: str) -> None:
    reconciler.ask(UUID(recording_id))


@shared_task(name="recordings.tasks.halt")
def halt(recording_id: str) -> None:
    reconciler.halt(UUID(recording_id))


@shared_task(name="recordings.tasks.finish")
def finish(recording_id: str) -> None:
    assembly.finish(UUID(recording_id))


@shared_task(name="recordings.tasks.assemble")
def assemble(recording_id: str) -> None:
    assembly.assemble(UUID(recording_id))


@shared_task(name="recordings.tasks.reconcile")
def reconcile() -> None:
    reconciler.sweep()

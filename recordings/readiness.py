"""Is everything there that recording a call needs: the checks behind /readyz, `doctor` and `up`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import connection

from calls.models import DeliveryState, WebhookDelivery
from recordings import storage
from recordings.errors import StorageError
from recordings.models import CaptureNode, Recording
from workspaces.clock import now

LATE = timedelta(minutes=1)
"""What has been due for longer says that nothing works through it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked thing; `sentence` says what was found, or what is wrong and what to do."""

    name: str
    good: bool
    sentence: str


def check(*, backlog: bool = False) -> list[Finding]:
    """Every check once, none of which raises. With `backlog` also how far behind the work is."""
    checks: dict[str, Callable[[], str]] = {
        "database": _database,
        "broker": _broker,
        "storage": _storage,
        "capture": _capture,
    }
    if backlog:
        checks |= {"recordings": _late_recordings, "webhooks": _late_deliveries}
    return list(_run(checks))


class NotReadyError(Exception):
    """A check failed; the message is its sentence."""


def _run(checks: dict[str, Callable[[], str]]) -> Iterator[Finding]:
    for name, act in checks.items():
        try:
            yield Finding(name, good=True, sentence=act())
        except Exception as error:  # noqa: BLE001 - whatever a check meets is its finding
            yield Finding(name, good=False, sentence=str(error) or type(error).__name__)


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return f"{connection.vendor} answers"


def _broker() -> str:
    if settings.CELERY_BROKER_URL.startswith("filesystem:"):
        if not Path(settings.BROKER_DIR, "queue").is_dir():
            raise NotReadyError(f"the broker's folder {settings.BROKER_DIR} is missing")
        return "the broker's folder is there"
    with current_app.connection_for_write(connect_timeout=1) as broker:
        broker.ensure_connection(max_retries=1, timeout=1)
    return "the broker answers"


def _storage() -> str:
    place = storage.describe()
    try:
        storage.probe()
    except StorageError as error:
        raise NotReadyError(f"{place}: {error}") from error
    return f"{place}: an object was written, read and removed"


def _capture() -> str:
    living = CaptureNode.objects.filter(heartbeat_at__gte=now() - timedelta(seconds=settings.CAPTURE_NODE_SILENT_AFTER))
    nodes = list(living)
    if not nodes:
        raise NotReadyError("no capture process lives; start one with `manage.py capture`")
    troubles = [node.trouble for node in nodes if node.trouble]
    if troubles:
        raise NotReadyError("; ".join(troubles))
    spooled = sum(node.spool_bytes for node in nodes)
    return f"{len(nodes)} capture process(es), {spooled} bytes in the spool"


def _late_recordings() -> str:
    late = Recording.objects.filter(due_at__lt=now() - LATE).count()
    if late:
        raise NotReadyError(f"{late} recordings wait for longer than a minute; is `celery beat` running?")
    return "none waits"


def _late_deliveries() -> str:
    late = WebhookDelivery.objects.filter(status=DeliveryState.PENDING, due_at__lt=now() - LATE).count()
    if late:
        raise NotReadyError(f"{late} deliveries wait for longer than a minute; is a `celery worker` running?")
    return "none waits"

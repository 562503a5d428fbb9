"""Acting once per key: the answer to a POST is kept with what was asked, and given again to the same key.

The row is written in the transaction that acts, so answer and effect are there together or not at all. A second
request with the key, while the first is being answered, waits for its row, and then gets the same answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.db import transaction

from workspaces.clock import now
from workspaces.errors import KeyReused
from workspaces.models import StoredReply

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status and JSON text, as they went out."""

    status: int
    body: str


def once(*, who: str, path: str, key: str, request: bytes, act: Callable[[], Answer]) -> Answer:
    """What `act` answers, or what it answered to this key within the last 24 hours. Only 2xx is kept.

    `who` tells callers apart, `request` is the body. Raises KeyReused where the key came with another body before;
    what `act` raises undoes what it did, and leaves the key free.
    """
    digest = sha256(f"{who}\0{path}\0{key}".encode()).hexdigest()
    fingerprint = sha256(request).hexdigest()
    with transaction.atomic():
        StoredReply.objects.filter(digest=digest, tm_create__lte=now() - KEPT).delete()
        # Waits where another transaction is inserting the same key, and goes on when that one is over.
        StoredReply.objects.bulk_create([StoredReply(digest=digest, request=fingerprint)], ignore_conflicts=True)
        row = StoredReply.objects.select_for_update().get(digest=digest)
        if row.request != fingerprint:
            raise KeyReused
        if row.status is not None:
            return Answer(row.status, row.body)
        answer = act()
        if 200 <= answer.status < 300:
            StoredReply.objects.filter(digest=digest).update(status=answer.status, body=answer.body)
        else:
            StoredReply.objects.filter(digest=digest).delete()
    return answer


def sweep() -> int:
    """Removes answers older than 24 hours; how many."""
    removed, _ = StoredReply.objects.filter(tm_create__lte=now() - KEPT).delete()
    return removed

"""Webhooks: each delivery row of the outbox is sent, signed, until it arrives or its schedule ends.

Signed by Standard Webhooks (standardwebhooks.com): `webhook-id` is the delivery's id, the same at every attempt.

Order. The sequenced events of a session reach an endpoint one after the other: a delivery waits while an earlier
one of the same endpoint and session is pending and was tried less than ORDER_ATTEMPTS times, so a dead event holds
the ones behind it back for some 40 s and no longer. As soon as the earlier one arrives, or gives up, or has used
its ORDER_ATTEMPTS, the next is made due and hinted.
"""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from standardwebhooks import Webhook

from calls import outbound, outbox
from calls.hints import hint
from calls.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from workspaces.clock import now

logger = logging.getLogger(__name__)

TASK = "calls.tasks.deliver"
SCHEDULE = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400, 86_400)
)
"""The waits between attempts; after the last the delivery has failed."""
MAX_ATTEMPTS = len(SCHEDULE) + 1
JITTER = 0.1
RETRY_AFTER_MAX = timedelta(hours=24)
ORDER_ATTEMPTS = 3
ORDER_WAIT = timedelta(seconds=2)
LEASE_MARGIN = timedelta(seconds=10)
"""Beyond the time-out, for resolving the name; a process that dies in an attempt is followed after that."""
USER_AGENT = "Tapedeck"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt. `status` is HTTP's, None where there was no reply; `error` is "" after success."""

    status: int | None = None
    error: str = ""
    retry_after: timedelta = timedelta(0)


def due(limit: int) -> list[UUID]:
    """Pending deliveries that are due, the longest due first: what the sweep hints."""
    rows = WebhookDelivery.objects.filter(status=DeliveryState.PENDING, due_at__lte=now())
    return list(rows.order_by("due_at").values_list("id", flat=True)[:limit])


def deliver(delivery_id: UUID) -> None:
    """Make one attempt, if the delivery is pending and due and nobody else is making one. Safe to call at any time."""
    delivery = (
        WebhookDelivery.objects.select_related("event__session", "endpoint")
        .filter(pk=delivery_id, status=DeliveryState.PENDING, due_at__lte=now())
        .first()
    )
    if delivery is None:
        return
    if not delivery.endpoint.enabled:
        _fail(delivery, Outcome(error="the endpoint is disabled"))
    elif delivery.attempts >= MAX_ATTEMPTS:  # the process died in the last one
        _fail(delivery, Outcome(error=delivery.error or "the last attempt did not end"))
    elif _waits(delivery):
        _mine(delivery).update(due_at=now() + ORDER_WAIT)
    elif _claim(delivery):
        _settle(delivery, _attempt(delivery))


def _mine(delivery: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    """The row, if it is still as we last saw it: who has taken or released it since has changed `due_at`."""
    return WebhookDelivery.objects.filter(pk=delivery.pk, status=DeliveryState.PENDING, due_at=delivery.due_at)


def _claim(delivery: WebhookDelivery) -> bool:
    lease = now() + timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS) + LEASE_MARGIN
    if not _mine(delivery).update(due_at=lease, attempts=F("attempts") + 1):
        return False
    delivery.due_at = lease
    delivery.attempts += 1
    return True


def _waits(delivery: WebhookDelivery) -> bool:
    event = delivery.event
    if event.sequence is None:
        return False
    return WebhookDelivery.objects.filter(
        endpoint=delivery.endpoint_id,
        status=DeliveryState.PENDING,
        attempts__lt=ORDER_ATTEMPTS,
        event__session=event.session_id,
        event__sequence__lt=event.sequence,
    ).exists()


def _attempt(delivery: WebhookDelivery) -> Outcome:
    """Write, sign and send; outside any transaction."""
    try:
        body, headers = _message(delivery)
    except Exception as error:
        logger.exception("event %s cannot be written for endpoint %s", delivery.event_id, delivery.endpoint_id)
        return Outcome(error=f"the event could not be written: {type(error).__name__}")
    try:
        reply = outbound.post(
            delivery.endpoint.url, body=body, headers=headers, seconds=settings.WEBHOOK_TIMEOUT_SECONDS
        )
    except outbound.Unreachable as error:
        return Outcome(error=str(error))
    if 200 <= reply.status < 300:
        return Outcome(status=reply.status)
    return Outcome(
        status=reply.status,
        error=f"the endpoint answered {reply.status}",
        retry_after=_retry_after(reply.headers),
    )


def _message(delivery: WebhookDelivery) -> tuple[bytes, dict[str, str]]:
    """The body, and headers that sign exactly these bytes."""
    endpoint = delivery.endpoint
    style = outbox.style(endpoint.style)
    body = orjson.dumps(style.render(delivery.event))
    moment = now()
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(endpoint.secret).sign(str(delivery.pk), moment, body.decode()),
    }
    return body, headers | (style.sign(body, endpoint.secret) if style.sign else {})


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """Retry-After as seconds or as a date (RFC 9110, 10.2.3), at most RETRY_AFTER_MAX; 0 where absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        # Nine digits are thirty years, and stay far from what timedelta cannot hold.
        return min(timedelta(seconds=int(text[:9])), RETRY_AFTER_MAX)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    if moment.tzinfo is None:  # "-0000" says UTC without saying where
        moment = moment.replace(tzinfo=UTC)
    return max(min(moment - now(), RETRY_AFTER_MAX), timedelta(0))


def _settle(delivery: WebhookDelivery, outcome: Outcome) -> None:
    if not outcome.error:
        _succeed(delivery, outcome)
    elif outcome.status == 410:
        WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(enabled=False)
        logger.warning("webhook endpoint %s answered 410 and is disabled", delivery.endpoint_id)
        _fail(delivery, outcome)
    elif delivery.attempts >= MAX_ATTEMPTS:
        logger.warning("delivery %s failed for good: %s", delivery.pk, outcome.error)
        _fail(delivery, outcome)
    else:
        _retry(delivery, outcome)


def _succeed(delivery: WebhookDelivery, outcome: Outcome) -> None:
    with transaction.atomic():
        # Not `_mine`: it has arrived, whoever has taken the row since a lease that ran out.
        WebhookDelivery.objects.filter(pk=delivery.pk).update(
            status=DeliveryState.DELIVERED,
            due_at=None,
            response_status=outcome.status,
            error="",
            delivered_at=now(),
        )
        _release_next(delivery)


def _fail(delivery: WebhookDelivery, outcome: Outcome) -> None:
    with transaction.atomic():
        _mine(delivery).update(
            status=DeliveryState.FAILED,
            due_at=None,
            response_status=outcome.status,
            error=outcome.error[:500],
        )
        _release_next(delivery)


def _retry(delivery: WebhookDelivery, outcome: Outcome) -> None:
    wait = SCHEDULE[delivery.attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load only
    with transaction.atomic():
        _mine(delivery).update(
            due_at=now() + max(wait, outcome.retry_after),
            response_status=outcome.status,
            error=outcome.error[:500],
        )
        if delivery.attempts >= ORDER_ATTEMPTS:
            _release_next(delivery)


def _release_next(delivery: WebhookDelivery) -> None:
    """Make the next event of the session due at this endpoint now, if it was never tried: it may have been waiting."""
    event = delivery.event
    if event.sequence is None:
        return
    waiting = WebhookDelivery.objects.filter(
        endpoint=delivery.endpoint_id,
        status=DeliveryState.PENDING,
        attempts=0,
        event__session=event.session_id,
        event__sequence__gt=event.sequence,
    )
    following = waiting.order_by("event__sequence").values_list("id", flat=True).first()
    if following is not None:
        WebhookDelivery.objects.filter(pk=following, status=DeliveryState.PENDING, attempts=0).update(due_at=now())
        hint(TASK, following)

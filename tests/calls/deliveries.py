"""Deliveries by hand: one emitted, attempted, made due."""

from datetime import timedelta

from workspaces.clock import now


def emit(session, kind="command.result", **payload):
    """The event's only delivery."""
    from calls import outbox

    event = outbox.emit(kind, workspace=session.workspace, subject_id=None, payload=payload, session=session)
    return event.deliveries.get()


def attempt(delivery):
    from calls import webhooks

    webhooks.deliver(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def make_due(delivery):
    from calls.models import WebhookDelivery

    WebhookDelivery.objects.filter(pk=delivery.pk).update(due_at=now())


def waits(delivery, *, low, high):
    """One attempt; whether it is due `low` to `high` seconds after it, however long the attempt itself took."""
    before = now()
    due_at = attempt(delivery).due_at
    return due_at >= before + timedelta(seconds=low) and due_at <= now() + timedelta(seconds=high)

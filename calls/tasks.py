"""Tasks of this app: an id in, one call."""

from uuid import UUID

from celery import shared_task

from calls import webhooks


@shared_task(name=webhooks.TASK)
def deliver(delivery_id: str) -> None:
    """Make one attempt at a webhook delivery, if one is due."""
    webhooks.deliver(UUID(delivery_id))

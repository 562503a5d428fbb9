"""Tasks of this app: an id in, one call."""

from uuid import UUID

from celery import shared_task

from calls import flows, webhooks
from calls.lifecycle import RUN_FLOW


@shared_task(name=webhooks.TASK)
def deliver(delivery_id: str) -> None:
    """Make one attempt at a webhook delivery, if one is due."""
    webhooks.deliver(UUID(delivery_id))


@shared_task(name=RUN_FLOW)
def run_flow(activeflow_id: str) -> None:
    """Bring a run of a flow on, if it is due."""
    flows.run(UUID(activeflow_id))

"""Calls, the sessions that command them, and the outbox that tells of them."""

from calls.models.calls import Call
from calls.models.events import DeliveryState, Event, WebhookDelivery, WebhookEndpoint, WebhookStyle
from calls.models.sessions import Session, SessionCommand

__all__ = [
    "Call",
    "DeliveryState",
    "Event",
    "Session",
    "SessionCommand",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookStyle",
]

"""Calls and conferences, the sessions that command them, chats, flows, and the outbox that tells of them."""

from calls.models.calls import Call, Conference, Number, Reference
from calls.models.chats import Chat, Visibility
from calls.models.events import DeliveryState, Event, WebhookDelivery, WebhookEndpoint, WebhookStyle
from calls.models.flows import Activeflow, Flow
from calls.models.sessions import Session, SessionCommand

__all__ = [
    "Activeflow",
    "Call",
    "Chat",
    "Conference",
    "DeliveryState",
    "Event",
    "Flow",
    "Number",
    "Reference",
    "Session",
    "SessionCommand",
    "Visibility",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookStyle",
]

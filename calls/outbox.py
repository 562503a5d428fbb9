"""The outbox: an event is a row written in the transaction that caused it, with a delivery row per endpoint wanting it.

The payload is neutral. Each webhook style registers, from its dialect, which events it sends unasked and how it
writes one; so nothing here knows a surface.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from calls.hints import hint
from calls.models import Event, Session, WebhookDelivery, WebhookEndpoint
from workspaces.models import Workspace

SEQUENCED = frozenset({"command.result", "recording.ended"})
"""The events that a session's app counts: `sequence` runs from 1 per session, without gaps."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one webhook style speaks: the events it sends unasked, and the JSON body of an event.

    `sign`, where given, takes the body's bytes and the endpoint's secret, and gives headers of the style's own that
    go beside those of Standard Webhooks.
    """

    events: frozenset[str]
    render: Callable[[Event], dict[str, Any]]
    sign: Callable[[bytes, str], dict[str, str]] | None = None


_styles: dict[str, Style] = {}


def register_style(name: str, style: Style) -> None:
    """Called by a dialect when the apps are ready."""
    _styles[name] = style


def style(name: str) -> Style:
    """The registered style; KeyError where no dialect brought it."""
    return _styles[name]


def styles() -> frozenset[str]:
    """The names of the registered styles."""
    return frozenset(_styles)


def emit(
    type: str,  # noqa: A002 - the field's name everywhere
    *,
    workspace: Workspace,
    subject_id: UUID | None,
    payload: dict[str, Any],
    session: Session | None = None,
) -> Event:
    """Write an event and its deliveries. Call it inside the transaction that causes the event."""
    sequence = _next_sequence(session) if session is not None and type in SEQUENCED else None
    event = Event.objects.create(
        workspace=workspace, type=type, subject_id=subject_id, payload=payload, session=session, sequence=sequence
    )
    deliveries = [WebhookDelivery(event=event, endpoint=endpoint) for endpoint in _wanting(event)]
    WebhookDelivery.objects.bulk_create(deliveries)
    for delivery in deliveries:
        hint("calls.tasks.deliver", delivery.id)
    return event


def _next_sequence(session: Session) -> int:
    Session.objects.filter(pk=session.pk).update(sequence=F("sequence") + 1)  # locks the row until commit
    return int(Session.objects.values_list("sequence", flat=True).get(pk=session.pk))


def _wanting(event: Event) -> list[WebhookEndpoint]:
    """Endpoints of the workspace; those of an app hear of that app's sessions only."""
    app = Q(app=None) | Q(app=event.session.app_id) if event.session else Q(app=None)
    endpoints = WebhookEndpoint.objects.of(event.workspace).filter(app, enabled=True)
    return [
        endpoint
        for endpoint in endpoints
        if endpoint.style in _styles and event.type in (frozenset(endpoint.events) or _styles[endpoint.style].events)
    ]

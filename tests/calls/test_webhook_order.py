import json

import pytest

from calls import outbox, webhooks
from calls.models import DeliveryState, WebhookDelivery
from tests.calls.deliveries import attempt, emit, make_due, waits

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def sent(integrator):
    return [json.loads(request.body)["sequence"] for request in integrator.requests]


def test_a_later_event_waits_for_the_earlier_and_follows_at_once(
    session, endpoint, integrator, hinted, django_capture_on_commit_callbacks
):
    endpoint(integrator.url)
    first, second = emit(session), emit(session, "recording.ended")
    assert waits(second, low=2, high=2)
    assert second.attempts == 0
    assert integrator.requests == []
    with django_capture_on_commit_callbacks(execute=True):
        attempt(first)
    assert hinted == [("calls.tasks.deliver", str(second.pk))]
    attempt(second)
    assert sent(integrator) == [1, 2]


def test_an_event_that_keeps_failing_holds_the_next_back_three_times(
    session, endpoint, integrator, hinted, django_capture_on_commit_callbacks
):
    endpoint(integrator.url)
    integrator.replies.extend([(500, {})] * 3)
    first, second = emit(session), emit(session)
    for _ in range(3):
        make_due(second)
        assert attempt(second).attempts == 0
        make_due(first)
        assert hinted == []
        with django_capture_on_commit_callbacks(execute=True):
            attempt(first)
    assert hinted == [("calls.tasks.deliver", str(second.pk))]
    assert attempt(second).status == DeliveryState.DELIVERED
    assert sent(integrator) == [1, 1, 1, 2]


def test_an_event_that_failed_for_good_lets_the_next_go(
    session, endpoint, integrator, hinted, django_capture_on_commit_callbacks
):
    endpoint(integrator.url)
    first, second = emit(session), emit(session)
    attempt(second)
    WebhookDelivery.objects.filter(pk=first.pk).update(attempts=webhooks.MAX_ATTEMPTS)
    with django_capture_on_commit_callbacks(execute=True):
        attempt(first)
    assert hinted == [("calls.tasks.deliver", str(second.pk))]
    assert attempt(second).status == DeliveryState.DELIVERED


def test_order_is_kept_per_endpoint_and_session_only(session, endpoint, integrator, cast, call):
    from calls.models import Session

    endpoint(integrator.url)
    emit(session)
    other = Session.objects.create(id="acW68-2", workspace=cast.workspace, app=cast.app, call=call)
    assert attempt(emit(other)).status == DeliveryState.DELIVERED
    later = endpoint(integrator.url)
    event = outbox.emit("command.result", workspace=cast.workspace, subject_id=None, payload={}, session=session)
    assert attempt(event.deliveries.get(endpoint=later)).status == DeliveryState.DELIVERED


def test_events_outside_the_sequence_wait_for_nothing(session, endpoint, integrator):
    endpoint(integrator.url, events=["recording.started", "command.result"])
    emit(session)
    started = emit(session, "recording.started")
    assert attempt(started).status == DeliveryState.DELIVERED
    assert json.loads(integrator.requests[0].body)["sequence"] is None

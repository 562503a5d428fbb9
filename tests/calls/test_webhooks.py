from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook

from calls import outbox, tasks, webhooks
from calls.models import DeliveryState, WebhookDelivery
from tests.calls.conftest import SECRET
from tests.calls.deliveries import attempt, emit, make_due, waits
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_delivery_arrives_signed(session, endpoint, integrator):
    endpoint(integrator.url)
    delivery = attempt(emit(session, name="Zoë"))
    (request,) = integrator.requests
    assert Webhook(SECRET).verify(request.body, request.headers) == {
        "type": "command.result",
        "sequence": 1,
        "name": "Zoë",
    }
    assert (request.headers["content-type"], request.headers["user-agent"]) == ("application/json", "Tapedeck")
    assert request.headers["webhook-id"] == str(delivery.pk)
    assert (delivery.status, delivery.due_at, delivery.response_status) == (DeliveryState.DELIVERED, None, 204)
    assert (delivery.attempts, delivery.error) == (1, "")
    assert delivery.delivered_at is not None


def test_the_task_takes_the_id_as_text(session, endpoint, integrator):
    endpoint(integrator.url)
    tasks.deliver(str(emit(session).pk))
    assert len(integrator.requests) == 1


def test_what_is_delivered_is_not_sent_again(session, endpoint, integrator):
    endpoint(integrator.url)
    delivery = attempt(emit(session))
    attempt(delivery)
    assert len(integrator.requests) == 1


def test_a_delivery_that_is_gone_is_no_error(db):
    assert webhooks.deliver(webhooks.UUID(int=1)) is None


def test_a_style_may_add_a_signature_of_its_own(session, endpoint, integrator):
    style = outbox.Style(
        frozenset({"command.result"}),
        lambda event: {"a": 1},
        sign=lambda body, secret: {"x-own": f"{len(body)} {secret}"},
    )
    outbox.register_style("resources", style)
    endpoint(integrator.url, style="resources")
    attempt(emit(session))
    headers = integrator.requests[0].headers
    assert headers["x-own"] == f"7 {SECRET}"
    assert "webhook-signature" in headers


def test_a_failure_is_tried_again_with_the_same_id(session, endpoint, integrator):
    endpoint(integrator.url)
    integrator.replies.append((500, {}))
    delivery = emit(session)
    assert waits(delivery, low=4.5, high=5.5)
    assert (delivery.status, delivery.attempts, delivery.response_status) == (DeliveryState.PENDING, 1, 500)
    assert delivery.error == "the endpoint answered 500"
    attempt(delivery)
    assert len(integrator.requests) == 1, "it is not due yet"
    make_due(delivery)
    assert attempt(delivery).status == DeliveryState.DELIVERED
    assert delivery.error == ""
    first, second = integrator.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_the_schedule_is_walked_to_its_end(session, endpoint, integrator):
    endpoint(integrator.url)
    delivery = emit(session)
    expected = [5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400, 86_400]
    for number, seconds in enumerate(expected, start=1):
        integrator.replies.append((503, {}))
        make_due(delivery)
        assert waits(delivery, low=seconds * 0.9, high=seconds * 1.1)
        assert (delivery.status, delivery.attempts) == (DeliveryState.PENDING, number)
    integrator.replies.append((503, {}))
    make_due(delivery)
    attempt(delivery)
    assert (delivery.status, delivery.due_at, delivery.attempts) == (DeliveryState.FAILED, None, 11)
    assert delivery.error == "the endpoint answered 503"


def test_the_waits_of_many_are_spread(session, endpoint):
    endpoint("http://127.0.0.1:9/")  # refused: nothing may be allowed here
    deliveries = [emit(session) for _ in range(12)]
    WebhookDelivery.objects.update(attempts=6)
    assert all(waits(delivery, low=21_600 * 0.9, high=21_600 * 1.1) for delivery in deliveries)
    moments = [delivery.due_at for delivery in deliveries]
    assert max(moments) - min(moments) > timedelta(minutes=5)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3600", 3600),
        ("1", 5),  # never sooner than the schedule
        ("999999999999999999", 86_400),
        ("soon", 5),
        ("-5", 5),
        ("²", 5),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 5),
        ("Fri, 31 Dec 9998 23:59:59 GMT", 86_400),
        ("Fri, 31 Dec 9998 23:59:59 -0000", 86_400),
    ],
)
def test_retry_after_is_honoured(session, endpoint, integrator, header, seconds):
    endpoint(integrator.url)
    integrator.replies.append((429, {"Retry-After": header.encode().decode("latin-1")}))
    assert waits(emit(session), low=seconds * 0.9, high=seconds * 1.1)


def test_retry_after_may_be_a_date(session, endpoint, integrator):
    endpoint(integrator.url)
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    integrator.replies.append((503, {"Retry-After": format_datetime(moment, usegmt=True)}))
    assert abs(attempt(emit(session)).due_at - moment) < timedelta(seconds=1)


def test_410_disables_the_endpoint(session, endpoint, integrator):
    where = endpoint(integrator.url)
    integrator.replies.append((410, {}))
    first, second = emit(session), emit(session)
    assert attempt(first).status == DeliveryState.FAILED
    assert first.response_status == 410
    where.refresh_from_db()
    assert not where.enabled
    make_due(second)
    assert attempt(second).status == DeliveryState.FAILED
    assert second.error == "the endpoint is disabled"
    assert len(integrator.requests) == 1


def test_a_redirect_is_a_failure_and_is_not_followed(session, endpoint, integrator):
    endpoint(integrator.url)
    integrator.replies.append((302, {"Location": f"{integrator.url}/elsewhere"}))
    delivery = attempt(emit(session))
    assert (delivery.status, delivery.response_status) == (DeliveryState.PENDING, 302)
    assert [request.path for request in integrator.requests] == ["/hook"]


def test_a_server_that_hangs_is_left(session, endpoint, integrator, settings):
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.2
    endpoint(integrator.url)
    integrator.silent = True
    delivery = attempt(emit(session))
    assert (delivery.status, delivery.response_status) == (DeliveryState.PENDING, None)
    assert delivery.error == "127.0.0.1 gave no reply within 0.2 s"


def test_a_forbidden_address_is_a_failure_with_its_reason(session, endpoint, integrator, settings):
    settings.OUTBOUND_ALLOW = []
    endpoint(integrator.url)
    delivery = attempt(emit(session))
    assert "127.0.0.1 is not a public address" in delivery.error
    assert (delivery.status, integrator.connections) == (DeliveryState.PENDING, 0)


def test_an_event_that_cannot_be_written_keeps_to_the_schedule(session, endpoint, integrator, caplog):
    outbox.register_style("sessions", outbox.Style(outbox.SEQUENCED, lambda event: {}["nothing"]))
    endpoint(integrator.url)
    delivery = attempt(emit(session))
    assert (delivery.status, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert delivery.error == "the event could not be written: KeyError"
    assert "cannot be written" in caplog.text
    assert integrator.connections == 0


def test_one_that_another_process_has_taken_is_left_alone(session, endpoint, integrator):
    endpoint(integrator.url)
    delivery = emit(session)
    seen = WebhookDelivery.objects.select_related("event", "endpoint").get(pk=delivery.pk)
    taken = WebhookDelivery.objects.select_related("event", "endpoint").get(pk=delivery.pk)
    assert webhooks._claim(taken)
    assert not webhooks._claim(seen)
    assert attempt(delivery).attempts == 1
    assert delivery.due_at - now() > timedelta(seconds=10), "the lease outlasts the time-out"
    assert integrator.requests == []


def test_an_attempt_whose_lease_ran_out_changes_nothing_unless_it_arrived(session, endpoint, integrator):
    endpoint(integrator.url)
    delivery = emit(session)
    slow = WebhookDelivery.objects.select_related("event", "endpoint").get(pk=delivery.pk)
    assert webhooks._claim(slow)
    make_due(delivery)  # the lease is over
    attempt(delivery)
    webhooks._settle(slow, webhooks.Outcome(error="too late"))
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error) == (DeliveryState.DELIVERED, "")


def test_a_process_that_dies_in_every_attempt_does_not_go_on_for_ever(session, endpoint, integrator):
    endpoint(integrator.url)
    delivery = emit(session)
    WebhookDelivery.objects.update(attempts=webhooks.MAX_ATTEMPTS)
    assert attempt(delivery).status == DeliveryState.FAILED
    assert delivery.error == "the last attempt did not end"
    assert integrator.requests == []


def test_due_gives_the_longest_due_first(session, endpoint):
    endpoint("http://127.0.0.1:9/")
    deliveries = [emit(session) for _ in range(5)]
    for minutes, delivery in enumerate(deliveries):
        WebhookDelivery.objects.filter(pk=delivery.pk).update(due_at=now() - timedelta(minutes=minutes))
    WebhookDelivery.objects.filter(pk=deliveries[4].pk).update(status=DeliveryState.FAILED)
    WebhookDelivery.objects.filter(pk=deliveries[3].pk).update(due_at=now() + timedelta(minutes=1))
    assert webhooks.due(10) == [deliveries[2].pk, deliveries[1].pk, deliveries[0].pk]
    assert webhooks.due(1) == [deliveries[2].pk]

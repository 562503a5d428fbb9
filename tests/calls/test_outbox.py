import pytest
from django.db import transaction

from calls import outbox
from calls.models import Event, Session, WebhookDelivery
from tests.workspaces.crowd import at_once

pytestmark = pytest.mark.sqlite


def emit(session, kind="command.result"):
    return outbox.emit(kind, workspace=session.workspace, subject_id=None, payload={"a": 1}, session=session)


def heard_by(event):
    return set(event.deliveries.values_list("endpoint__url", flat=True))


@pytest.mark.django_db(transaction=True)
def test_the_sequence_has_no_gaps_under_eight_threads(session, endpoint, hinted):
    endpoint("https://a.example/")

    def act(number):
        for _ in range(5):
            with transaction.atomic():
                emit(session)
            if number % 2:
                with transaction.atomic():
                    emit(session)
                    transaction.set_rollback(True)

    at_once(8, act)
    assert sorted(Event.objects.values_list("sequence", flat=True)) == list(range(1, 41))
    assert len(hinted) == WebhookDelivery.objects.count() == 40


@pytest.mark.django_db
def test_only_what_an_app_counts_is_numbered_and_each_session_counts_for_itself(cast, session, call):
    other = Session.objects.create(id="acW68-2", workspace=cast.workspace, app=cast.app, call=call)
    numbers = [emit(session).sequence, emit(session, "recording.started").sequence]
    numbers += [emit(session, "recording.ended").sequence, emit(other).sequence]
    assert numbers == [1, None, 2, 1]
    alone = outbox.emit("recording.ended", workspace=cast.workspace, subject_id=None, payload={})
    assert alone.sequence is None


@pytest.mark.django_db
def test_an_apps_endpoints_hear_of_its_sessions_only(cast, session, endpoint, call):
    endpoint("https://mine.example/")
    endpoint("https://everyone.example/", app=None)
    endpoint("https://billing.example/", app=cast.other_app)
    endpoint("https://stranger.example/", app=None, workspace=cast.other_workspace)
    endpoint("https://off.example/", enabled=False)
    assert heard_by(emit(session)) == {"https://mine.example/", "https://everyone.example/"}
    other = Session.objects.create(id="acW68-2", workspace=cast.workspace, app=cast.other_app, call=call)
    assert heard_by(emit(other)) == {"https://billing.example/", "https://everyone.example/"}
    alone = outbox.emit("recording.ended", workspace=cast.workspace, subject_id=None, payload={})
    assert heard_by(alone) == {"https://everyone.example/"}


@pytest.mark.django_db
def test_an_endpoint_hears_what_its_style_sends_unless_it_names_events(session, endpoint, monkeypatch):
    endpoint("https://default.example/")
    endpoint("https://starts.example/", style="resources")
    endpoint("https://named.example/", events=["recording.started", "call.odd"])
    assert heard_by(emit(session)) == {"https://default.example/"}
    assert heard_by(emit(session, "recording.started")) == {"https://starts.example/", "https://named.example/"}
    assert heard_by(emit(session, "call.odd")) == {"https://named.example/"}
    monkeypatch.delitem(outbox._styles, "sessions")
    assert heard_by(emit(session)) == set(), "nobody could write it"


@pytest.mark.django_db
def test_deliveries_are_hinted_after_the_commit(session, endpoint, hinted, django_capture_on_commit_callbacks):
    endpoint("https://a.example/")
    with django_capture_on_commit_callbacks(execute=True):
        event = emit(session)
        assert hinted == []
    assert hinted == [("calls.tasks.deliver", str(event.deliveries.get().pk))]


def test_styles_are_found_by_name(plain_styles):
    assert outbox.styles() == {"sessions", "resources"}
    assert outbox.style("sessions").events == outbox.SEQUENCED
    with pytest.raises(KeyError):
        outbox.style("flat")

"""Idempotency-Key: one act and one answer per key, on every surface that takes POSTs."""

from datetime import timedelta

import pytest
from django.test import Client

from calls.models import Call, SessionCommand
from recordings.models import Recording
from tests import builders
from tests.workspaces.crowd import at_once
from workspaces import idempotency
from workspaces.clock import now
from workspaces.idempotency import Answer
from workspaces.models import StoredReply

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

KEY = {"Idempotency-Key": "k-1"}


def test_the_same_again_gives_the_same_and_does_nothing(cast, resources):
    first = resources("post", "/v1.0/calls", {"type": "x"}, **KEY)
    again = resources("post", "/v1.0/calls", {"type": "x"}, **KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert Call.objects.count() == 1
    assert resources("post", "/v1.0/calls", {"type": "x"}, **{"Idempotency-Key": "k-2"}).content != first.content
    assert resources("post", "/v1.0/calls", {"type": "x"}).content != first.content
    assert Call.objects.count() == 3


def test_another_body_is_a_conflict(resources):
    resources("post", "/v1.0/calls", {"type": "x"}, **KEY)
    reply = resources("post", "/v1.0/calls", {"type": "y"}, **KEY)
    assert (reply.status_code, reply.json()["error"]["reason"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert Call.objects.count() == 1


def test_keys_are_apart_by_caller_and_path(cast, resources):
    for key in (cast.owner_key, cast.other_app_key, cast.stranger_key):
        for noun in ("calls", "conferences"):
            assert resources("post", f"/v1.0/{noun}", key=key, **KEY).status_code == 200
    assert Call.objects.count() == 3


def test_a_refusal_is_not_kept(cast, resources):
    call = builders.make_call(cast.workspace, status="ringing")
    path = f"/v1.0/calls/{call.uuid}/recording_start"
    assert resources("post", path, **KEY).status_code == 409
    resources("put", f"/v1.0/calls/{call.uuid}", {"status": "progressing"})
    made = resources("post", path, **KEY).json()
    assert resources("post", path, **KEY).json() == made  # and no conflict with the one that is active


def test_the_key_opens_nothing_to_others(cast, resources):
    made = resources("post", "/v1.0/calls", **KEY)
    assert made.status_code == 200
    assert resources("post", "/v1.0/calls", key=None, **KEY).status_code == 401
    assert resources("post", "/v1.0/calls", key=cast.scopeless_key, **KEY).status_code == 403


@pytest.mark.parametrize("key", ["", "x" * 256, "\u00e9"])
def test_a_key_of_another_form(resources, key):
    reply = resources("post", "/v1.0/calls", **{"Idempotency-Key": key})
    assert (reply.status_code, reply.json()["error"]["details"][0]["field"]) == (400, "Idempotency-Key")
    assert not Call.objects.exists()


def test_it_means_nothing_on_other_methods(cast, resources):
    call = builders.make_call(cast.workspace, status="ringing")
    for status in ("progressing", "hangup"):
        reply = resources("put", f"/v1.0/calls/{call.uuid}", {"status": status}, **KEY)
        assert reply.json()["status"] == status
    assert not StoredReply.objects.exists()


def test_on_sessions(cast, sessions):
    session = builders.make_session(cast.app)
    path = f"/api/v1/sessions/{session.pk}/commands/record/start"
    first = sessions("post", path, "{}", **KEY)
    again = sessions("post", path, "{}", **KEY)
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)
    assert SessionCommand.objects.count() == 1
    assert sessions("post", path, '{"command_uid": "x"}', **KEY).status_code == 409


def test_after_a_day_the_key_is_free(resources):
    first = resources("post", "/v1.0/calls", **KEY).json()
    StoredReply.objects.update(tm_create=now() - timedelta(hours=23))
    assert resources("post", "/v1.0/calls", **KEY).json() == first
    assert idempotency.sweep() == 0
    StoredReply.objects.update(tm_create=now() - timedelta(hours=24))
    assert resources("post", "/v1.0/calls", **KEY).json() != first
    StoredReply.objects.update(tm_create=now() - timedelta(hours=24))
    assert idempotency.sweep() == 1
    assert not StoredReply.objects.exists()


def test_what_fails_leaves_the_key_free_and_undoes_what_it_did(cast):
    def fail():
        builders.make_call(cast.workspace)
        raise ZeroDivisionError

    asked = {"who": "a", "path": "/", "key": "k", "request": b""}
    with pytest.raises(ZeroDivisionError):
        idempotency.once(**asked, act=fail)
    assert not Call.objects.exists()
    assert idempotency.once(**asked, act=lambda: Answer(500, "x")).status == 500
    assert idempotency.once(**asked, act=lambda: Answer(201, "y")).body == "y"
    assert idempotency.once(**asked, act=fail) == Answer(201, "y")


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_acts_and_all_get_its_answer(cast):
    call = builders.make_call(cast.workspace)
    headers = {"Authorization": f"Bearer {cast.owner_key}"} | KEY
    path = f"/v1.0/calls/{call.uuid}/recording_start"

    def act(_number):
        reply = Client().post(path, "{}", "application/json", headers=headers)
        return reply.status_code, reply.content

    assert len(set(at_once(8, act))) == 1
    assert Recording.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_that_waited_for_a_failure_acts_itself(cast):
    from threading import Event

    begun = Event()

    def act(number):
        if number:
            begun.wait(10)
            return idempotency.once(who="a", path="/", key="k", request=b"", act=lambda: Answer(200, "second")).body

        def fail():
            begun.set()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            idempotency.once(who="a", path="/", key="k", request=b"", act=fail)
        return "failed"

    assert at_once(2, act) == ["failed", "second"]

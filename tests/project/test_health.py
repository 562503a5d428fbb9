"""/healthz and /readyz, as a balancer asks them."""

import pytest

from recordings import storage
from recordings.errors import StorageError
from recordings.models import CaptureNode

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_process_that_lives_says_so_and_asks_nobody(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        reply = client.get("/healthz")
    assert (reply.status_code, reply.content) == (200, b"ok\n")
    assert reply["content-type"].startswith("text/plain")


def test_ready(client):
    CaptureNode.objects.create(host="cap-1")
    reply = client.get("/readyz")
    assert reply.status_code == 200
    assert reply.json() == {
        "ready": True,
        "checks": dict.fromkeys(("database", "broker", "storage", "capture"), "good"),
    }


def test_not_ready_names_what_is_bad_and_no_more(client, monkeypatch):
    def fail():
        raise StorageError("the key to the safe is 1234")

    monkeypatch.setattr(storage, "probe", fail)
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json() == {
        "ready": False,
        "checks": {"database": "good", "broker": "good", "storage": "bad", "capture": "bad"},
    }
    assert b"1234" not in reply.content
    assert client.get("/healthz").status_code == 200

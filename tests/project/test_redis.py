"""Redis as the broker, with the settings that the product would have: hints arrive, and a Redis in trouble holds up
nobody."""

import os
import queue
import socket
import time
from uuid import uuid4

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

from calls import hints

NO_REDIS = "no Redis (TEST_REDIS_URL)"


@pytest.fixture
def redis_url():
    if not os.environ.get("TEST_REDIS_URL"):
        pytest.skip(NO_REDIS)
    return os.environ["TEST_REDIS_URL"]


@pytest.fixture
def app_on(boot, monkeypatch):
    """`app_on(url)`: a Celery app on that broker, as the settings make one; hints travel through it."""

    def make(url):
        made = boot(SECRET_KEY="a-key-for-a-broker-that-signs-nothing-at-all", CELERY_BROKER_URL=url)
        app = Celery("test", set_as_current=False)
        app.conf.update(
            broker_url=made.CELERY_BROKER_URL,
            broker_transport_options=made.CELERY_BROKER_TRANSPORT_OPTIONS,
            task_default_queue=f"test-{uuid4().hex}",
            task_acks_late=True,
            task_ignore_result=True,
            worker_hijack_root_logger=False,
        )
        monkeypatch.setattr(hints, "current_app", app)
        return app

    return make


@pytest.fixture
def silent_port():
    """A server that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield listening.getsockname()[1]


def test_hints_arrive_also_after_a_pause(app_on, redis_url):
    """The worker waits for longer than a socket may be silent, and goes on waiting."""
    app, heard = app_on(redis_url), queue.Queue()

    @app.task(name="test.hear")
    def hear(subject):
        heard.put(subject)

    publisher = hints.Publisher()
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        for subject in ("one", "two"):
            publisher.put("test.hear", subject)
            assert heard.get(timeout=20) == subject
            time.sleep(1.2)
    assert publisher.dropped == 0
    with app.connection_for_read() as connection, connection.channel() as channel:
        channel.queue_delete(app.conf.task_default_queue)


def test_a_silent_redis_holds_a_hint_up_for_seconds_at_most(app_on, silent_port):
    app_on(f"redis://127.0.0.1:{silent_port}/0")
    publisher = hints.Publisher()
    publisher.put("test.hear", "one")
    assert publisher.flush(4), "the library's own patience is many seconds"
    assert publisher.dropped == 1
    publisher.put("test.hear", "two")
    assert publisher.dropped == 2, "the breaker is open"


def test_a_refused_redis_costs_the_hint_alone(app_on, silent_port):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    app_on(f"redis://127.0.0.1:{free}/0")
    publisher = hints.Publisher()
    publisher.put("test.hear", "one")
    assert publisher.flush(2)
    assert publisher.dropped == 1

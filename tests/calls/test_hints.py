"""The door to the broker. The broker is replaced by one that notes, refuses or hangs: it is not what is tested."""

import os
import queue
import threading

import pytest
from celery import current_app
from django.db import transaction

from calls import hints
from calls.hints import Publisher


class Broker:
    """Stands where Celery publishes; notes what came and from which thread."""

    def __init__(self):
        self.taken = []
        self.threads = set()
        self.refuses = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.reached = threading.Event()

    def send_task(self, task, args, **options):
        self.threads.add(threading.get_ident())
        self.reached.set()
        assert self.may_answer.wait(20)
        if self.refuses:
            raise ConnectionRefusedError("no broker here")
        self.taken.append((task, *args))
        self.options = options


@pytest.fixture
def broker(monkeypatch):
    broker = Broker()
    monkeypatch.setattr(current_app, "send_task", broker.send_task)
    yield broker
    broker.may_answer.set()


@pytest.fixture
def clock(monkeypatch):
    """The breaker's clock, moved by hand."""

    class Clock:
        time = 1000.0

        def monotonic(self):
            return self.time

    clock = Clock()
    monkeypatch.setattr(Publisher, "_clock", staticmethod(clock.monotonic))
    return clock


def test_a_hint_is_published_in_order_with_an_expiry_and_without_retries(broker):
    publisher = Publisher()
    for number in range(50):
        publisher.put("a.task", str(number))
    assert publisher.flush(10)
    assert broker.taken == [("a.task", str(number)) for number in range(50)]
    assert broker.options == {"expires": 60, "retry": False, "ignore_result": True}
    assert publisher.dropped == 0


def test_the_callers_thread_never_publishes_and_never_waits(broker):
    broker.may_answer.clear()  # a broker that says nothing at all
    publisher = Publisher()
    for number in range(100):
        publisher.put("a.task", str(number))  # returns although nothing can be published
    assert broker.reached.wait(10)
    assert not publisher.flush(0.01)
    broker.may_answer.set()
    assert publisher.flush(10)
    assert len(broker.taken) == 100
    assert len(broker.threads) == 1
    assert threading.get_ident() not in broker.threads


def test_a_full_queue_drops(broker, monkeypatch):
    monkeypatch.setattr(hints, "QUEUE_SIZE", 3)
    broker.may_answer.clear()
    publisher = Publisher()
    publisher.put("a.task", "0")
    assert broker.reached.wait(10)  # the first is out of the queue
    for number in range(1, 6):
        publisher.put("a.task", str(number))
    assert publisher.dropped == 2
    broker.may_answer.set()
    assert publisher.flush(10)
    assert [subject for _, subject in broker.taken] == ["0", "1", "2", "3"]


def test_the_breaker_opens_after_a_refusal_and_closes_again(broker, clock, caplog):
    publisher = Publisher()
    broker.refuses = True
    publisher.put("a.task", "refused")
    assert publisher.flush(10)
    assert "the broker takes no hints (no broker here)" in caplog.text
    broker.refuses = False
    clock.time += 4.9
    publisher.put("a.task", "dropped")
    assert publisher.flush(10)
    assert (publisher.dropped, broker.taken) == (2, [])
    clock.time += 0.2
    publisher.put("a.task", "taken")
    assert publisher.flush(10)
    assert broker.taken == [("a.task", "taken")]


def test_what_was_queued_behind_a_refusal_is_dropped_without_asking_again(broker, clock):
    broker.may_answer.clear()
    broker.refuses = True
    publisher = Publisher()
    for number in range(10):
        publisher.put("a.task", str(number))
    assert broker.reached.wait(10)
    broker.refuses, broker.reached = True, threading.Event()
    broker.may_answer.set()
    assert publisher.flush(10)
    assert publisher.dropped == 10
    assert not broker.reached.is_set()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_publishes_from_a_thread_of_its_own(broker):
    hints._publisher.put("a.task", "parent")  # so that the parent has a thread, which the child will lack
    assert hints._publisher.flush(10)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        hints._publisher.put("a.task", "child")
        hints._publisher.flush(10)
        os.write(write, str(broker.taken).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read, "rb") as answer:
        assert answer.read().decode() == "[('a.task', 'parent'), ('a.task', 'child')]"


@pytest.mark.django_db(transaction=True)
def test_a_hint_waits_for_the_commit_and_falls_with_a_rollback(hinted):
    with transaction.atomic():
        hints.hint("a.task", 7)
        assert hinted == []
    assert hinted == [("a.task", "7")]
    with transaction.atomic():
        hints.hint("a.task", 8)
        transaction.set_rollback(True)
    assert hinted == [("a.task", "7")]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_can_start_no_thread_still_serves(monkeypatch, caplog):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(hints, "_publisher", Publisher())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with transaction.atomic():
        hints.hint("a.task", 7)
    assert "can't start new thread" in caplog.text


def test_the_queue_is_bounded():
    assert isinstance(Publisher()._queue, queue.Queue)
    assert Publisher()._queue.maxsize == hints.QUEUE_SIZE == 10_000

"""The broker of the embedded default: no reader ever meets half a message."""

import os
import threading
from queue import Empty

import kombu
import pytest
from kombu.exceptions import ChannelError


@pytest.fixture
def channel(tmp_path):
    from project import broker

    broker.install()
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    options = {
        "data_folder_in": str(tmp_path / "queue"),
        "data_folder_out": str(tmp_path / "queue"),
        "control_folder": str(tmp_path / "control"),
    }
    with kombu.Connection("filesystem://localhost", transport_options=options) as connection:
        yield connection.channel()


def test_a_message_arrives_as_it_was_put(channel):
    channel._put("celery", {"task": "recordings.tasks.finish", "args": ["é"]})
    assert channel._size("celery") == 1
    assert channel._get("celery") == {"task": "recordings.tasks.finish", "args": ["é"]}
    with pytest.raises(Empty):
        channel._get("celery")


def test_a_message_that_is_being_written_is_not_seen(channel, monkeypatch):
    """The reader comes at the worst moment: all is written, nothing is in place."""
    met = []
    replace = os.replace

    def meddle(aside, target):
        with pytest.raises(Empty):
            channel._get("celery")
        met.append(aside)
        replace(aside, target)

    monkeypatch.setattr(os, "replace", meddle)
    channel._put("celery", {"number": 1})
    assert len(met) == 1
    assert channel._get("celery") == {"number": 1}


def test_many_writers_and_a_reader_that_never_pauses(channel):
    writers, each = 4, 250
    threads = [
        threading.Thread(target=lambda n=n: [channel._put("celery", [n, i, "x" * 2000]) for i in range(each)])
        for n in range(writers)
    ]
    for thread in threads:
        thread.start()
    got = []
    while len(got) < writers * each:
        try:
            got.append(tuple(channel._get("celery")[:2]))
        except Empty:
            assert any(thread.is_alive() for thread in threads) or channel._size("celery")
    for thread in threads:
        thread.join()
    assert sorted(got) == [(n, i) for n in range(writers) for i in range(each)]


def test_a_folder_that_takes_nothing_is_the_brokers_error(channel, tmp_path):
    (tmp_path / "queue").rmdir()
    with pytest.raises(ChannelError, match="no message can be left in"):
        channel._put("celery", {})


def test_the_product_uses_it():
    from project import broker
    from project.celery import app

    with app.connection_for_write() as connection:
        assert isinstance(connection.transport, broker.Transport)

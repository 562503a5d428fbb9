"""Calls that run while their store is slow, fails now and then, or is down: nothing is lost, and all end afterwards."""

import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from websockets.sync.client import connect

from recordings import storage
from recordings.capture import tokens
from recordings.storage import s3
from recordings.storage.bucket import Patience
from recordings.storage.s3 import S3Store
from tests import builders
from tests.builders import tone
from tests.recordings.capture.engines import Kept, speak
from tests.recordings.capture.nodes import eventually
from tests.recordings.storage.servers import FaultyWay

CALLS, SECONDS = 4, 3


@pytest.fixture
def faulty(bucket, use_s3, monkeypatch):
    """The product's store, on a way that may fail; one request is given up sooner than in earnest."""
    monkeypatch.setattr(s3, "STORING", Patience(connect=1, silence=5, attempts=2))
    with FaultyWay(bucket.endpoint) as way:
        use_s3(bucket, way.url)
        yield way


@pytest.fixture
def calls(transactional_db, cast):
    return [Kept(builders.start(builders.make_call(cast.workspace))) for _ in range(CALLS)]


def run(node, calls, said, *, speed):
    """All calls at once, in pieces of 20 ms, each until its engine hangs up."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(node.url(tokens.mint(kept.id)))) for kept in calls]
        began = time.monotonic()
        for number, first in enumerate(range(0, SECONDS * 16_000, 320)):
            time.sleep(max(0.0, began + number * 0.02 / speed - time.monotonic()))
            for socket, pcm in zip(sockets, said, strict=True):
                socket.send(pcm[first : first + 320])


def check_all_kept(calls, said):
    for kept, pcm in zip(calls, said, strict=True):
        row = kept.end()
        assert (row.status, row.frames) == ("ended", len(pcm) // 2)
        assert kept.heard() == pcm


@pytest.mark.parametrize("trouble", [{"every": 20}, {"seconds": 0.15}], ids=["5 % errors", "slow"])
def test_calls_while_the_store_is_in_trouble(faulty, start_node, calls, trouble):
    said = [tone(SECONDS * 8000, seed=seed) for seed in range(CALLS)]
    node = start_node()
    for name, value in trouble.items():
        setattr(faulty, name, value)
    run(node, calls, said, speed=4)
    for kept in calls:
        eventually(lambda kept=kept: kept.closed(), within=30, what="everything in storage")
    faulty.every = 0
    check_all_kept(calls, said)


def test_calls_while_the_store_is_down(faulty, start_node, calls):
    said = [tone(SECONDS * 8000, seed=seed) for seed in range(CALLS)]
    node = start_node()
    faulty.down = True
    run(node, calls, said, speed=4)
    eventually(lambda: faulty.count("PUT") >= 2 * CALLS, what="attempts to put")
    assert all(kept.stream().frames_stored == 0 for kept in calls)
    assert all(kept.row.status != "ended" for kept in calls)
    faulty.down = False
    eventually(
        lambda: all(stream.frames_received == stream.frames_stored for kept in calls for stream in kept.streams()),
        within=60,
        what="everything in storage",
    )
    check_all_kept(calls, said)


# A crash played inside a process leaves its sockets to the collector, where a process that died leaves none.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_node_killed_while_the_store_was_down_leaves_all_to_the_next(faulty, start_node, calls):
    said = tone(SECONDS * 8000)
    node = start_node()
    faulty.down = True
    with connect(node.url(tokens.mint(calls[0].id)), close_timeout=0.5) as socket:
        speak(socket, said)
        eventually(lambda: node.folder.spooled_bytes() >= len(said), what="the spool")
        node.crash()
    faulty.down = False
    start_node()
    stream = eventually(
        lambda: next((s for s in calls[0].streams() if s.frames_received == s.frames_stored), None),
        within=60,
        what="everything in storage",
    )
    assert stream.frames_received == len(said) // 2
    assert calls[0].heard() == said


def test_the_store_here_is_a_bucket(faulty, bucket):
    store = storage.store()
    assert isinstance(store, S3Store)
    assert store._bucket == replace(bucket, endpoint=faulty.url)

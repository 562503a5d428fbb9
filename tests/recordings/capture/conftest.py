"""A node with its engines: what the tests of sockets share."""

import threading

import pytest
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from recordings import storage
from recordings.capture import server, tokens
from recordings.errors import StorageError
from tests import builders
from tests.recordings.capture.engines import Kept
from tests.recordings.capture.nodes import Node


@pytest.fixture
def capture_settings(settings, tmp_path, monkeypatch):
    settings.CAPTURE_DIR = tmp_path / "capture"
    settings.CAPTURE_CHUNK_SECONDS = 0.5
    settings.CAPTURE_DRAIN_SECONDS = 0
    settings.CAPTURE_MIN_FREE_BYTES = 0
    monkeypatch.setattr(server, "LAST_STORES_SECONDS", 2.0)
    return settings


@pytest.fixture
def start_node(transactional_db, capture_settings, hinted):
    """Starts nodes on the test's CAPTURE_DIR; what still runs at the end is stopped."""
    nodes = []

    def start(**options):
        nodes.append(Node(capture_settings.CAPTURE_DIR, **options))
        return nodes[-1]

    yield start
    capture_settings.CAPTURE_DRAIN_SECONDS = 0
    for node in nodes:
        node.stop()


@pytest.fixture
def node(start_node):
    return start_node()


@pytest.fixture
def recording(transactional_db, cast):
    """A recording that waits for its audio."""
    return builders.start(builders.make_call(cast.workspace))


@pytest.fixture
def token(recording):
    return tokens.mint(recording.id)


@pytest.fixture
def kept(recording):
    return Kept(recording)


@pytest.fixture
def database_away(monkeypatch):
    """`database_away.now = True`: no thread of a node gets an answer from the database."""

    class Away:
        now = False

    execute = CursorWrapper.execute

    def refuse(self, *args, **kwargs):
        if Away.now and threading.current_thread().name.startswith(("door", "store", "pulse")):
            raise OperationalError("the connection is lost")
        return execute(self, *args, **kwargs)

    monkeypatch.setattr(CursorWrapper, "execute", refuse)
    return Away


@pytest.fixture
def storage_away(monkeypatch):
    """`storage_away.now = True`: every put fails; `puts` counts the attempts."""

    class Away:
        now = False
        puts = 0

    put = storage.put

    def refuse(key, data):
        Away.puts += 1
        if Away.now:
            raise StorageError("the store does not answer")
        return put(key, data)

    monkeypatch.setattr(storage, "put", refuse)
    return Away

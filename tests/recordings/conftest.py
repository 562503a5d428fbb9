"""A call to record with its session, and the hints that were given on the way."""

import pytest


@pytest.fixture
def call(cast):
    from tests.builders import make_call

    return make_call(cast.workspace)


@pytest.fixture
def session(cast, call):
    from tests.builders import make_session

    return make_session(cast.app, call=call)


@pytest.fixture
def hinted(monkeypatch):
    """What was hinted, in place of a broker: a list of (task, subject)."""
    from calls import hints

    heard = []

    class Notebook:
        def put(self, task, subject):
            heard.append((task, subject))

    monkeypatch.setattr(hints, "_publisher", Notebook())
    return heard

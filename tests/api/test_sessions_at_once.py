"""Commands given at the same moment by many threads, each with a database connection of its own."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections
from django.test import Client

from calls.models import Event, SessionCommand
from recordings.models import Recording
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


@pytest.fixture
def at_once(cast, settings):
    """at_once(session, uids): record/start with each uid, all at the same moment; the replies."""
    settings.WAVSTREAM_URL = "ws://127.0.0.1:8765"

    def at_once(session, uids):
        barrier = Barrier(len(uids))
        headers = {"X-App-ID": cast.app.app_id, "X-API-Key": cast.owner_key}

        def give(uid):
            try:
                barrier.wait(30)
                return Client().post(
                    f"/api/v1/sessions/{session.pk}/commands/record/start",
                    data=f'{{"command_uid": "{uid}"}}',
                    content_type="application/json",
                    headers=headers,
                )
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(uids)) as pool:
            return list(pool.map(give, uids))

    return at_once


def test_a_hundred_starts_make_one_recording(at_once, cast):
    session = builders.make_session(cast.app)
    begun = time.monotonic()
    replies = at_once(session, [f"uid-{number}" for number in range(100)])
    cooldowns = int((time.monotonic() - begun) / 2)  # as many more may be taken on a machine that takes its time
    statuses = Counter(reply.status_code for reply in replies)
    assert statuses.keys() == {202, 429}
    assert 1 <= statuses[202] <= 1 + cooldowns
    assert Recording.objects.count() == 1
    assert SessionCommand.objects.count() == Event.objects.filter(type="command.result").count() == statuses[202]


def test_one_uid_twenty_times_has_one_effect_and_equal_replies(at_once, cast):
    session = builders.make_session(cast.app)
    replies = at_once(session, ["the-same"] * 20)
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.content for reply in replies}) == 1
    assert Recording.objects.get().command_uid == "the-same"
    assert Event.objects.filter(type="command.result").count() == 1


def test_starts_through_many_sessions_of_one_call_make_one_recording(at_once, cast):
    call = builders.make_call(cast.workspace)
    sessions = [builders.make_session(cast.app, call=call) for _ in range(10)]
    with ThreadPoolExecutor(len(sessions)) as pool:
        replies = list(pool.map(lambda session: at_once(session, ["mine"])[0], sessions))
    assert {reply.status_code for reply in replies} == {202}
    assert Recording.objects.count() == 1
    outcomes = Counter(event.payload["success"] for event in Event.objects.filter(type="command.result"))
    assert outcomes == {True: 1, False: 9}

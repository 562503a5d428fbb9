"""Every surface keeps to its schema: Schemathesis writes the requests, in process, with a true key and true data.

Each operation gets requests that the schema allows and requests that it forbids, mostly with the ids of what exists,
and some without the key. No reply may be a 5xx, or have a status, a type or a body that the schema does not name. A
request leaves nothing behind, so that each meets the same world. The full campaign (TAPEDECK_CAMPAIGN=full, as in
`make faults`) asks ten times as much.
"""

import copy
import os
import zlib
from collections import Counter
from functools import cache

import hypothesis
import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from calls.lifecycle import begin_flow, register_conference
from calls.models import Chat, Flow
from recordings import playback
from recordings.api.schemas import SURFACES, document
from tests import builders
from workspaces.models import Member, Role

FULL = os.environ.get("TAPEDECK_CAMPAIGN") == "full"
pytestmark = [pytest.mark.django_db, pytest.mark.fault] if FULL else pytest.mark.django_db

WANTED = 10_000 if FULL else 1_000
EXAMPLES = 150 if FULL else 16
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
METHODS = {"get", "post", "put", "delete", "patch"}
OPERATIONS = [
    (surface, path, method)
    for surface in SURFACES
    for path, methods in document(surface)["paths"].items()
    for method in methods.keys() & METHODS
]
replies = {surface: Counter() for surface in SURFACES}
"""How often each status was met."""


@cache
def schema_of(surface):
    """The schema as it is served."""
    return schemathesis.openapi.from_wsgi(f"/api/schema/{surface}.json", WSGIHandler())


@pytest.fixture(autouse=True)
def one_connection():
    """Requests run in the transaction of the test, so its connection must outlive them."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def world(cast, settings):
    """What exists, by the names in addresses; and what a flow or a call may be about."""
    settings.WAVSTREAM_URL = "ws://127.0.0.1:8765"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the true one is slow on purpose
    session = builders.make_session(cast.app)
    ended = builders.ended_recording(session.call, builders.tone(12_000))
    silent = builders.ended_recording(builders.make_call(cast.workspace))
    waits = builders.start(builders.make_call(cast.workspace))
    flow = Flow.objects.create(workspace=cast.workspace, name="f", actions=[])
    run = begin_flow(flow, reference_type="call", reference_id=session.call.uuid)
    agent = Member.objects.create(workspace=cast.workspace, user=User.objects.create_user("anna"), role=Role.AGENT)
    conference = register_conference(cast.workspace)
    spoken = builders.make_call(cast.workspace)
    builders.ended_recording(spoken, builders.tone(16_000))
    chat = Chat.objects.create(workspace=cast.workspace, call=spoken)
    return {
        "recordings": [ended.id, silent.id, waits.id],
        "recordingfiles": [ended.id, silent.id],
        "calls": [session.call.uuid, waits.reference_id],
        "conferences": [conference.id],
        "flows": [flow.id],
        "activeflows": [run.id],
        "customers": [cast.workspace.id],
        "agents": [agent.id],
        "session_id": [session.pk],
        "call_id": [session.call.uuid],
        "workspace_uuid": [cast.workspace.id],
        "chat_id": [chat.pk],
        "number": [session.call.pk],
        "token": [url.removesuffix(".wav").rpartition("/")[2] for url in map(playback.recording_url, (ended, silent))],
    }


def headers_of(surface, cast):
    key = cast.owner_key
    return {
        "flat": {"x-api-key": key},
        "sessions": {"X-App-ID": cast.app.app_id, "X-API-Key": key},
    }.get(surface, {"Authorization": f"Bearer {key}"})


def existing(world, surface, path, name):
    """The true ids that may stand for a name in an address."""
    if surface == "downloads":
        return world["number"]
    if name == "id":
        return world[path.split("/")[2]]
    return world.get(name, [])


def lead(case, lot, *, world, surface, path, audio):
    """Put true ids in place of most that were made up, and a range of a few bytes into some requests for audio.

    The lot is drawn from what was made up, so that a run repeats.
    """
    for name in [name for name in case.headers if name.lower() == "host"]:
        del case.headers[name]  # a request to another site, which Django refuses before any surface
    for name in case.path_parameters:
        true = existing(world, surface, path, name)
        if true and lot % 4:
            case.path_parameters[name] = str(true[lot // 4 % len(true)])
    if audio and lot % 3 == 0:
        for name in [name for name in case.headers if name.lower().startswith("if-")]:
            del case.headers[name]
        case.headers["Range"] = "bytes=0-99"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("surface", "path", "method"), OPERATIONS)
def test_replies_are_as_the_schema_has_them(surface, path, method, mode, world, cast):
    operation = schema_of(surface)[path][method.upper()]
    described = document(surface)["paths"][path][method]
    headers = headers_of(surface, cast)

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not FULL,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def ask(case):
        lot = zlib.crc32(repr((case.path_parameters, case.query, case.headers, case.body)).encode())
        lead(case, lot, world=world, surface=surface, path=path, audio="206" in described["responses"])
        with transaction.atomic():
            reply = case.call(headers=headers if lot % 10 else None)
            transaction.set_rollback(True)
        replies[surface][reply.status_code] += 1
        case.validate_response(reply, checks=CHECKS)

    ask()
    assert replies[surface]


EXPECTED = {
    "flat": {200, 206, 400, 401, 404},
    "resources": {200, 206, 400, 401, 404, 409},
    "sessions": {200, 202, 206, 400, 401, 404},
    "downloads": {200, 206, 401, 404},
    "chats": {200, 206, 401, 404, 422},
}
"""What must have been met, or the requests were not worth much."""


def test_enough_was_asked_and_it_met_what_there_is():
    print(replies)
    assert sum(counted.total() for counted in replies.values()) >= WANTED
    assert {surface: EXPECTED[surface] - replies[surface].keys() for surface in SURFACES} == {
        surface: set() for surface in SURFACES
    }


def test_a_deviation_is_caught(world, cast):
    raw = copy.deepcopy(document("flat"))
    raw["components"]["schemas"]["Recording"]["required"].append("more")
    operation = schemathesis.openapi.from_dict(raw)["/api/recordings"]["GET"]
    case = operation.Case(query={"limit": 1})
    reply = schema_of("flat")["/api/recordings"]["GET"].Case(query={"limit": 1}).call(headers=headers_of("flat", cast))
    with pytest.raises(FailureGroup, match="more"):
        case.validate_response(reply, checks=CHECKS)

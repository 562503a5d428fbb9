"""The suite that every dialect inherits: it declares its sample requests, and gets the tests that all must pass.

Anonymous, without the scope, with a revoked or an expired key, as a stranger, with another method, with a trailing
slash, by HEAD and by Range; errors in the dialect's own shape; a constant number of queries; no address undeclared.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver

from recordings import storage
from recordings.models import Chunk
from tests import builders
from workspaces.models import AuditEntry
from workspaces.scopes import Scope

METHODS = ("get", "post", "put", "patch", "delete")
ABSENT = "01890000-0000-7000-8000-000000000000"
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")


@dataclass(frozen=True)
class Sample:
    """One request that succeeds: `route` is the pattern's name, `path` has {recording}, {call} and {session} in it."""

    route: str
    method: str
    path: str
    scope: Scope
    success: int = 200
    audio: bool = False
    listed: bool = False
    body: str = ""
    queries: int = 2
    """At the most, of a list: the key, the rows, and what stands beside them."""
    own: bool = False
    """It names nothing of another's: a stranger gets what is the stranger's own."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class DialectSuite:
    """Inherit as `Test…`, and fill in what is below."""

    urls: ClassVar[list]
    samples: ClassVar[list[Sample]]
    unknown: ClassVar[list[str]]
    """Addresses below the base path that nothing answers."""
    catch_all: ClassVar[str]
    """The name of the pattern that catches them."""
    stranger_status: ClassVar[int] = 404
    empty: ClassVar[object] = []
    """A list of nothing."""
    scopeless_status: ClassVar[int] = 403
    unreadable_status: ClassVar[int] = 503
    absent: ClassVar[dict[str, str]] = {}
    """What stands for an absent thing where that is no UUID."""

    def headers(self, cast, key):
        """The headers that carry `key` (None: everything but a key)."""
        raise NotImplementedError

    def check_error(self, reply, status):
        """Assert that the reply is an error in the dialect's shape."""
        raise NotImplementedError

    # --- Scenery ---

    def pytest_generate_tests(self, metafunc):
        if "sample" in metafunc.fixturenames:
            kind = metafunc.function.__name__
            samples = [
                sample
                for sample in self.samples
                if not ("audio" in kind and not sample.audio)
                and not ("listed" in kind and not sample.listed)
                and not ("readable" in kind and sample.method != "get")
            ]
            metafunc.parametrize("sample", samples, ids=str)

    @pytest.fixture
    def world(self, cast, settings):
        settings.WAVSTREAM_URL = "ws://127.0.0.1:8765"
        session = builders.make_session(cast.app)
        recording = builders.ended_recording(session.call, builders.tone(12_000))
        made = {"recording": str(recording.id), "call": str(session.call.uuid), "session": session.pk}
        return made | self.more(cast, session.call)

    def more(self, cast, call):
        """What else the samples' paths and bodies name."""
        return {}

    @pytest.fixture
    def ask(self, client, cast):
        def ask(sample, world, *, key, method=None, path=None, **headers):
            address = path or sample.path.format(**world)
            method = method or sample.method
            body = _filled(sample.body, world)
            sent = {"data": body, "content_type": "application/json"} if method in {"post", "put"} else {}
            return getattr(client, method)(address, headers=self.headers(cast, key) | headers, **sent)

        return ask

    # --- What all must pass ---

    def test_every_address_is_declared(self):
        names = {pattern.name for pattern in _flattened(self.urls)}
        assert names - {self.catch_all} == {sample.route for sample in self.samples}

    def test_success(self, ask, cast, world, sample):
        reply = ask(sample, world, key=cast.owner_key)
        assert reply.status_code == sample.success
        assert reply.headers["Cache-Control"] == "private, no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "Location" not in reply.headers

    def test_anonymous(self, ask, world, sample):
        reply = ask(sample, world, key=None)
        self.check_error(reply, 401)
        assert reply.headers["WWW-Authenticate"]

    def test_unknown_revoked_and_expired_keys_look_alike(self, ask, cast, world, sample):
        unknown = "td_0123456789_" + "A" * 43
        replies = [ask(sample, world, key=key) for key in (unknown, cast.revoked_key, cast.expired_key)]
        for reply in replies:
            self.check_error(reply, 401)
        assert len({TIME.sub(b"", reply.content) for reply in replies}) == 1

    def test_without_the_scope(self, ask, cast, world, sample):
        self.check_error(ask(sample, world, key=cast.scopeless_key), self.scopeless_status)

    def test_reading_is_not_writing(self, ask, cast, world, sample):
        reading = sample.scope.replace(":write", ":read")
        reply = ask(sample, world, key=cast.key(reading, app=cast.app))
        if sample.scope.endswith(":write"):
            self.check_error(reply, self.scopeless_status)
        else:
            assert reply.status_code == sample.success

    def test_a_key_with_just_the_scope(self, ask, cast, world, sample):
        reply = ask(sample, world, key=cast.key(sample.scope, app=cast.app))
        assert reply.status_code == sample.success

    def test_a_stranger(self, ask, cast, world, sample):
        before = AuditEntry.objects.count()
        foreign = ask(sample, world, key=cast.stranger_key)
        if sample.own:
            assert foreign.status_code == sample.success
            assert str(cast.workspace.pk).encode() not in foreign.content
            return
        if sample.listed:
            assert (foreign.status_code, foreign.json()) == (200, self.empty)
            return
        self.check_error(foreign, self.stranger_status)
        assert AuditEntry.objects.count() == before
        if self.stranger_status == 404:
            absent_world = dict.fromkeys(world, ABSENT) | self.absent
            absent = ask(sample, absent_world, key=cast.stranger_key)
            for old, new in zip(world.values(), absent_world.values(), strict=True):
                foreign.content = foreign.content.replace(old.encode(), new.encode())
            assert TIME.sub(b"", foreign.content) == TIME.sub(b"", absent.content)
            assert dict(foreign.headers) == dict(absent.headers)

    def test_other_methods(self, ask, cast, world, sample):
        path = sample.path
        known = {each.method for each in self.samples if each.path == path}
        allow = {method.upper() for method in known} | ({"HEAD"} if "get" in known else set())
        for method in set(METHODS) - known:
            reply = ask(sample, world, key=cast.owner_key, method=method)
            self.check_error(reply, 405)
            assert set(reply.headers["Allow"].split(", ")) == allow
        assert ask(sample, world, key=cast.owner_key, method="options").status_code == 405

    def test_no_path_ends_in_a_slash(self, ask, cast, world, sample):
        reply = ask(sample, world, key=cast.owner_key, path=sample.path.format(**world) + "/")
        assert reply.status_code in {400, 404}
        self.check_error(reply, reply.status_code)

    def test_accept_and_format_choose_nothing(self, ask, cast, world, sample):
        path = sample.path.format(**world) + "?format=api"
        assert ask(sample, world, key=cast.owner_key, path=path, Accept="text/html").status_code == sample.success

    def test_readable_by_head(self, ask, cast, world, sample):
        full = ask(sample, world, key=cast.owner_key)
        head = ask(sample, world, key=cast.owner_key, method="head")
        assert (head.status_code, b"".join(head)) == (full.status_code, b"")
        for name in ("Content-Type", "Content-Length", "ETag", "Content-Disposition", "Cache-Control"):
            assert head.headers.get(name) == full.headers.get(name)

    def test_audio_in_ranges(self, ask, cast, world, sample):
        whole = b"".join(ask(sample, world, key=cast.owner_key))
        part = ask(sample, world, key=cast.owner_key, Range="bytes=44-1043")
        assert (part.status_code, b"".join(part)) == (206, whole[44:1044])
        assert part.headers["Content-Range"] == f"bytes 44-1043/{len(whole)}"
        outside = ask(sample, world, key=cast.owner_key, Range=f"bytes={len(whole)}-")
        self.check_error(outside, 416)
        assert outside.headers["Content-Range"] == f"bytes */{len(whole)}"

    def test_audio_is_on_record_before_it_is_heard(self, ask, cast, world, sample):
        ask(sample, world, key=cast.owner_key, method="head")
        assert not AuditEntry.objects.filter(subject_id=world["recording"]).exists()
        reply = ask(sample, world, key=cast.owner_key, Range="bytes=0-99")
        assert reply.status_code == 206  # not a byte of it was read yet
        entry = AuditEntry.objects.get(subject_id=world["recording"])
        assert entry.verb in {"listen", "download"}
        assert (entry.actor_type, entry.workspace) == ("key", cast.workspace)

    def test_audio_that_cannot_be_read_is_an_error_and_not_half_a_reply(self, ask, cast, world, sample):
        for key in Chunk.objects.values_list("key", flat=True):
            storage.delete(key)
        self.check_error(ask(sample, world, key=cast.owner_key), self.unreadable_status)
        assert not AuditEntry.objects.filter(subject_id=world["recording"]).exists()

    def test_listed_in_a_constant_number_of_queries(self, ask, cast, world, sample):
        def queries():
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert ask(sample, world, key=cast.owner_key).status_code == 200
            return len(captured)

        ask(sample, world, key=cast.owner_key)  # notes the key's use, once a minute
        few = queries()
        call = type(builders.make_call(cast.workspace)).objects.get(uuid=world["call"])
        for _ in range(5):
            builders.ended_recording(call)
        assert queries() == few <= sample.queries

    def test_unknown_addresses(self, client, cast):
        for path in self.unknown:
            for method in METHODS:
                self.check_error(getattr(client, method)(path, headers=self.headers(cast, cast.owner_key)), 404)


def _filled(body, world):
    """The body with `<name>` put in for what the world holds; braces are JSON's."""
    for name, value in world.items():
        body = body.replace(f"<{name}>", value)
    return body


def _flattened(patterns):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _flattened(pattern.url_patterns)
        else:
            yield pattern

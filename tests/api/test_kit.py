"""What the dialects are built on: declarations, errors nobody expected, other origins."""

import logging

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from recordings.api.flat.dialect import FLAT, FlatViewSet
from recordings.api.kit.base import DialectViewSet
from recordings.api.kit.cors import CorsMiddleware
from recordings.api.kit.problems import RequestProblem
from recordings.api.sessions.dialect import SessionsViewSet
from recordings.errors import RecordingError
from workspaces.scopes import Scope

SECRET = "the database's password is hunter2"
ORIGIN = "https://player.example"


def test_a_view_without_a_scope_cannot_be_declared():
    with pytest.raises(TypeError, match="Loose declares no scope"):
        type("Loose", (FlatViewSet,), {})
    with pytest.raises(TypeError, match="declares no scope"):
        type("Loose", (SessionsViewSet,), {"scope": "recordings:read"})
    with pytest.raises(TypeError, match="declares no dialect"):
        type("Lost", (DialectViewSet,), {"scope": Scope.RECORDINGS_READ})
    assert not type("Whole", (FlatViewSet,), {"scope": Scope.RECORDINGS_READ}).abstract


class Failing(FlatViewSet):
    """Raises what it is told to."""

    scope = Scope.RECORDINGS_READ
    error: Exception

    def list(self, request):
        raise self.error


def fail_with(error, key):
    view = Failing.as_view({"get": "list"}, error=error)
    return view(RequestFactory().get("/api/recordings", headers={"x-api-key": key}))


@pytest.fixture
def failing_takes_an_error(monkeypatch):
    monkeypatch.setattr(Failing, "error", None, raising=False)


@pytest.mark.django_db
@pytest.mark.usefixtures("failing_takes_an_error")
class TestErrors:
    @pytest.mark.parametrize("kind", [RuntimeError, ValueError, RecordingError, RequestProblem])
    def test_what_nobody_expected_is_logged_and_not_told(self, cast, kind, caplog):
        with caplog.at_level(logging.ERROR):
            reply = fail_with(kind(SECRET), cast.owner_key)
        assert reply.status_code == 500
        assert b"hunter2" not in reply.content
        assert b'"code":"INTERNAL_ERROR"' in reply.content
        assert SECRET in caplog.text
        assert cast.owner_key not in caplog.text

    @pytest.mark.parametrize(("error", "status"), [(Http404(SECRET), 404), (SuspiciousOperation(SECRET), 400)])
    def test_the_frameworks_errors(self, cast, error, status):
        reply = fail_with(error, cast.owner_key)
        assert reply.status_code == status
        assert b"hunter2" not in reply.content

    def test_a_body_beyond_bounds(self, sessions, cast, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
        reply = sessions("post", "/api/v1/sessions/x/commands/record/start", "{" + " " * 200 + "}")
        assert (reply.status_code, reply.json()["error"]) == (400, "Invalid request body")


def test_every_status_of_the_table_has_words():
    assert all(400 <= status < 600 for status in FLAT.statuses.values())
    assert FLAT.statuses["internal"] == 500


@pytest.fixture
def across(settings):
    """A request to the middleware; the view behind it says 418."""
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    middleware = CorsMiddleware(lambda request: HttpResponse(status=418))

    def across(method, path="/api/recordings", **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return middleware(RequestFactory().generic(method, path, headers=sent))

    return across


def test_an_allowed_origin_may_read_ranges(across):
    reply = across("GET", Origin=ORIGIN)
    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (418, ORIGIN)
    assert reply.headers["Vary"] == "Origin"
    exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Content-Range", "Accept-Ranges", "Content-Length", "ETag"} <= set(exposed)
    assert "Access-Control-Allow-Credentials" not in reply.headers


def test_a_preflight_of_an_allowed_origin(across):
    reply = across("OPTIONS", Origin=ORIGIN, Access_Control_Request_Method="GET")
    assert (reply.status_code, reply.headers["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")
    allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"range", "if-range", "x-api-key", "x-app-id", "authorization"} <= set(allowed)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://player.example.evil.example"])
def test_other_origins_may_not(across, origin):
    for reply in (across("GET", Origin=origin), across("OPTIONS", Origin=origin, Access_Control_Request_Method="GET")):
        assert reply.status_code == 418
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert reply.headers["Vary"] == "Origin"


def test_the_admin_is_never_shared_and_by_default_nothing_is(across, settings):
    assert "Access-Control-Allow-Origin" not in across("GET", "/admin/", Origin=ORIGIN).headers
    settings.CORS_ALLOWED_ORIGINS = []
    assert "Vary" not in across("GET", Origin=ORIGIN).headers


def test_the_wildcard(across, settings):
    settings.CORS_ALLOWED_ORIGINS = ["*"]
    assert across("GET", Origin="https://any.example").headers["Access-Control-Allow-Origin"] == "https://any.example"

"""The base of every dialect's views: authenticated, counted, scoped, in one tenant, with errors in its own shape."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, cast

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from recordings.api.kit import idempotency
from recordings.api.kit.auth import Caller, KeyAuthentication, actor_of
from recordings.api.kit.problems import Problem, RouteUnknown, problem_of
from recordings.models import Recording
from recordings.playback import hearable, hearable_far
from recordings.ranges import CACHE_CONTROL
from workspaces import scopes
from workspaces.audit import Actor
from workspaces.clock import NEVER, now
from workspaces.errors import ScopeMissing
from workspaces.limits import Rate
from workspaces.models import ApiKey, Workspace
from workspaces.scopes import Scope
from workspaces.tenancy import WorkspaceQuerySet

logger = logging.getLogger(__name__)


class Dialect(ABC):
    """One REST contract: how its key travels, how often it may be used, and how its errors look."""

    name: ClassVar[str]
    statuses: ClassVar[Mapping[str, int]]
    """The HTTP status of every error code that may reach a caller; must hold `internal`."""

    @abstractmethod
    def key_of(self, request: HttpRequest) -> Caller:
        """The key of a request, or who is signed in. Raises WorkspaceError, or RequestProblem for headers that
        cannot be."""

    @abstractmethod
    def error(self, problem: Problem, *, path: str) -> HttpResponse:
        """The reply to a problem in the dialect's shape."""

    def refuse(self, problem: Problem, request: HttpRequest) -> HttpResponse:
        """The reply to a problem with this request; for dialects whose errors say more of it than its path."""
        return self.error(problem, path=request.path)

    def headers(self, request: HttpRequest) -> dict[str, str]:  # noqa: ARG002 - for dialects that have some
        """Headers of every reply to this request."""
        return {}

    def count(self, key: Any) -> Rate | None:  # noqa: ARG002 - for dialects that limit; what `key_of` gave
        """Count the request against the dialect's limit; None where it has none. Raises RateExceeded."""
        return None

    def rate_headers(self, rate: Mapping[str, int]) -> dict[str, str]:  # noqa: ARG002 - for dialects that tell
        """How the dialect tells what is left of the limit: `rate` holds limit, remaining and reset (Unix seconds)."""
        return {}


class _Anything(BaseContentNegotiation):
    """Each address has one form of reply; Accept headers and `?format=` choose nothing."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002 - the framework's signature
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:  # noqa: ARG002 - as above
        return renderers[0], renderers[0].media_type


class DialectViewSet(ViewSet):
    """A view of a dialect. A concrete one without a dialect and a scope cannot be declared."""

    dialect: ClassVar[Dialect]
    scope: ClassVar[Scope]
    """What a key must be allowed to, except for the actions that `scopes` lists."""
    scopes: ClassVar[Mapping[str, Scope]] = {}
    abstract: ClassVar[bool] = True

    content_negotiation_class = _Anything
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]  # preflights never come this far

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("abstract", False):
            return
        cls.abstract = False
        if not isinstance(getattr(cls, "scope", None), Scope):
            raise TypeError(f"{cls.__name__} declares no scope: a view must say what a key needs")
        if not isinstance(getattr(cls, "dialect", None), Dialect):
            raise TypeError(f"{cls.__name__} declares no dialect")

    # --- Who asks ---

    @property
    def caller(self) -> Caller:
        return cast("Caller", self.request.auth)

    @property
    def key(self) -> ApiKey:
        """The caller's key, on surfaces that know no other callers."""
        return cast("ApiKey", self.request.auth)

    @property
    def workspace(self) -> Workspace:
        return self.caller.workspace

    @property
    def actor(self) -> Actor:
        return actor_of(self.caller)

    @property
    def recordings(self) -> WorkspaceQuerySet[Recording]:
        """The recordings of the caller's workspace that the caller may know of: of no private chat of others."""
        return hearable(self.kept, self.caller.member)

    @property
    def recordings_far(self) -> WorkspaceQuerySet[Recording]:
        """The same, for pages that begin far from the newest."""
        return hearable_far(self.kept, self.caller.member, workspace=self.workspace)

    @property
    def kept(self) -> WorkspaceQuerySet[Recording]:
        """The recordings of the caller's workspace that are neither deleted nor expired, whoever may hear them."""
        return Recording.objects.of(self.workspace).filter(tm_delete=NEVER, expires_at__gt=now())

    # --- The framework's steps, in the dialect's words ---

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [KeyAuthentication(self.dialect.key_of)]

    def check_permissions(self, request: Request) -> None:  # noqa: ARG002 - the framework's signature
        """Count first: a refusal for want of a scope uses up the limit as well, and tells what is left."""
        rate = self.dialect.count(self.caller)
        if rate is not None:
            self._rate = {"limit": rate.limit, "remaining": rate.remaining, "reset": rate.reset}
        needed = self.scopes.get(self.action or "", self.scope)
        if not scopes.allows(self.caller.scopes, needed):
            raise ScopeMissing(needed)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Once it is known who asks, and that they may: a POST with an Idempotency-Key acts once."""
        super().initial(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key")
        act = getattr(self, "post", None)
        if request.method == "POST" and key is not None and act is not None:
            once = idempotency.acting_once(act, key=key, who=f"{self.actor.type}:{self.caller.pk}")
            setattr(self, "post", once)  # noqa: B010 - where the framework looks for it next; no attribute of the class

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]  # any reply will do
        problem = problem_of(exc, statuses=self.dialect.statuses, allow=", ".join(self.allowed_methods))
        if problem.status >= 500:
            logger.error("%s %s of %s failed", self.request.method, self.route, self.dialect.name, exc_info=exc)
        if "remaining" in problem.data:
            self._rate = {name: problem.data[name] for name in ("limit", "remaining", "reset")}
        return self.dialect.refuse(problem, self.request)

    def finalize_response(  # type: ignore[override]  # we answer with Django's own responses throughout
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        finished: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]  # as above
        finished.headers.setdefault("Cache-Control", CACHE_CONTROL)
        told = self.dialect.rate_headers(self._rate) if self._rate else {}
        for name, value in (told | self.dialect.headers(request)).items():
            finished.headers[name] = value
        return finished

    @cached_property
    def _rate(self) -> dict[str, int]:
        return {}

    @property
    def route(self) -> str:
        """The pattern of the address, which unlike the address holds nothing that a caller wrote."""
        match = self.request.resolver_match
        return match.route if match else ""


def json_reply(body: object, *, status: int = 200) -> HttpResponse:
    """JSON as the dialects send it: compact UTF-8; UUIDs are written as text."""
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")


def unknown_route(dialect: Dialect) -> Any:
    """A view for every other address below a dialect's base path: 404 in its shape, whatever the method."""

    def view(request: HttpRequest, **kwargs: str) -> HttpResponse:  # noqa: ARG001 - what the pattern caught
        problem = problem_of(RouteUnknown(), statuses=dialect.statuses)
        response = dialect.refuse(problem, request)
        response.headers["Cache-Control"] = CACHE_CONTROL
        for name, value in dialect.headers(request).items():
            response.headers[name] = value
        return response

    view.csrf_exempt = True  # type: ignore[attr-defined]  # a POST must meet the 404, not a CSRF page
    return view

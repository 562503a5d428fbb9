"""What makes `resources` itself: the places where its key may be, request ids, and its limit per caller and minute."""

import re
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from recordings.api.kit.auth import Caller
from recordings.api.kit.base import Dialect, DialectViewSet
from recordings.api.kit.params import uuid_of
from recordings.api.kit.problems import Problem, RequestInvalid
from recordings.api.resources import errors
from workspaces import limits
from workspaces.errors import CredentialMissing
from workspaces.ids import new_id
from workspaces.keys import verify_api_key
from workspaces.limits import Rate
from workspaces.logins import verify_token

COOKIE = "token"
REQUEST_ID = "tapedeck.request_id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Resources(Dialect):
    name = "resources"
    statuses = errors.STATUSES

    def key_of(self, request: HttpRequest) -> Caller:
        """The first that is given of: Authorization, ?accesskey=, ?token=, and for reading alone the cookie.

        Each may hold an API key or the token of a sign-in.
        """
        raw = _credential(request)
        if not raw:
            raise CredentialMissing
        return verify_token(raw) if raw.count(".") == 2 else verify_api_key(raw)

    def error(self, problem: Problem, *, path: str) -> HttpResponse:  # noqa: ARG002 - its errors name no path
        return errors.error(problem, request_id=str(new_id()))

    def refuse(self, problem: Problem, request: HttpRequest) -> HttpResponse:
        return errors.error(problem, request_id=request_id(request))

    def headers(self, request: HttpRequest) -> dict[str, str]:
        return {"X-Request-Id": request_id(request)}

    def count(self, key: Caller) -> Rate | None:
        return limits.hit(f"resources:{key.pk}", limit=settings.RESOURCES_REQUESTS_PER_MINUTE, seconds=60)

    def rate_headers(self, rate: Mapping[str, int]) -> dict[str, str]:
        return {f"X-RateLimit-{name.capitalize()}": str(number) for name, number in rate.items()}


RESOURCES = Resources()


class ResourcesViewSet(DialectViewSet):
    abstract = True
    dialect = RESOURCES


def request_id(request: HttpRequest) -> str:
    """The caller's X-Request-Id where it has the form, else one made here; the same for the whole request."""
    given = request.headers.get("X-Request-Id", "")
    made = request.META.setdefault(REQUEST_ID, given if _REQUEST_ID.fullmatch(given) else str(new_id()))
    return str(made)


def id_of(text: str) -> UUID:
    """The UUID of an address. Raises IdInvalid."""
    try:
        return uuid_of(text, name="id")
    except RequestInvalid as error:
        raise errors.IdInvalid(str(error), fields={"id": "must be a UUID"}) from error


def _credential(request: HttpRequest) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    for name in ("accesskey", "token"):
        if given := request.GET.get(name, ""):
            return given
    return request.COOKIES.get(COOKIE, "") if request.method in {"GET", "HEAD"} else ""

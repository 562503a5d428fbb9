"""What makes `flat` itself: where its key is, and its limit per key and minute."""

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from recordings.api.flat import errors
from recordings.api.kit.base import Dialect, DialectViewSet
from recordings.api.kit.problems import Problem
from workspaces import limits
from workspaces.keys import verify_api_key
from workspaces.limits import Rate
from workspaces.models import ApiKey


class Flat(Dialect):
    name = "flat"
    statuses = errors.STATUSES

    def key_of(self, request: HttpRequest) -> ApiKey:
        return verify_api_key(request.headers.get("x-api-key"))

    def error(self, problem: Problem, *, path: str) -> HttpResponse:
        return errors.error(problem, path=path)

    def count(self, key: ApiKey) -> Rate | None:
        return limits.hit(f"flat:{key.pk}", limit=settings.FLAT_REQUESTS_PER_MINUTE, seconds=60)

    def rate_headers(self, rate: Mapping[str, int]) -> dict[str, str]:
        return {f"X-RateLimit-{name.capitalize()}": str(number) for name, number in rate.items()}


FLAT = Flat()


class FlatViewSet(DialectViewSet):
    abstract = True
    dialect = FLAT

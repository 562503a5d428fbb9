"""What makes `downloads` itself: its key is a bearer token, and a key without the scope is a 401."""

from django.http import HttpRequest, HttpResponse

from recordings.api.downloads import errors
from recordings.api.kit.auth import bearer_key
from recordings.api.kit.base import Dialect, DialectViewSet
from recordings.api.kit.problems import Problem
from workspaces.models import ApiKey


class Downloads(Dialect):
    name = "downloads"
    statuses = errors.STATUSES

    def key_of(self, request: HttpRequest) -> ApiKey:
        return bearer_key(request)

    def error(self, problem: Problem, *, path: str) -> HttpResponse:  # noqa: ARG002 - its errors name no path
        return errors.error(problem)


DOWNLOADS = Downloads()


class DownloadsViewSet(DialectViewSet):
    abstract = True
    dialect = DOWNLOADS

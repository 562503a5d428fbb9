"""What makes `chats` itself: its key is a bearer token."""

from django.http import HttpRequest, HttpResponse

from recordings.api.chats import errors
from recordings.api.kit.auth import bearer_key
from recordings.api.kit.base import Dialect, DialectViewSet
from recordings.api.kit.problems import Problem
from workspaces.models import ApiKey


class Chats(Dialect):
    name = "chats"
    statuses = errors.STATUSES

    def key_of(self, request: HttpRequest) -> ApiKey:
        return bearer_key(request)

    def error(self, problem: Problem, *, path: str) -> HttpResponse:  # noqa: ARG002 - its errors name no path
        return errors.error(problem)


CHATS = Chats()


class ChatsViewSet(DialectViewSet):
    abstract = True
    dialect = CHATS

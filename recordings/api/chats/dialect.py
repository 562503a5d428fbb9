"""What makes `chats` itself: its key is a bearer token."""

from django.http import HttpRequest, HttpResponse

from recordings.api.chats import errors
from recordings.api.kit.base import Dialect, DialectViewSet
from recordings.api.kit.problems import Problem
from workspaces.errors import CredentialMissing
from workspaces.keys import verify_api_key
from workspaces.models import ApiKey


class Chats(Dialect):
    name = "chats"
    statuses = errors.STATUSES

    def key_of(self, request: HttpRequest) -> ApiKey:
        """The key after `Bearer` (RFC 6750, 2.1; the scheme's case does not count)."""
        scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            raise CredentialMissing
        return verify_api_key(key.strip())

    def error(self, problem: Problem, *, path: str) -> HttpResponse:  # noqa: ARG002 - its errors name no path
        return errors.error(problem)


CHATS = Chats()


class ChatsViewSet(DialectViewSet):
    abstract = True
    dialect = CHATS

"""Keys on their way in: the dialect says in which header, `workspaces.keys` says whether it counts."""

from collections.abc import Callable

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from workspaces.audit import Actor
from workspaces.errors import CredentialMissing
from workspaces.keys import verify_api_key
from workspaces.logins import SignedIn
from workspaces.models import ApiKey

Caller = ApiKey | SignedIn
"""Who asks: both have `workspace`, `scopes`, `member` and `pk`."""
Authenticate = Callable[[HttpRequest], Caller]
"""The key of a request; raises CredentialMissing, CredentialInvalid, or what the dialect has of its own."""


def bearer_key(request: HttpRequest) -> ApiKey:
    """The key after `Authorization: Bearer` (RFC 6750, 2.1; the scheme's case does not count).

    Raises CredentialMissing and CredentialInvalid.
    """
    scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise CredentialMissing
    return verify_api_key(key.strip())


class KeyAuthentication(BaseAuthentication):
    """`request.auth` is the caller; `request.user` stays None, since a key is nobody's session."""

    def __init__(self, authenticate: Authenticate) -> None:
        self._key_of = authenticate

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        return None, self._key_of(request)


def actor_of(caller: Caller) -> Actor:
    """The caller, for the audit log and the history."""
    return caller.actor if isinstance(caller, SignedIn) else Actor.key(caller)

"""Keys on their way in: the dialect says in which header, `workspaces.keys` says whether it counts."""

from collections.abc import Callable

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from workspaces.models import ApiKey

Authenticate = Callable[[HttpRequest], ApiKey]
"""The key of a request; raises CredentialMissing, CredentialInvalid, or what the dialect has of its own."""


class KeyAuthentication(BaseAuthentication):
    """`request.auth` is the key; `request.user` stays None, since a key is nobody's session."""

    def __init__(self, authenticate: Authenticate) -> None:
        self._key_of = authenticate

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        return None, self._key_of(request)

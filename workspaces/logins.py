"""Signing in with a name and a password: the token that it gives, and what a member may do with one.

The token is a JWT (RFC 7519), HS256 under a key derived from SECRET_KEY, good for seven days: `sub` is the user, `mem`
the membership, `pwd` a fingerprint of the password, so that a token ends with a changed password, a membership, or a
user who is shut out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from workspaces import audit, limits
from workspaces.audit import Actor
from workspaces.clock import now
from workspaces.errors import CredentialInvalid, CredentialMissing
from workspaces.models import Member, Role, Workspace
from workspaces.scopes import Scope

LIFE = timedelta(days=7)
ALGORITHM = "HS256"
NAME_LENGTH = 150  # User.username

_READING = (Scope.CALLS_READ, Scope.CHATS_READ, Scope.FLOWS_READ, Scope.RECORDINGS_READ)
SCOPES: Mapping[str, tuple[Scope, ...]] = MappingProxyType(
    {
        Role.OWNER: (Scope.ALL,),
        Role.ADMINISTRATOR: (Scope.ALL,),
        Role.SUPERVISOR: (*_READING, Scope.CALLS_WRITE, Scope.RECORDINGS_WRITE, Scope.WEBHOOKS_READ),
        Role.AGENT: _READING,
        Role.VIEWER: _READING,
        Role.AUDITOR: (Scope.CALLS_READ,),
    }
)
"""What a member who signed in may do, by role; as in `workspaces.rights`, an auditor hears nothing."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member who carries a token; stands where an API key would."""

    member: Member

    @property
    def workspace(self) -> Workspace:
        return self.member.workspace

    @property
    def scopes(self) -> list[str]:
        return [scope.value for scope in SCOPES[self.member.role]]

    @property
    def actor(self) -> Actor:
        return Actor.user(self.member.user)

    @property
    def pk(self) -> UUID:
        return self.member.pk


def sign_in(*, username: str, password: str, workspace_id: UUID | None = None) -> str:
    """The token of a user: in this workspace, or else in the one that the user joined first.

    Raises CredentialInvalid, whatever did not fit, and RateExceeded beyond LOGIN_ATTEMPTS_PER_MINUTE of that name.
    """
    limits.hit(f"login:{username}", limit=settings.LOGIN_ATTEMPTS_PER_MINUTE, seconds=60)
    storable = len(username) <= NAME_LENGTH and "\0" not in username
    user = authenticate(username=username, password=password) if storable else None
    if not isinstance(user, User):
        raise CredentialInvalid("absent")
    places = _members().filter(user=user).order_by("tm_create", "id")
    member = places.filter(workspace=workspace_id).first() if workspace_id else places.first()
    if member is None:
        raise CredentialInvalid("absent")
    audit.record(Actor.user(user), "sign_in", workspace=member.workspace, subject_type="member", subject_id=member.pk)
    moment = now()
    whose = {"sub": str(user.pk), "mem": str(member.pk), "pwd": _fingerprint(user)}
    claims = {**whose, "iat": moment, "exp": moment + LIFE}
    return jwt.encode(claims, _key(), algorithm=ALGORITHM)


def verify_token(raw: str | None) -> SignedIn:
    """Who carries this token. Raises CredentialMissing or CredentialInvalid."""
    if not raw:
        raise CredentialMissing
    try:
        claims = jwt.decode(raw, _key(), algorithms=[ALGORITHM], options={"require": ["sub", "mem", "pwd", "exp"]})
        member = _members().filter(pk=UUID(claims["mem"]), user_id=int(claims["sub"]), user__is_active=True).first()
        fingerprint = str(claims["pwd"])
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise CredentialInvalid("absent") from error
    if member is None or not constant_time_compare(fingerprint, _fingerprint(member.user)):
        raise CredentialInvalid("revoked")
    return SignedIn(member)


def _members() -> QuerySet[Member]:
    return Member.objects.select_related("workspace", "user")


def _key() -> bytes:
    return salted_hmac("workspaces.logins", "key", algorithm="sha256").digest()


def _fingerprint(user: User) -> str:
    return salted_hmac("workspaces.logins.password", user.get_session_auth_hash(), algorithm="sha256").hexdigest()[:16]

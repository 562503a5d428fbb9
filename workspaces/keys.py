"""Minting, verifying and revoking keys: the only place that sees one in the raw.

Raw form: `td_<prefix>_<secret>` (API key) or `ts_<prefix>_<secret>` (stream key); prefix 10 of [a-z0-9],
secret 32 random bytes as 43 characters of base64url. Kept are the prefix, to find the row, and an HMAC-SHA256
of the whole under SECRET_KEY: a copy of the database alone opens nothing.
"""

import re
import secrets
import string
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from workspaces import audit
from workspaces import scopes as vocabulary
from workspaces.clock import now
from workspaces.errors import CredentialInvalid, CredentialMissing
from workspaces.models import ApiKey, App, Credential, Member, StreamKey, Workspace

API_KIND = "td"
STREAM_KIND = "ts"
FORM = re.compile(r"(?P<kind>td|ts)_(?P<prefix>[a-z0-9]{10})_[A-Za-z0-9_-]{43}")
ALPHABET = string.ascii_lowercase + string.digits
TOUCH_EVERY = timedelta(minutes=1)
DUMMY_DIGEST = "0" * 64
MINT_ATTEMPTS = 5  # a prefix is one of 36**10; a fifth collision in a row means something else is wrong

C = TypeVar("C", bound=Credential)


def mint_api_key(
    workspace: Workspace,
    *,
    scopes: Iterable[str],
    name: str = "",
    app: App | None = None,
    member: Member | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its raw form, which is never to be had again.

    ValueError for an unknown scope, and for an app or member of another workspace.
    """
    granted = vocabulary.parse(scopes)
    if any(owner is not None and owner.workspace_id != workspace.pk for owner in (app, member)):
        raise ValueError("the app and the member of a key belong to the key's workspace")

    def make(prefix: str, digest: str) -> ApiKey:
        return ApiKey.objects.create(
            workspace=workspace,
            name=name,
            prefix=prefix,
            digest=digest,
            scopes=granted,
            app=app,
            member=member,
            expires_at=expires_at,
        )

    return _mint(API_KIND, make)


def mint_stream_key(workspace: Workspace, *, name: str = "") -> tuple[StreamKey, str]:
    """A new stream key and its raw form, which is never to be had again."""

    def make(prefix: str, digest: str) -> StreamKey:
        return StreamKey.objects.create(workspace=workspace, name=name, prefix=prefix, digest=digest)

    return _mint(STREAM_KIND, make)


def verify_api_key(raw: str | None) -> ApiKey:
    """The key's row, with workspace, app and member loaded. Raises CredentialMissing or CredentialInvalid."""
    key = _verify(raw, kind=API_KIND, rows=ApiKey.objects.select_related("workspace", "app", "member__user"))
    if key.member is not None and not key.member.user.is_active:
        raise CredentialInvalid("revoked")  # a person shut out is shut out here as well
    _touch(key)
    return key


def verify_stream_key(raw: str | None) -> StreamKey:
    """The key's row, with its workspace loaded. Raises CredentialMissing or CredentialInvalid."""
    key = _verify(raw, kind=STREAM_KIND, rows=StreamKey.objects.select_related("workspace"))
    _touch(key)
    return key


def is_stream_key(raw: str) -> bool:
    """True where the text has a stream key's form, whether or not such a key exists."""
    match = FORM.fullmatch(raw)
    return match is not None and match["kind"] == STREAM_KIND


def stream_address(raw: str) -> str:
    """The URL at which an engine streams with this stream key, ready to paste."""
    return f"{_capture_server()}/capture/{raw}"


def revoke(credential: Credential, *, actor: audit.Actor) -> bool:
    """Ends an API key or a stream key at once and for good, on record; False where it was revoked before."""
    moment = now()
    with transaction.atomic():
        changed = _rows(credential).filter(pk=credential.pk, revoked_at=None).update(revoked_at=moment)
        if changed:
            audit.record(
                actor,
                "revoke",
                workspace=credential.workspace,
                subject_type="stream_key" if isinstance(credential, StreamKey) else "api_key",
                subject_id=credential.pk,
                data={"prefix": credential.prefix, "name": credential.name},
            )
    if changed:
        credential.revoked_at = moment
    return bool(changed)


def _capture_server() -> str:
    """Where engines are told to stream, or else where the capture process of this machine listens."""
    if settings.WAVSTREAM_URL:
        return str(settings.WAVSTREAM_URL)
    host = settings.CAPTURE_HOST
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - not bound to: every address, of which one must be named
        host = "127.0.0.1"
    return f"ws://{f'[{host}]' if ':' in host else host}:{settings.CAPTURE_PORT}"


def _mint(kind: str, make: Callable[[str, str], C]) -> tuple[C, str]:
    attempts = 0
    while True:
        attempts += 1
        prefix = _prefix()
        raw = f"{kind}_{prefix}_{secrets.token_urlsafe(32)}"
        try:
            with transaction.atomic():
                return make(prefix, _digest(raw)), raw
        except IntegrityError:  # the prefix is taken
            if attempts == MINT_ATTEMPTS:
                raise


def _prefix() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(10))


def _digest(raw: str) -> str:
    return salted_hmac("workspaces.keys", raw, algorithm="sha256").hexdigest()


def _verify(raw: str | None, *, kind: str, rows: QuerySet[C]) -> C:
    if not raw:
        raise CredentialMissing
    match = FORM.fullmatch(raw)
    if match is None or match["kind"] != kind:
        raise CredentialInvalid("absent")  # its form says so, to anybody
    key = rows.filter(prefix=match["prefix"]).first()
    # An unknown prefix costs the same hash and comparison as a wrong secret.
    if not constant_time_compare(_digest(raw), key.digest if key else DUMMY_DIGEST) or key is None:
        raise CredentialInvalid("absent")
    if key.revoked_at is not None:
        raise CredentialInvalid("revoked")
    if key.expires_at is not None and key.expires_at <= now():
        raise CredentialInvalid("expired")
    return key


def _rows(credential: Credential) -> QuerySet[ApiKey] | QuerySet[StreamKey]:
    return StreamKey.objects.all() if isinstance(credential, StreamKey) else ApiKey.objects.all()


def _touch(key: Credential) -> None:
    """Notes the use, at most once a minute: a busy key must not cost a write per request."""
    moment = now()
    if key.last_used_at is not None and key.last_used_at > moment - TOUCH_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=moment - TOUCH_EVERY)
    if _rows(key).filter(stale, pk=key.pk).update(last_used_at=moment):
        key.last_used_at = moment

"""What can go wrong about who acts and how often. No HTTP here: each surface maps codes to its own replies.

WorkspaceError
├── CredentialMissing       no key was given
├── CredentialInvalid       a key was given and does not count: absent, expired or revoked, alike from outside
├── ScopeMissing            the key counts, but may not do this
├── RateExceeded            too often; says when to come back
├── WorkspaceUnknown        no workspace has this id or slug
├── AppRefused              an app id that is malformed, or that belongs to another workspace
├── FieldInvalid            a field of what the caller wrote cannot be; its path is in `fields`
│   └── FieldMissing        a field is not set, and must be
└── KeyReused               an idempotency key that came with another body before
"""

from typing import Any, ClassVar


class WorkspaceError(Exception):
    """Base of this app's errors: `code` is stable and for machines, `data` is safe to show to the caller."""

    code: ClassVar[str] = "workspace_error"

    def __init__(self, message: str = "", **data: Any) -> None:
        super().__init__(message or self.code)
        self.data: dict[str, Any] = data


class CredentialMissing(WorkspaceError):
    code = "credential_missing"

    def __init__(self) -> None:
        super().__init__("no key was given")


class CredentialInvalid(WorkspaceError):
    """`why` (absent, expired or revoked) is for logs; message, code and data never tell the cases apart."""

    code = "credential_invalid"

    def __init__(self, why: str) -> None:
        super().__init__("the key is not valid")
        self.why = why


class ScopeMissing(WorkspaceError):
    code = "scope_missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"the key lacks the scope {scope}", scope=str(scope))
        self.scope = scope


class RateExceeded(WorkspaceError):
    """`retry_after` in seconds from the refused attempt; `reset` in Unix seconds, when the window ends."""

    code = "rate_exceeded"

    def __init__(self, *, retry_after: float, limit: int, remaining: int, reset: int) -> None:
        super().__init__(
            f"more than {limit} in this window; try again in {retry_after:.1f} s",
            retry_after=retry_after,
            limit=limit,
            remaining=remaining,
            reset=reset,
        )
        self.retry_after = retry_after
        self.limit = limit
        self.remaining = remaining
        self.reset = reset


class WorkspaceUnknown(WorkspaceError):
    code = "workspace_unknown"

    def __init__(self, text: str) -> None:
        super().__init__(f"no workspace has the id or slug {text!r}", workspace=text)


class AppRefused(WorkspaceError):
    code = "app_refused"

    def __init__(self, message: str, *, app_id: str) -> None:
        super().__init__(message, app_id=app_id)


class KeyReused(WorkspaceError):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("the Idempotency-Key was used with another body")


class FieldInvalid(WorkspaceError):
    """`fields` in its data is {path: text}."""

    code = "field_invalid"

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path} {text}", fields={path: text})


class FieldMissing(FieldInvalid):
    code = "field_missing"

    def __init__(self, path: str) -> None:
        super().__init__(path, "is missing")

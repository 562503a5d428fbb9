"""What a key may do."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    RECORDINGS_READ = "recordings:read"
    RECORDINGS_WRITE = "recordings:write"
    CALLS_READ = "calls:read"
    CALLS_WRITE = "calls:write"
    CHATS_READ = "chats:read"
    FLOWS_READ = "flows:read"
    FLOWS_WRITE = "flows:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ALL = "all"


def parse(words: Iterable[str]) -> list[str]:
    """Known scopes, sorted, each once; `read:chats` is read as `chats:read`. ValueError names an unknown word."""
    found: set[Scope] = set()
    for word in words:
        verb, _, noun = word.partition(":")
        spelling = f"{noun}:{verb}" if verb in {"read", "write"} else word
        if spelling not in set(Scope):
            raise ValueError(f"unknown scope {word!r}; known are {', '.join(Scope)}")
        found.add(Scope(spelling))
    return sorted(found)


def allows(granted: Iterable[str], needed: Scope) -> bool:
    """True where `granted` holds the scope itself, `all`, or the write scope that implies a read."""
    implied = {needed.value, Scope.ALL.value}
    if needed.value.endswith(":read"):
        implied.add(needed.value.replace(":read", ":write"))
    return not implied.isdisjoint(granted)

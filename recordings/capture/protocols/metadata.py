"""Text that came with the audio, made safe to keep: clean strings in flat mappings."""

from collections.abc import Mapping

import msgspec

# Keys are compared in lower case without - and _ (callId, call_id, Call-ID are one); the first found wins.
_SPELLINGS = {
    "call_id": ("callid", "callsid", "uuid"),
    "from": ("from", "caller", "callerid", "calleridnumber", "ani"),
    "to": ("to", "called", "callee", "destinationnumber", "dnis"),
}


def clean(text: str) -> str:
    """The same text without what a database refuses: lone surrogates become ?, NUL becomes U+FFFD."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def read_object(text: str) -> dict[str, object] | None:
    """The JSON object that `text` is, or None when it is anything else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors; deep nesting overflows the stack
        return None


def flat(fields: Mapping[str, object]) -> dict[str, str]:
    """The scalar fields as clean strings, true and false as JSON writes them; without nested and null."""
    kept: dict[str, str] = {}
    for key, value in fields.items():
        if isinstance(value, bool):
            kept[clean(key)] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            kept[clean(key)] = clean(str(value))
    return kept


def named(fields: Mapping[str, str]) -> dict[str, str]:
    """`fields` plus call_id, from and to, taken from the spellings that engines use for them."""
    known = {key.lower().replace("_", "").replace("-", ""): value for key, value in fields.items() if value}
    found = {
        name: next((known[spelling] for spelling in spellings if spelling in known), None)
        for name, spellings in _SPELLINGS.items()
    }
    return {name: value for name, value in found.items() if value} | dict(fields)

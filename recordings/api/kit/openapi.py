"""The words in which a dialect describes itself: operations, schemas and errors, as OpenAPI 3.1 has them.

A dialect's `schema` holds a Surface, whose operations are keyed "METHOD /path". What is the same for every dialect is
written here: the replies of audio, the headers of errors, and an example of each error, made by the dialect itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recordings.api.kit.base import Dialect
from recordings.api.kit.problems import INTERNAL
from workspaces.scopes import Scope

Json = dict[str, Any]

COMMON = ("credential_missing", "credential_invalid", "scope_missing", "route_unknown", "method_refused", INTERNAL)
"""Errors that every operation with a key may answer with."""
OF_KEYS = frozenset({"credential_missing", "credential_invalid", "scope_missing"})
OF_STORAGE = ("storage_error", "object_missing", "object_damaged")
OF_AUDIO = ("not_there", "precondition_failed", "range_unsatisfiable", *OF_STORAGE)
UUID: Json = {"type": "string", "format": "uuid"}
TEXT: Json = {"type": "string"}
_NAMES = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one method of one address takes and answers."""

    id: str
    tag: str
    summary: str
    replies: Mapping[int, Json]
    """The replies that are no errors."""
    scope: Scope | None = None
    """None: no key is asked for."""
    errors: tuple[str, ...] = ()
    """Codes of the dialect's table, beyond the surface's common ones."""
    description: str = ""
    parameters: tuple[Json, ...] = ()
    body: Json | None = None
    """A schema."""
    examples: Json = field(default_factory=dict)
    """Of the body, by name."""
    body_needed: bool = False
    routed: bool = True
    """False: no view set's address, or one that spells out an address with a free part."""
    bare: bool = False
    """Its errors have no body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A dialect as its schema shows it."""

    dialect: Dialect
    title: str
    description: str
    patterns: Sequence[Any]
    operations: Mapping[str, Operation]
    schemas: Mapping[str, Json]
    """The components; `Error` must be one."""
    security_schemes: Mapping[str, Json]
    security: Sequence[Mapping[str, Sequence[str]]]
    path_schemas: Mapping[str, Json]
    """Of the names in addresses."""
    error_body: Callable[[str], Json]
    """The body that the dialect writes for an error code."""
    common: tuple[str, ...] = COMMON
    hidden: frozenset[str] = frozenset()
    """Routed operations that others spell out."""
    webhooks: Mapping[str, Json] = field(default_factory=dict)

    def written(self, key: str) -> Json:
        """The Operation Object of "METHOD /path"."""
        operation, address = self.operations[key], key.partition(" ")[2]
        named = [self._in_path(name) for name in _NAMES.findall(address)]
        scope = f"Scope: `{operation.scope}`." if operation.scope else "Takes no key."
        made: Json = {
            "operationId": operation.id,
            "tags": [operation.tag],
            "summary": operation.summary,
            "description": f"{operation.description}\n\n{scope}".strip(),
            "parameters": [*named, *operation.parameters],
            "security": [dict(each) for each in self.security] if operation.scope else [],
            "responses": {str(status): reply for status, reply in operation.replies.items()} | self._errors(operation),
        }
        if operation.body is not None:
            content = {"schema": operation.body} | ({"examples": operation.examples} if operation.examples else {})
            made["requestBody"] = {"content": {"application/json": content}, "required": operation.body_needed}
        return made

    def codes(self, operation: Operation) -> list[str]:
        """Every error that the operation may answer with, each once."""
        common = [code for code in self.common if operation.scope or code not in OF_KEYS]
        return list(dict.fromkeys([*common, *operation.errors]))

    def _errors(self, operation: Operation) -> Json:
        by_status: dict[int, list[str]] = {}
        codes = operation.errors if operation.bare else self.codes(operation)
        for code in codes:
            by_status.setdefault(self.dialect.statuses[code], []).append(code)
        return {
            str(status): self._error(status, by_status[status], bare=operation.bare) for status in sorted(by_status)
        }

    def _error(self, status: int, codes: list[str], *, bare: bool) -> Json:
        bodies: Json = {}
        for code in codes:
            body = self.error_body(code)
            if body not in bodies.values():  # faults of storage look alike from outside
                bodies[code] = body
        reply: Json = {"description": ", ".join(code.replace("_", " ") for code in bodies)}
        if headers := _HEADERS.get(status):
            reply["headers"] = headers
        if not bare:
            examples = {code: {"value": body} for code, body in bodies.items()}
            reply["content"] = {"application/json": {"schema": ref("Error"), "examples": examples}}
        return reply

    def _in_path(self, name: str) -> Json:
        return {"name": name, "in": "path", "required": True, "schema": self.path_schemas[name]}


def _header(description: str, **schema: Any) -> Json:
    return {"description": description, "schema": schema}


_HEADERS: Mapping[int, Json] = {
    401: {"WWW-Authenticate": _header("The scheme of the key.", type="string")},
    405: {"Allow": _header("The methods that the address knows.", type="string")},
    416: {"Content-Range": _header("`bytes */N`, with the length of the file.", type="string")},
    429: {"Retry-After": _header("Seconds to wait.", type="integer", minimum=1)},
}


# --- Schemas ------------------------------------------------------------------------------------------------------


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: Mapping[str, Json], *, optional: Sequence[str] = (), **more: Any) -> Json:
    """An object with these properties and no others, all of them there but for the optional."""
    needed = [name for name in properties if name not in optional]
    made: Json = {"type": "object", "properties": dict(properties), "additionalProperties": False} | more
    return made | ({"required": needed} if needed else {})


def given(properties: Mapping[str, Json], *, required: Sequence[str] = (), **more: Any) -> Json:
    """What a caller may write: an object of which unknown properties are ignored."""
    made: Json = {"type": "object", "properties": dict(properties)} | more
    return made | ({"required": list(required)} if required else {})


def many(items: Json) -> Json:
    return {"type": "array", "items": items}


def choice(values: Sequence[str], description: str = "") -> Json:
    made: Json = {"type": "string", "enum": [str(value) for value in values]}
    return made | ({"description": description} if description else {})


# --- Parameters and replies ---------------------------------------------------------------------------------------


def query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def header(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "header", "schema": schema, "description": description}


def json_of(schema: Json, description: str, *, example: Any = None) -> Json:
    """A reply with a body."""
    content: Json = {"schema": schema} | ({"example": example} if example is not None else {})
    return {"description": description, "content": {"application/json": content}}


ONCE = header(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]{1,255}$"},
    "The same POST sent again within 24 hours under this key acts once, and gets the reply that was stored.",
)
AUDIO_PARAMETERS = (
    header(
        "Range",
        TEXT | {"pattern": "^bytes=[0-9]*-[0-9]*$"},
        "`bytes=a-b`, `bytes=a-` or `bytes=-n` (RFC 9110); what is malformed is ignored.",
    ),
    header("If-Range", TEXT, "An ETag: the range is given only of that file."),
    header("If-Match", TEXT, "ETags, or `*`."),
    header("If-None-Match", TEXT, "ETags, or `*`."),
)


def audio(content_type: str, *, disposition: str) -> dict[int, Json]:
    """The replies of a file of audio: the whole, a part, and nothing new."""
    headers: Json = {
        "Accept-Ranges": _header("`bytes`.", type="string"),
        "Content-Disposition": _header(disposition, type="string"),
        "ETag": _header("Strong; only once the recording has ended.", type="string"),
    }
    content_range = {"Content-Range": _header("`bytes a-b/N`; N is `*` while the recording runs.", type="string")}
    content = {content_type: {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "The whole file.", "headers": headers, "content": content},
        206: {"description": "The range that was asked for.", "headers": headers | content_range, "content": content},
        304: {"description": "If-None-Match names this file.", "headers": {"ETag": headers["ETag"]}},
    }

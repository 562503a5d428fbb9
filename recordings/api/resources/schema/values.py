"""What the nouns of the schema share: values as this surface writes and reads them, and the forms of its operations."""

from recordings.api.kit.openapi import ONCE, TEXT, UUID, Json, Operation, json_of, query, record, ref
from workspaces.scopes import Scope

ZERO = "00000000-0000-0000-0000-000000000000"
NEVER = "9999-01-01 00:00:00.000000"
TIME: Json = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$",
    "description": f"UTC; `{NEVER}` is not yet.",
}
ID = UUID
NO_ID_YET = UUID | {"description": "The zero UUID is none."}
OWNER: Json = {"owner_type": {"type": "string", "enum": ["", "agent"]}, "owner_id": NO_ID_YET}
TIMES: Json = {"tm_create": TIME, "tm_update": TIME, "tm_delete": TIME}
SHOWN_TIMES: Json = {
    "tm_create": "2026-01-02 14:02:10.358000",
    "tm_update": "2026-01-02 14:02:11.140000",
    "tm_delete": NEVER,
}
UNSET_ID: Json = {"type": ["string", "null"], "format": "uuid", "description": 'null, "" and zeros are none.'}
PAGE = (
    query(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": 100},
        "How many at the most; whatever else is written means 100.",
    ),
    query(
        "page_token",
        TEXT,
        "The `next_page_token` of the page before, or a time (`2026-01-02 14:02:10.358000`): what is strictly older.",
    ),
)
OF_BODIES = ("body_malformed", "field_invalid", "field_missing")
OF_IDS = ("id_invalid", "not_there")


def unset(description: str, *, longest: int = 200) -> Json:
    return {"type": ["string", "null"], "maxLength": longest, "description": description}


def seconds(description: str, *, most: int) -> Json:
    return {"type": ["integer", "null"], "minimum": 0, "maximum": most, "description": description}


def page(name: str) -> Json:
    """The schema of a page of a noun."""
    token = TEXT | {"description": "Of the next page; empty where this one is."}
    return record({"result": {"type": "array", "items": ref(name)}, "next_page_token": token})


def reading(
    noun: str, name: str, scope: Scope, *, example: Json, filters: tuple[Json, ...] = ()
) -> dict[str, Operation]:
    """The list of a noun, and one of it."""
    shown = {"result": [example], "next_page_token": f"2026-01-02T14:02:10.358000Z_{example['id']}"}
    return {
        f"GET /v1.0/{noun}": Operation(
            id=f"list{name}s",
            tag=noun,
            summary=f"The {noun}, the newest first",
            replies={200: json_of(ref(f"{name}Page"), "A page of them.", example=shown)},
            scope=scope,
            errors=("request_invalid",),
            parameters=(*PAGE, *filters),
        ),
        f"GET /v1.0/{noun}/{{id}}": Operation(
            id=f"get{name}",
            tag=noun,
            summary="The one of this id",
            replies={200: json_of(ref(name), "It.", example=example)},
            scope=scope,
            errors=OF_IDS,
        ),
    }


def acting(
    name: str,
    noun: str,
    summary: str,
    *,
    reply: str,
    scope: Scope,
    body: str = "",
    errors: tuple[str, ...] = (),
    post: bool = True,
    examples: Json | None = None,
) -> Operation:
    """An operation that changes something, and answers with `reply`; `body` and `reply` are names of schemas."""
    return Operation(
        id=name,
        tag=noun,
        summary=summary,
        replies={200: json_of(ref(reply), "As it is now.")},
        scope=scope,
        errors=(
            *(OF_BODIES if body else ()),
            *(("idempotency_key_reused", "request_invalid") if post else ()),
            *errors,
        ),
        parameters=(ONCE,) if post else (),
        body=ref(body) if body else None,
        examples=examples or {},
    )

"""Customers, agents, and signing in."""

from recordings.api.kit.openapi import TEXT, Json, Operation, choice, given, json_of, many, record, ref
from recordings.api.resources.schema.values import (
    ID,
    NEVER,
    OF_BODIES,
    SHOWN_TIMES,
    TIMES,
    UNSET_ID,
    page,
    reading,
)
from recordings.api.resources.views.people import PASSWORD_LENGTH
from recordings.api.resources.wire.people import AGENT_PERMISSION
from workspaces.scopes import Scope

CUSTOMER: Json = {
    "id": ID,
    **dict.fromkeys(("name", "detail", "email", "phone_number", "address"), TEXT),
    "webhook_method": choice(["", "POST"]),
    "webhook_uri": TEXT | {"description": "Only for keys that may read webhooks."},
    "status": {"type": "string", "const": "active"},
    **TIMES,
}
SHOWN_CUSTOMER: Json = {
    "id": "01a1f8c6-7100-7b51-8c2d-6a0f3e1d9c11",
    "name": "Harbour Clinic",
    "detail": "harbour-clinic",
    "email": "",
    "phone_number": "",
    "address": "",
    "webhook_method": "",
    "webhook_uri": "",
    "status": "active",
    **SHOWN_TIMES,
}
AGENT: Json = {
    "id": ID,
    "customer_id": ID,
    "username": TEXT,
    "name": TEXT,
    "detail": TEXT,
    "status": choice(["available", "offline"]),
    "permission": {"type": "integer", "const": AGENT_PERMISSION},
    "tag_ids": many(ID),
    "addresses": many({"type": "object"}),
    **TIMES,
}
SHOWN_AGENT: Json = {
    "id": "01a1f8c6-7150-7f35-8b70-3e4d5f607182",
    "customer_id": SHOWN_CUSTOMER["id"],
    "username": "anna",
    "name": "Anna Berg",
    "detail": "",
    "status": "available",
    "permission": AGENT_PERMISSION,
    "tag_ids": [],
    "addresses": [],
    **SHOWN_TIMES,
    "tm_delete": NEVER,
}
LOGIN: Json = {
    "username": {"type": "string", "minLength": 1, "maxLength": 200},
    "password": {"type": "string", "minLength": 1, "maxLength": PASSWORD_LENGTH},
    "customer_id": UNSET_ID,
}
SCHEMAS: Json = {
    "Customer": record(CUSTOMER, examples=[SHOWN_CUSTOMER]),
    "CustomerPage": page("Customer"),
    "Agent": record(AGENT, examples=[SHOWN_AGENT]),
    "AgentPage": page("Agent"),
    "Login": given(LOGIN, required=["username", "password"]),
    "Token": record({"username": TEXT, "token": TEXT | {"description": "Good for seven days."}}),
}
OPERATIONS = {
    **reading("customers", "Customer", Scope.CALLS_READ, example=SHOWN_CUSTOMER),
    **reading("agents", "Agent", Scope.CALLS_READ, example=SHOWN_AGENT),
    "POST /auth/login": Operation(
        id="login",
        tag="auth",
        summary="A token for a user name and a password; also as a cookie, which is good for reading",
        replies={200: json_of(ref("Token"), "Signed in.")},
        errors=(*OF_BODIES, "credential_invalid"),
        body=ref("Login"),
        body_needed=True,
        examples={"agent": {"value": {"username": "anna", "password": "correct horse battery staple"}}},
        routed=False,
    ),
}

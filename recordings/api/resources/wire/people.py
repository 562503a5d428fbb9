"""Customers and agents as `resources` writes them: the workspace, and its members with the role of an agent."""

from typing import Any

from recordings.api.resources.wire.values import time, uuid
from workspaces.clock import NEVER

CUSTOMER_FIELDS = ("id", "name", "slug", "tm_create", "tm_update")
AGENT_FIELDS = (
    *("id", "workspace_id", "user__username", "user__first_name", "user__last_name", "user__is_active", "tm_create"),
)
AGENT_PERMISSION = 16
"""The vendor's number for an agent without an administrator's rights."""


def customer(row: dict[str, Any], *, webhook_uri: str) -> dict[str, Any]:
    """A row of CUSTOMER_FIELDS as JSON."""
    return {
        "id": uuid(row["id"]),
        "name": row["name"],
        "detail": row["slug"],
        "email": "",
        "phone_number": "",
        "address": "",
        "webhook_method": "POST" if webhook_uri else "",
        "webhook_uri": webhook_uri,
        "status": "active",
        "tm_create": time(row["tm_create"]),
        "tm_update": time(row["tm_update"]),
        "tm_delete": time(NEVER),
    }


def agent(row: dict[str, Any]) -> dict[str, Any]:
    """A row of AGENT_FIELDS as JSON."""
    return {
        "id": uuid(row["id"]),
        "customer_id": uuid(row["workspace_id"]),
        "username": row["user__username"],
        "name": f"{row['user__first_name']} {row['user__last_name']}".strip(),
        "detail": "",
        "status": "available" if row["user__is_active"] else "offline",
        "permission": AGENT_PERMISSION,
        "tag_ids": [],
        "addresses": [],
        "tm_create": time(row["tm_create"]),
        "tm_update": time(row["tm_create"]),
        "tm_delete": time(NEVER),
    }

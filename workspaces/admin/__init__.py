"""The staff admin of tenants, people and keys, and what every other page of it stands on (`base`, `paging`)."""

from workspaces.admin import audit_log, credentials, people, tenants, users

__all__ = ["audit_log", "credentials", "people", "tenants", "users"]

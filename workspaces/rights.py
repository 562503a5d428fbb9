"""What the roles of members allow in the staff admin: one table, and the questions asked of it.

Superusers may everything everywhere; a user that is not active may nothing; everybody else what the role in that
workspace says, and nothing where there is no membership.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

from workspaces.models import Member, Role, Workspace


class Right(StrEnum):
    LIST = "list"  # see calls, recordings and what happened to them
    LISTEN = "listen"
    LISTEN_PRIVATE = "listen_private"  # hear calls whose chat is private, without taking part in it
    DOWNLOAD = "download"
    STOP = "stop"
    DELETE = "delete"
    LINK = "link"  # make a link that plays without signing in
    KEYS = "keys"  # see, mint and revoke API keys and stream keys
    AUDIT = "audit"  # read the audit log, and who listened
    MANAGE = "manage"  # change the workspace and its members


_HEARING = frozenset({Right.LIST, Right.LISTEN})
_SUPERVISING = _HEARING | {Right.DOWNLOAD, Right.STOP, Right.DELETE, Right.LINK, Right.AUDIT}

RIGHTS: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        Role.OWNER: frozenset(Right),
        Role.ADMINISTRATOR: frozenset(Right),
        Role.SUPERVISOR: _SUPERVISING,
        Role.AGENT: _HEARING | {Right.STOP},
        Role.VIEWER: _HEARING,
        Role.AUDITOR: frozenset({Right.LIST, Right.AUDIT}),
    }
)
"""An auditor checks who did what and hears no call; only supervisors and above take audio out or delete it."""

Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True, slots=True)
class Rights:
    """One user's roles, read once (one query), to be asked many times while a page is built."""

    everything: bool
    roles: Mapping[UUID, str]
    """By workspace; empty for a superuser, who needs none."""

    @classmethod
    def of(cls, user: Person) -> Self:
        if not user.is_active:
            return cls(everything=False, roles={})
        if isinstance(user, PermissionsMixin) and user.is_superuser:
            return cls(everything=True, roles={})
        return cls(
            everything=False,
            roles=dict(Member.objects.filter(user_id=user.pk).values_list("workspace_id", "role")),
        )

    def may(self, right: Right, workspace: Workspace | UUID | None) -> bool:
        """Whether the user has `right` in `workspace`; without one: in any."""
        if self.everything:
            return True
        if workspace is None:
            return bool(self.workspaces(right))
        key = workspace.pk if isinstance(workspace, Workspace) else workspace
        return right in RIGHTS.get(self.roles.get(key, ""), frozenset())

    def workspaces(self, right: Right) -> list[UUID]:
        """The workspaces in which a member has `right`; meaningless for a superuser, who has it in all."""
        return [workspace for workspace, role in self.roles.items() if right in RIGHTS.get(role, frozenset())]


def may(user: Person, right: Right, workspace: Workspace | UUID) -> bool:
    return Rights.of(user).may(right, workspace)


def workspaces_of(user: Person, right: Right = Right.LIST) -> QuerySet[Workspace]:
    """The workspaces in which the user has `right`."""
    rights = Rights.of(user)
    return Workspace.objects.all() if rights.everything else Workspace.objects.filter(pk__in=rights.workspaces(right))

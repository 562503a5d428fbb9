"""Which entries of the side bar a viewer has; project.settings names these by their dotted path."""

from django.http import HttpRequest

from workspaces.admin.base import rights_of
from workspaces.rights import Right


def may_list(request: HttpRequest) -> bool:
    return rights_of(request).may(Right.LIST, None)


def may_keys(request: HttpRequest) -> bool:
    return rights_of(request).may(Right.KEYS, None)


def may_audit(request: HttpRequest) -> bool:
    return rights_of(request).may(Right.AUDIT, None)


def may_everything(request: HttpRequest) -> bool:
    return rights_of(request).everything

"""The whole table of roles and rights, and who stands outside it."""

import pytest
from django.contrib.auth.models import AnonymousUser

from workspaces.models import Role
from workspaces.rights import RIGHTS, Right, Rights, may, workspaces_of

pytestmark = pytest.mark.django_db

ALL = "list listen listen_private download stop delete link keys audit manage"
TABLE = {
    Role.OWNER: ALL,
    Role.ADMINISTRATOR: ALL,
    Role.SUPERVISOR: "list listen download stop delete link audit",
    Role.AGENT: "list listen stop",
    Role.VIEWER: "list listen",
    Role.AUDITOR: "list audit",
}


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("role", Role)
def test_the_matrix(cast, role, right):
    user, _ = cast.person("someone", role=role)
    assert may(user, right, cast.workspace) is (right in TABLE[role].split())
    assert not may(user, right, cast.other_workspace)
    assert (cast.workspace in workspaces_of(user, right)) is (right in TABLE[role].split())


def test_every_role_stands_in_the_table():
    assert set(RIGHTS) == set(Role)


@pytest.mark.parametrize("right", Right)
def test_superusers_may_everything_everywhere(cast, right):
    assert may(cast.superuser, right, cast.workspace)
    assert Rights.of(cast.superuser).may(right, None)
    assert set(workspaces_of(cast.superuser, right)) == {cast.workspace, cast.other_workspace}


def test_who_is_shut_out_may_nothing(cast):
    user, _ = cast.person("leaver", role=Role.OWNER)
    user.is_active = cast.superuser.is_active = False
    assert not may(user, Right.LIST, cast.workspace)
    assert not may(cast.superuser, Right.LIST, cast.workspace)
    assert not may(AnonymousUser(), Right.LIST, cast.workspace)


def test_rights_are_read_in_one_query(cast, django_assert_num_queries):
    with django_assert_num_queries(1):
        rights = Rights.of(cast.staff)
        assert rights.may(Right.LISTEN, cast.workspace.pk)
        assert rights.may(Right.LISTEN, None)
        assert not rights.may(Right.KEYS, None)

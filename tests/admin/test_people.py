"""Workspaces, members, apps and users: who may change them, and what is on record afterwards."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from workspaces.keys import mint_api_key
from workspaces.models import ApiKey, App, AuditEntry, Member, Role, Workspace

pytestmark = pytest.mark.django_db
ADD = "admin:workspaces_member_add"


@pytest.fixture
def owner(desk):
    return desk.of(Role.OWNER)


@pytest.fixture
def administrator(desk):
    return desk.of(Role.ADMINISTRATOR)


def errors(reply):
    return set(reply.context["adminform"].form.errors)


def test_a_workspace_is_changed_on_record_and_never_deleted(administrator, root_desk, cast):
    form = {"name": "Harbour", "slug": "harbour"}  # recording_enabled unchecked
    assert administrator.post("workspaces_workspace_change", cast.workspace, form).status_code == 302
    cast.workspace.refresh_from_db()
    assert (cast.workspace.name, cast.workspace.recording_enabled) == ("Harbour", False)
    entry = AuditEntry.objects.get(verb="change", subject_id=str(cast.workspace.pk))
    assert entry.data == {"name": "Harbour", "slug": "harbour", "recording_enabled": False}
    assert root_desk.post("workspaces_workspace_delete", cast.workspace, {"post": "yes"}).status_code == 403
    assert administrator.client.get(reverse("admin:workspaces_workspace_add")).status_code == 403


def test_superusers_make_workspaces(root_desk):
    root_desk.client.post(reverse("admin:workspaces_workspace_add"), {"name": "New", "slug": "new"})
    made = Workspace.objects.get(slug="new")
    assert AuditEntry.objects.filter(verb="create", subject_id=str(made.pk)).exists()


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.VIEWER, Role.AUDITOR])
def test_lesser_roles_change_nobody(desk, cast, role):
    person = desk.of(role)
    assert person.list("workspaces_member").status_code == 200
    assert person.client.get(reverse(ADD)).status_code == 403
    assert person.post("workspaces_member_change", cast.staff_member, {"role": "owner"}).status_code == 403
    assert person.post("workspaces_member_delete", cast.staff_member, {"post": "yes"}).status_code == 403
    assert person.post("workspaces_workspace_change", cast.workspace, {"name": "x", "slug": "x"}).status_code == 403


def test_a_member_is_added_by_name(administrator, cast):
    newcomer = User.objects.create_user("nina")
    form = {"username": "nina", "workspace": cast.workspace.pk, "role": "agent"}
    assert administrator.client.post(reverse(ADD), form).status_code == 302
    member = Member.objects.get(user=newcomer)
    newcomer.refresh_from_db()
    assert (member.workspace, member.role, newcomer.is_staff) == (cast.workspace, "agent", True)
    entry = AuditEntry.objects.get(verb="create", subject_id=str(member.pk))
    assert entry.data == {"username": "nina", "role": "agent"}
    assert errors(administrator.client.post(reverse(ADD), form)) == {"username"}  # is one already


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"username": "nobody"}, "username"),
        ({"username": "gone"}, "username"),
        ({"workspace": "other"}, "workspace"),
        ({"role": "emperor"}, "role"),
        ({"role": "owner"}, "role"),
    ],
)
def test_wrong_members_are_refused(administrator, cast, values, field):
    User.objects.create_user("nina")
    User.objects.create_user("gone", is_active=False)
    form = {"username": "nina", "workspace": cast.workspace.pk, "role": "agent"} | values
    if form["workspace"] == "other":
        form["workspace"] = cast.other_workspace.pk
    assert field in errors(administrator.client.post(reverse(ADD), form))
    assert not Member.objects.filter(user__username__in=["nina", "gone"]).exists()


def test_only_an_owner_makes_and_unmakes_an_owner(owner, administrator, cast):
    boss = Member.objects.get(user=owner.user)
    assert errors(administrator.post("workspaces_member_change", boss, {"role": "viewer"})) == {"role"}
    assert errors(administrator.post("workspaces_member_change", cast.staff_member, {"role": "owner"})) == {"role"}
    assert administrator.post("workspaces_member_delete", boss, {"post": "yes"}).status_code == 403
    assert owner.post("workspaces_member_change", cast.staff_member, {"role": "owner"}).status_code == 302
    cast.staff_member.refresh_from_db()
    assert cast.staff_member.role == Role.OWNER
    assert owner.post("workspaces_member_delete", cast.staff_member, {"post": "yes"}).status_code == 302


def test_a_members_keys_go_with_the_member(administrator, cast):
    key, _ = mint_api_key(cast.workspace, scopes=["all"], member=cast.staff_member)
    assert administrator.post("workspaces_member_delete", cast.staff_member, {"post": "yes"}).status_code == 302
    assert not Member.objects.filter(user=cast.staff).exists()
    assert not ApiKey.objects.filter(pk=key.pk).exists()
    assert AuditEntry.objects.get(verb="delete").data == {"username": "sam", "role": "supervisor"}


def test_an_app_is_made_on_record(administrator, cast):
    form = {"app_id": "front-desk", "workspace": cast.workspace.pk}
    administrator.client.post(reverse("admin:workspaces_app_add"), form)
    made = App.objects.get(app_id="front-desk")
    assert AuditEntry.objects.get(verb="create", subject_id=str(made.pk)).data == {"app_id": "front-desk"}


def test_an_app_id_has_its_form(administrator, cast):
    form = {"app_id": "front desk/é", "workspace": cast.workspace.pk}
    reply = administrator.client.post(reverse("admin:workspaces_app_add"), form)
    assert errors(reply) == {"app_id"}


def test_the_audit_log_is_read_by_its_readers_and_written_by_nobody(desk, root_desk, everything, cast):
    entry = AuditEntry.objects.filter(workspace=cast.workspace).first()
    for role in [Role.AUDITOR, Role.SUPERVISOR]:
        assert desk.of(role).page("workspaces_auditentry", entry).status_code == 200
    assert desk.of(Role.VIEWER).list("workspaces_auditentry").status_code == 403
    assert root_desk.client.get(reverse("admin:workspaces_auditentry_add")).status_code == 403
    assert root_desk.post("workspaces_auditentry_change", entry, {"verb": "x"}).status_code == 403
    assert root_desk.post("workspaces_auditentry_delete", entry, {"post": "yes"}).status_code == 403


def test_users_are_for_superusers(owner, root_desk, cast):
    assert owner.list("auth_user").status_code == 403
    assert owner.post("auth_user_change", owner.user, {"is_superuser": "on"}).status_code == 403
    assert root_desk.page("auth_user", cast.staff).status_code == 200

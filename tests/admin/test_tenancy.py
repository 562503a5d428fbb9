"""Another tenant's rows are not there: in no list, on no page, for no act, in no choice."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse

from workspaces.models import Member, Workspace

pytestmark = pytest.mark.django_db
TENANT_MODELS = sorted(
    (model for model in admin.site._registry if model not in {User, Group}), key=lambda model: model._meta.label
)


def name_of(model):
    return f"{model._meta.app_label}_{model._meta.model_name}"


def mine(model, cast):
    """The rows of the cast's own workspace."""
    path = admin.site._registry[model].workspace_path
    return model._default_manager.filter(**{path: cast.workspace.pk})


@pytest.fixture
def strangers_owner(cast, stranger_desk):
    Member.objects.filter(user=stranger_desk.user).update(role="owner")
    return stranger_desk


@pytest.mark.sqlite
@pytest.mark.parametrize("model", TENANT_MODELS, ids=name_of)
def test_a_stranger_finds_nothing(strangers_owner, cast, everything, model):
    rows = list(mine(model, cast))
    assert rows
    listed = strangers_owner.list(name_of(model))
    assert listed.status_code == 200
    assert not set(listed.context["cl"].result_list) & set(rows)
    absent = strangers_owner.client.get(
        strangers_owner.url(f"{name_of(model)}_change", rows[0]).replace(str(rows[0].pk), "none")
    )
    theirs = strangers_owner.page(name_of(model), rows[0])
    assert (theirs.status_code, theirs.headers["Location"]) == (absent.status_code, absent.headers["Location"])
    assert theirs.status_code == 302


@pytest.mark.parametrize("model", TENANT_MODELS, ids=name_of)
def test_staff_without_a_workspace_is_refused(cast, client, everything, model):
    client.force_login(User.objects.create_user("newcomer", is_staff=True))
    assert client.get(reverse(f"admin:{name_of(model)}_changelist")).status_code == 403
    assert client.get(reverse(f"admin:{name_of(model)}_change", args=[mine(model, cast)[0].pk])).status_code in {
        302,
        403,
    }


def test_djangos_permission_rows_open_nothing(cast, client, everything):
    from django.contrib.auth.models import Permission

    person = User.objects.create_user("permitted", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    client.force_login(person)
    for model in admin.site._registry:
        assert client.get(reverse(f"admin:{name_of(model)}_changelist")).status_code == 403, model


@pytest.mark.parametrize("act", ["stop", "link", "delete"])
def test_a_stranger_cannot_act(strangers_owner, everything, act):
    reply = strangers_owner.post(f"recordings_recording_{act}", everything, {"reason": "mine now"})
    assert (reply.status_code, reply.headers["Location"]) == (302, reverse("admin:index"))
    before = everything.tm_delete
    everything.refresh_from_db()
    assert everything.tm_delete == before


def test_searching_finds_no_strangers_call(strangers_owner, everything, call):
    for text in ["+44 7700 900142", str(call.uuid), str(call.pk), str(everything.pk)]:
        for name in ["recordings_recording", "calls_call"]:
            reply = strangers_owner.client.get(reverse(f"admin:{name}_changelist"), {"q": text})
            assert list(reply.context["cl"].result_list) == []


@pytest.mark.parametrize(("model", "field"), [("apikey", "workspace"), ("apikey", "app"), ("apikey", "member")])
def test_choices_hold_the_viewers_own(strangers_owner, cast, model, field):
    reply = strangers_owner.client.get(
        reverse("admin:autocomplete"), {"app_label": "workspaces", "model_name": model, "field_name": field, "term": ""}
    )
    offered = {row["id"] for row in reply.json()["results"]}
    theirs = {str(row.pk) for row in Workspace.objects.filter(pk=cast.workspace.pk)}
    theirs |= {str(cast.app.pk), str(cast.other_app.pk), str(cast.staff_member.pk)}
    assert offered
    assert not offered & theirs


def test_the_call_of_another_tenant_is_not_shown_beside_a_recording(desk, cast, recording):
    from recordings.models import Recording
    from tests import builders

    foreign = builders.make_call(cast.other_workspace, from_number="+33 1 secret")
    Recording.objects.filter(pk=recording.pk).update(reference_id=foreign.uuid)
    assert "secret" not in desk.list("recordings_recording").content.decode()
    assert "secret" not in desk.page("recordings_recording", recording).content.decode()

"""Keys: minted here, shown once, revoked for good, never deleted."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session as WebSession
from django.urls import reverse

from workspaces import keys
from workspaces.clock import now
from workspaces.errors import CredentialInvalid
from workspaces.models import ApiKey, AuditEntry, Role, StreamKey

pytestmark = pytest.mark.django_db
ADD_KEY, ADD_STREAM = "admin:workspaces_apikey_add", "admin:workspaces_streamkey_add"


@pytest.fixture
def keeper(desk):
    return desk.of(Role.ADMINISTRATOR)


def api_key_form(cast, **values):
    return {"workspace": cast.workspace.pk, "name": "CRM", "scopes": ["recordings:read", "calls:read"]} | values


def test_an_api_key_is_minted_and_shown_once(keeper, cast):
    reply = keeper.client.post(reverse(ADD_KEY), api_key_form(cast, app=cast.app.pk))
    raw = reply.context["raw"]
    assert reply.status_code == 200
    assert "no-store" in reply.headers["Cache-Control"]
    assert raw in reply.content.decode()
    key = keys.verify_api_key(raw)
    assert (key.name, key.scopes, key.app) == ("CRM", ["calls:read", "recordings:read"], cast.app)
    entry = AuditEntry.objects.get(verb="create", subject_id=str(key.pk))
    assert (entry.actor_name, entry.subject_type) == ("a-administrator", "api_key")
    assert raw not in str(entry.data)
    for page in [keeper.list("workspaces_apikey"), keeper.page("workspaces_apikey", key)]:
        assert raw not in page.content.decode()
        assert key.prefix in page.content.decode()
    assert raw not in "".join(str(session.get_decoded()) for session in WebSession.objects.all())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"app": "stranger"}, "app"),
        ({"workspace": "other"}, "workspace"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at"),
    ],
)
def test_a_wrong_form_mints_nothing(keeper, cast, wrong, field):
    values = {"stranger": cast.stranger_app.pk, "other": cast.other_workspace.pk}
    before = ApiKey.objects.count()
    form = api_key_form(
        cast, **{name: values.get(value, value) if isinstance(value, str) else value for name, value in wrong.items()}
    )
    reply = keeper.client.post(reverse(ADD_KEY), form)
    assert field in reply.context["adminform"].form.errors
    assert ApiKey.objects.count() == before


def test_a_superuser_cannot_mix_workspaces_either(root_desk, cast):
    form = api_key_form(cast, app=cast.stranger_app.pk, member=cast.stranger_member.pk)
    errors = root_desk.client.post(reverse(ADD_KEY), form).context["adminform"].form.errors
    assert set(errors) == {"app", "member"}


def test_a_stream_key_shows_the_address_to_paste(keeper, cast, settings):
    settings.WAVSTREAM_URL = "wss://capture.example.com"
    reply = keeper.client.post(reverse(ADD_STREAM), {"workspace": cast.workspace.pk, "name": "PBX"})
    address = reply.context["raw"]
    assert address.startswith("wss://capture.example.com/capture/ts_")
    assert keys.verify_stream_key(address.rsplit("/", 1)[1]).workspace == cast.workspace
    settings.WAVSTREAM_URL = ""
    settings.CAPTURE_HOST = "::"
    reply = keeper.client.post(reverse(ADD_STREAM), {"workspace": cast.workspace.pk, "name": "PBX"})
    assert reply.context["raw"].startswith(f"ws://127.0.0.1:{settings.CAPTURE_PORT}/capture/ts_")
    settings.CAPTURE_HOST = "fd00::1"
    reply = keeper.client.post(reverse(ADD_STREAM), {"workspace": cast.workspace.pk, "name": "PBX"})
    assert reply.context["raw"].startswith(f"ws://[fd00::1]:{settings.CAPTURE_PORT}/capture/ts_")


def test_revoking_from_the_page_and_from_the_list(keeper, cast):
    first = keys.verify_api_key(cast.owner_key)
    assert "Revoke this key" in keeper.page("workspaces_apikey", first).content.decode()
    keeper.post("workspaces_apikey_revoke", first)
    with pytest.raises(CredentialInvalid):
        keys.verify_api_key(cast.owner_key)
    page = keeper.page("workspaces_apikey", first).content.decode()
    assert "Revoke this key" not in page
    assert "Revoked" in page
    keeper.post("workspaces_apikey_revoke", first)
    second = keys.verify_api_key(cast.scopeless_key)
    form = {"action": "revoke_selected", "_selected_action": [str(first.pk), str(second.pk)]}
    keeper.client.post(reverse("admin:workspaces_apikey_changelist"), form)
    with pytest.raises(CredentialInvalid):
        keys.verify_api_key(cast.scopeless_key)
    revoked = AuditEntry.objects.filter(verb="revoke", actor_name="a-administrator")
    assert sorted(revoked.values_list("subject_id", flat=True)) == sorted([str(first.pk), str(second.pk)])


def test_no_key_of_a_stranger_is_revoked(keeper, cast):
    theirs = keys.verify_api_key(cast.stranger_key)
    assert keeper.post("workspaces_apikey_revoke", theirs).status_code == 302
    form = {"action": "revoke_selected", "_selected_action": [str(theirs.pk)]}
    keeper.client.post(reverse("admin:workspaces_apikey_changelist"), form)
    assert keys.verify_api_key(cast.stranger_key).revoked_at is None


def test_a_key_is_never_changed_or_deleted(root_desk, cast):
    key = keys.verify_api_key(cast.owner_key)
    assert root_desk.post("workspaces_apikey_delete", key, {"post": "yes"}).status_code == 403
    assert root_desk.post("workspaces_apikey_change", key, {"name": "x"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [str(key.pk)], "post": "yes"}
    root_desk.client.post(reverse("admin:workspaces_apikey_changelist"), form)
    assert ApiKey.objects.filter(pk=key.pk, name=key.name).exists()


def test_states_of_keys(keeper, cast):
    ApiKey.objects.filter(pk=keys.verify_api_key(cast.owner_key).pk).update(expires_at=now() - timedelta(days=1))
    text = keeper.list("workspaces_apikey").content.decode()
    assert all(word in text for word in ("Active", "Expired", "Revoked"))


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.VIEWER, Role.AUDITOR])
def test_lesser_roles_see_no_keys(desk, cast, role):
    person = desk.of(role)
    key, _ = keys.mint_stream_key(cast.workspace)
    assert person.list("workspaces_streamkey").status_code == 403
    assert person.client.get(reverse(ADD_STREAM)).status_code == 403
    person.post("workspaces_streamkey_revoke", key)
    assert StreamKey.objects.get(pk=key.pk).revoked_at is None


def test_clocks_have_24_hours(keeper, cast):
    from datetime import UTC, datetime

    key = keys.verify_api_key(cast.owner_key)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=datetime(2040, 5, 3, 21, 7, 9, tzinfo=UTC))
    assert "3 May 2040, 21:07:09" in keeper.page("workspaces_apikey", key).content.decode()

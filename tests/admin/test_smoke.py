"""Every page of the admin opens for those who may open it."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def name_of(model):
    return f"{model._meta.app_label}_{model._meta.model_name}"


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_every_list_and_row_opens_for_a_superuser(root_desk, everything, model):
    Group.objects.create(name="night shift")
    row = model._default_manager.first()
    listed, page = root_desk.list(name_of(model)), root_desk.page(name_of(model), row)
    assert (listed.status_code, page.status_code) == (200, 200)
    assert str(row.pk) in listed.content.decode()


@pytest.mark.sqlite
@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_every_list_can_be_searched(root_desk, everything, model):
    for text in ["+44 7700 900142", "nobody", "01a1f899-f9f9-76d4-aed7-5244632e39ca", "\0", "🎧", "9" * 40]:
        assert root_desk.client.get(reverse(f"admin:{name_of(model)}_changelist"), {"q": text}).status_code == 200


def test_the_index_shows_what_the_role_may(desk):
    page = desk.client.get(reverse("admin:index")).content.decode()
    assert reverse("admin:recordings_recording_changelist") in page
    assert reverse("admin:workspaces_apikey_changelist") not in page
    assert reverse("admin:auth_user_changelist") not in page


def test_nothing_is_loaded_from_another_origin(desk, everything):
    for page in [desk.list("recordings_recording"), desk.page("recordings_recording", everything)]:
        text = page.content.decode()
        assert 'src="http' not in text
        assert 'href="http' not in text
        assert "//fonts." not in text


def test_the_sign_in_page_leads_to_the_index(client, cast):
    cast.staff.set_password("a long enough password")
    cast.staff.save()
    reply = client.post(reverse("admin:login"), {"username": "sam", "password": "a long enough password"})
    assert reply.headers["Location"] == reverse("admin:index")

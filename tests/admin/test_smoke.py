"""Every page of the admin opens for those who may open it."""

import pytest
from django.contrib import admin
from django.urls import reverse

pytestmark = pytest.mark.django_db
MODELS = sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)


@pytest.mark.parametrize("name", MODELS)
def test_every_list_opens_for_a_superuser(root_desk, recording, name):
    assert root_desk.list(name).status_code == 200


@pytest.mark.parametrize("model", admin.site._registry, ids=str)
def test_every_row_opens_for_a_superuser(root_desk, recording, model):
    row = model._default_manager.first()
    if row is None:
        pytest.skip("nothing of this kind is made by the fixtures")
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    assert root_desk.page(name, row).status_code == 200


def test_index_and_recording(desk, recording):
    assert desk.client.get(reverse("admin:index")).status_code == 200
    page = desk.page("recordings_recording", recording)
    assert page.status_code == 200
    assert "What happened" in page.content.decode()

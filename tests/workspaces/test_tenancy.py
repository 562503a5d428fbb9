from uuid import uuid4

import pytest

from tests.workspaces.crowd import at_once
from workspaces.errors import AppRefused, WorkspaceUnknown
from workspaces.models import App, Member, Workspace
from workspaces.tenancy import claim_app, find_workspace


def test_of_shows_one_workspace_only(cast):
    assert set(App.objects.of(cast.workspace)) == {cast.app, cast.other_app}
    assert not Member.objects.of(cast.workspace).filter(pk=cast.stranger_member.pk).exists()


def test_a_workspace_answers_to_its_id_and_its_slug(cast):
    for text in ("harbour-clinic", str(cast.workspace.pk), cast.workspace.pk.hex.upper()):
        assert find_workspace(text) == cast.workspace


@pytest.mark.parametrize("text", ["nowhere", "", str(uuid4())])
def test_nobody_answers_to_anything_else(cast, text):
    with pytest.raises(WorkspaceUnknown) as caught:
        find_workspace(text)
    assert caught.value.data == {"workspace": text}


def test_an_app_is_made_once_in_one_workspace(cast):
    made = claim_app(cast.workspace, app_id="A-1_b")
    assert claim_app(cast.workspace, app_id="A-1_b") == made
    with pytest.raises(AppRefused, match="another workspace") as caught:
        claim_app(cast.other_workspace, app_id="A-1_b")
    assert caught.value.data == {"app_id": "A-1_b"}


@pytest.mark.parametrize("app_id", ["", "a b", "a/b", "é", "a\n", "x" * 65])
def test_an_app_id_has_a_form(cast, app_id):
    with pytest.raises(AppRefused, match="is not 1 to 64"):
        claim_app(cast.workspace, app_id=app_id)


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_claimed_at_once_by_two_workspaces_one_has_it():
    rivals = [Workspace.objects.create(name=name, slug=name) for name in ("a", "b")]

    def claim(number):
        try:
            return claim_app(rivals[number % 2], app_id="wanted").workspace_id
        except AppRefused:
            return None

    winners = set(at_once(8, claim)) - {None}
    assert winners == {App.objects.get().workspace_id}

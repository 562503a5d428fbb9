import pytest
from django.db import IntegrityError, transaction

from workspaces.keys import mint_stream_key
from workspaces.limits import hit
from workspaces.models import ApiKey, App, AuditEntry, Member, RateWindow, Role, Workspace


def test_rows_name_themselves_for_people(cast):
    assert str(cast.workspace) == "Harbour Clinic"
    assert str(cast.app) == "clinic-desk"
    assert str(cast.staff_member) == "sam (supervisor)"
    named, _ = mint_stream_key(cast.workspace, name="pbx")
    unnamed, _ = mint_stream_key(cast.workspace)
    assert (str(named), str(unnamed)) == ("pbx", unnamed.prefix)
    entry = AuditEntry.objects.filter(verb="revoke").get()
    assert str(entry) == f"revoke api_key {ApiKey.objects.exclude(revoked_at=None).get().pk}"
    hit("k", limit=1, seconds=60)
    window = RateWindow.objects.get()
    assert str(window) == f"k@{window.window}"


def test_the_database_itself_keeps_what_must_be_unique_and_known(cast):
    sequence = AuditEntry.objects.get()
    AuditEntry.objects.update(sequence=1)
    sequence.pk = None
    sequence.sequence = 1
    wrong = [
        lambda: Member.objects.create(workspace=cast.workspace, user=cast.staff, role=Role.OWNER),
        lambda: Member.objects.create(workspace=cast.workspace, user=cast.superuser, role="boss"),
        lambda: App.objects.create(workspace=cast.other_workspace, app_id=cast.app.app_id),
        lambda: Workspace.objects.create(name="Copy", slug=cast.workspace.slug),
        sequence.save,
    ]
    for act in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            act()

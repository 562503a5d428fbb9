"""Numbers of calls and conferences, and that those of before the common sequence are kept."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from calls.lifecycle import register_call, register_conference
from calls.models import Number
from tests.workspaces.crowd import at_once

BEFORE, AFTER = [("calls", "0001_initial")], [("calls", "0002_conferences_chats_flows")]


@pytest.mark.django_db
@pytest.mark.sqlite
def test_one_sequence_for_both(cast):
    numbers = [register_call(cast.workspace).id, register_conference(cast.workspace).number, Number.next()]
    assert numbers == sorted(set(numbers))
    assert not Number.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_no_number_is_given_twice(cast):
    numbers = at_once(8, lambda number: Number.next())
    assert len(set(numbers)) == 8


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_calls_of_before_keep_their_numbers_and_sessions_and_new_ones_go_on_after_them(cast):
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    others = [("recordings", "0001_initial"), ("workspaces", "0001_initial")]
    try:
        old = executor.migrate([*BEFORE, *others]).apps
        workspace = old.get_model("workspaces", "Workspace").objects.get(slug="harbour-clinic")
        app = old.get_model("workspaces", "App").objects.get(app_id="clinic-desk")
        call = old.get_model("calls", "Call").objects.create(id=4711, workspace=workspace, from_number="+44")
        old.get_model("calls", "Session").objects.create(id="s-1", workspace=workspace, app=app, call=call)
        executor.loader.build_graph()
        new = executor.migrate(AFTER).apps
        kept = new.get_model("calls", "Call").objects.get()
        assert (kept.id, kept.uuid, kept.from_number) == (4711, call.uuid, "+44")
        assert new.get_model("calls", "Session").objects.get(pk="s-1").call_id == 4711
    finally:
        MigrationExecutor(connection).migrate(leaves)
    assert register_call(cast.workspace).id == 4712

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from tests.workspaces.crowd import at_once
from workspaces.audit import SYSTEM, Actor, record, record_once, seal, verify
from workspaces.clock import now
from workspaces.keys import mint_api_key, mint_stream_key
from workspaces.models import AuditEntry, RateWindow, Workspace

QUARTER = timedelta(minutes=15)


def note(workspace, number=0, **data):
    return record(SYSTEM, "play", workspace=workspace, subject_type="recording", subject_id=number, data=data)


def listen(workspace, actor, subject="r1", verb="listen", kind="recording"):
    return record_once(
        actor, verb, within=QUARTER, workspace=workspace, subject_type=kind, subject_id=subject, data={"from": 0}
    )


def chained(workspace, count):
    for number in range(count):
        note(workspace, number, frames=number, ratio=0.5, name="Zoë")
    seal()
    return AuditEntry.objects.filter(workspace=workspace).order_by("sequence")


def test_actors_are_called_by_name_or_else_by_type_and_id(cast):
    key, _ = mint_api_key(cast.workspace, scopes=["all"], name="desk")
    stream, _ = mint_stream_key(cast.workspace)
    assert str(Actor.user(cast.staff)) == "sam"
    assert Actor.user(cast.staff) == Actor("user", id=str(cast.staff.pk), name="sam")
    assert Actor.key(key) == Actor("key", id=str(key.pk), name="desk")
    assert Actor.key(stream) == Actor("stream_key", id=str(stream.pk), name=stream.prefix)
    assert Actor.named("reconciler") == Actor("system", name="reconciler")
    assert str(Actor("link", id="7")) == "link:7"
    assert str(Actor("user", name="x" * 300)) == "x" * 200
    assert str(SYSTEM) == "Tapedeck"


def test_an_entry_says_who_did_what_to_what(cast):
    before = now()
    subject = uuid4()
    entry = record(
        Actor.user(cast.staff),
        "download",
        workspace=cast.workspace,
        subject_type="recording",
        subject_id=subject,
        data={"id": subject, "until": now(), "bytes": [1, None, True]},
    )
    entry.refresh_from_db()
    assert (entry.actor_type, entry.actor_id, entry.actor_name) == ("user", str(cast.staff.pk), "sam")
    assert (entry.verb, entry.subject_type, entry.subject_id) == ("download", "recording", str(subject))
    assert entry.data["id"] == str(subject)
    assert entry.data["bytes"] == [1, None, True]
    assert before <= entry.at <= now()
    assert (entry.sequence, entry.hash, entry.workspace) == (None, "", cast.workspace)


def test_text_that_no_database_holds_keeps_nothing_out_of_the_log(cast):
    hostile = "a\0b\ud800"
    entry = record(
        Actor("link", id=hostile * 40, name=hostile * 200),
        "listen",
        workspace=cast.workspace,
        subject_type="recording",
        subject_id=hostile,
        data={hostile: [hostile], "n": {"m": hostile}},
    )
    entry.refresh_from_db()
    assert entry.data == {"a\ufffdb?": ["a\ufffdb?"], "n": {"m": "a\ufffdb?"}}
    assert entry.subject_id == "a\ufffdb?"
    assert (len(entry.actor_id), len(entry.actor_name)) == (64, 200)
    seal()
    assert verify(cast.workspace) == []


def test_what_is_no_json_number_is_refused_at_once(cast):
    with pytest.raises(ValueError, match="not JSON compliant"):
        note(cast.workspace, share=float("nan"))


def test_listening_leaves_one_entry_in_a_period(cast):
    sam = Actor.user(cast.staff)
    assert [listen(cast.workspace, sam) for _ in range(3)] == [True, False, False]
    entry = AuditEntry.objects.get(verb="listen")
    assert entry.data == {"from": 0}
    assert listen(cast.workspace, Actor.user(cast.superuser)) is True
    assert listen(cast.workspace, Actor("key", id=sam.id, name=sam.name)) is True
    assert listen(cast.workspace, sam, subject="r2") is True
    assert listen(cast.workspace, sam, verb="download") is True
    assert listen(cast.workspace, sam, kind="file") is True
    assert listen(cast.other_workspace, sam) is True


def test_listening_again_after_the_period_leaves_another(cast):
    sam = Actor.user(cast.staff)
    listen(cast.workspace, sam)
    AuditEntry.objects.update(at=now() - QUARTER + timedelta(seconds=5))
    RateWindow.objects.update(window=0)
    assert listen(cast.workspace, sam) is False
    AuditEntry.objects.update(at=now() - QUARTER)
    assert listen(cast.workspace, sam) is True
    assert AuditEntry.objects.filter(verb="listen").count() == 2


def test_a_listener_with_a_hostile_name_is_noted_once_as_well(cast):
    actor = Actor("link", id="x\0" * 60, name="y\ud800" * 150)
    assert [listen(cast.workspace, actor, subject="s" * 90) for _ in range(2)] == [True, False]


def test_sealing_chains_each_workspace_by_itself(cast):
    AuditEntry.objects.all().delete()
    for number in range(3):
        note(cast.workspace, number)
        note(cast.other_workspace, number)
    assert seal() == 6
    for workspace in (cast.workspace, cast.other_workspace):
        entries = AuditEntry.objects.filter(workspace=workspace).order_by("id")
        assert [entry.sequence for entry in entries] == [1, 2, 3]
        assert len({entry.hash for entry in entries}) == 3
        assert verify(workspace) == []
    assert seal() == 0


def test_sealing_goes_on_where_it_stopped_oldest_first(cast):
    AuditEntry.objects.all().delete()
    ids = [note(cast.workspace, number).pk for number in range(5)]
    assert [seal(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    note(cast.workspace, 5)
    assert seal() == 1
    assert list(AuditEntry.objects.order_by("sequence").values_list("id", flat=True))[:5] == ids
    assert verify(cast.workspace) == []


def test_unsealed_entries_are_no_break(cast):
    chained(cast.workspace, 2)
    note(cast.workspace)
    assert verify(cast.workspace) == []
    assert verify(Workspace.objects.create(name="Empty", slug="empty")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "look"},
        {"actor_type": "user"},
        {"actor_id": "1"},
        {"actor_name": "Nobody"},
        {"subject_type": "file"},
        {"subject_id": "99"},
        {"data": {"frames": 2}},
        {"at": now() - timedelta(microseconds=1)},
        {"hash": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("last", [False, True])
def test_a_changed_entry_is_named_and_no_other(cast, change, last):
    entries = chained(cast.workspace, 5)
    victim = entries[len(entries) - 1 if last else 2]
    AuditEntry.objects.filter(pk=victim.pk).update(**change)
    victim.refresh_from_db()
    assert verify(cast.workspace) == [f"Entry {victim.sequence} ({victim}) was changed after it was sealed."]


def test_an_entry_moved_to_another_workspace_is_missed_here_and_odd_there(cast):
    entries = chained(cast.workspace, 4)
    moved = entries[1]
    AuditEntry.objects.filter(pk=moved.pk).update(workspace=cast.other_workspace)
    assert verify(cast.workspace) == ["Entry 2 is missing, so entry 3 cannot be checked."]
    assert verify(cast.other_workspace) == ["Entry 1 is missing, so entry 2 cannot be checked."]


def test_removed_entries_leave_a_gap_and_what_follows_is_still_checked(cast):
    entries = list(chained(cast.workspace, 8))
    AuditEntry.objects.filter(pk__in=[entries[2].pk, entries[3].pk]).delete()
    AuditEntry.objects.filter(pk=entries[6].pk).update(verb="look")
    sentences = verify(cast.workspace)
    assert sentences[0] == "Entries 3 to 4 are missing, so entry 5 cannot be checked."
    assert len(sentences) == 2
    assert sentences[1].startswith("Entry 7 (look recording")


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_sealed_at_once_by_many_the_chain_is_whole():
    workspaces = [Workspace.objects.create(name=name, slug=name) for name in ("a", "b")]
    for number in range(60):
        note(workspaces[number % 2], number)
    sealed = at_once(8, lambda _: sum(seal(limit=7) for _ in range(10)))
    assert sum(sealed) == 60
    for workspace in workspaces:
        sequence = AuditEntry.objects.filter(workspace=workspace).order_by("id").values_list("sequence", flat=True)
        assert list(sequence) == list(range(1, 31))
        assert verify(workspace) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_entries_written_while_sealing_are_sealed_later_and_nothing_waits_or_breaks():
    workspace = Workspace.objects.create(name="a", slug="a")

    def act(number):
        for turn in range(10):
            if number % 2:
                seal(limit=5)
            else:
                note(workspace, turn)

    at_once(8, act)
    while seal(limit=5):
        pass
    assert AuditEntry.objects.filter(sequence=None).count() == 0
    assert AuditEntry.objects.count() == 40
    assert verify(workspace) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_range_requests_at_once_leave_one_listen():
    workspace = Workspace.objects.create(name="a", slug="a")
    sam = Actor.user(User.objects.create_user("sam"))
    outcomes = at_once(16, lambda _: listen(workspace, sam))
    assert sorted(outcomes) == [False] * 15 + [True]
    assert AuditEntry.objects.filter(verb="listen").count() == 1


@pytest.mark.django_db(transaction=True)
def test_acts_go_on_record_while_a_chain_is_being_sealed():
    if not connection.features.has_select_for_update:
        pytest.skip("SQLite has one writer at a time, whoever it is")
    workspace = Workspace.objects.create(name="a", slug="a")
    note(workspace)

    def act(_):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        return note(workspace).pk

    with transaction.atomic():
        assert seal() == 1
        assert len(at_once(2, act)) == 2
    assert seal() == 2
    assert verify(workspace) == []

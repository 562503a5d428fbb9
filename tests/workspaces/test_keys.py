import re
from datetime import timedelta

import pytest
from django.db import IntegrityError

from tests.workspaces.crowd import at_once
from workspaces import keys
from workspaces.audit import SYSTEM, Actor
from workspaces.clock import now
from workspaces.errors import CredentialInvalid, CredentialMissing
from workspaces.models import ApiKey, AuditEntry, StreamKey, Workspace

ABSENT = "td_0123456789_" + "a" * 43


def why(raw):
    with pytest.raises(CredentialInvalid) as caught:
        keys.verify_api_key(raw)
    return caught.value.why


def test_a_minted_key_verifies_and_brings_its_people(cast, django_assert_num_queries):
    key, raw = keys.mint_api_key(
        cast.workspace, scopes=["read:chats", "all"], app=cast.app, member=cast.staff_member, name="desk"
    )
    keys.verify_api_key(raw)
    with django_assert_num_queries(1):
        found = keys.verify_api_key(raw)
        assert (found.pk, found.workspace, found.app) == (key.pk, cast.workspace, cast.app)
        assert found.member.user == cast.staff
    assert found.scopes == ["all", "chats:read"]
    assert found.name == "desk"


def test_the_raw_form_and_what_is_kept_of_it(cast):
    key, raw = keys.mint_api_key(cast.workspace, scopes=["all"])
    stream, stream_raw = keys.mint_stream_key(cast.workspace, name="pbx")
    assert re.fullmatch(r"td_[a-z0-9]{10}_[A-Za-z0-9_-]{43}", raw)
    assert re.fullmatch(r"ts_[a-z0-9]{10}_[A-Za-z0-9_-]{43}", stream_raw)
    secret = raw[14:]
    for row in (*ApiKey.objects.values(), *StreamKey.objects.values()):
        assert secret not in str(row)
        assert stream_raw[14:] not in str(row)
    assert re.fullmatch(r"[0-9a-f]{64}", key.digest)
    assert stream.name == "pbx"


def test_the_digest_is_keyed_from_the_secret_key(cast, settings):
    settings.SECRET_KEY = "another secret key of at least 32 characters"
    assert why(cast.owner_key) == "absent"


@pytest.mark.parametrize("raw", [None, ""])
def test_no_key_is_missing(cast, raw):
    with pytest.raises(CredentialMissing):
        keys.verify_api_key(raw)


def test_refusals_differ_inside_only(cast):
    wrong = cast.owner_key[:-1] + ("A" if cast.owner_key[-1] != "A" else "B")
    cases = {
        wrong: "absent",
        ABSENT: "absent",
        "hello": "absent",
        cast.owner_key + "\n": "absent",
        "ключ": "absent",
        cast.revoked_key: "revoked",
        cast.expired_key: "expired",
    }
    seen = set()
    for raw, reason in cases.items():
        with pytest.raises(CredentialInvalid) as caught:
            keys.verify_api_key(raw)
        assert caught.value.why == reason, raw
        seen.add((str(caught.value), caught.value.code, repr(caught.value.data)))
    assert len(seen) == 1


def test_an_unknown_prefix_costs_the_same_hash_and_comparison(cast, monkeypatch):
    compared = []
    original = keys.constant_time_compare
    monkeypatch.setattr(keys, "constant_time_compare", lambda *pair: compared.append(pair) or original(*pair))
    assert why(ABSENT) == "absent"
    assert [len(text) for text in compared[0]] == [64, 64]


def test_even_the_dummy_digest_opens_nothing(cast, monkeypatch):
    monkeypatch.setattr(keys, "_digest", lambda raw: keys.DUMMY_DIGEST)
    assert why(ABSENT) == "absent"


def test_a_key_that_expires_later_works_until_then(cast):
    soon = now() + timedelta(minutes=1)
    key, raw = keys.mint_api_key(cast.workspace, scopes=["all"], expires_at=soon)
    assert keys.verify_api_key(raw).expires_at == soon
    ApiKey.objects.filter(pk=key.pk).update(expires_at=now())
    assert why(raw) == "expired"


def test_a_key_of_someone_shut_out_is_shut_out(cast):
    raw = cast.key("all", member=cast.staff_member)
    keys.verify_api_key(raw)
    cast.staff.is_active = False
    cast.staff.save()
    assert why(raw) == "revoked"


def test_the_two_kinds_do_not_stand_in_for_each_other(cast):
    _, stream = keys.mint_stream_key(cast.workspace)
    assert keys.verify_stream_key(stream).workspace == cast.workspace
    assert why(stream) == "absent"
    with pytest.raises(CredentialInvalid):
        keys.verify_stream_key(cast.owner_key)
    with pytest.raises(CredentialInvalid):
        keys.verify_stream_key("ts" + cast.owner_key[2:])
    with pytest.raises(CredentialMissing):
        keys.verify_stream_key(None)


def test_a_stream_key_is_known_by_its_form(cast):
    _, stream = keys.mint_stream_key(cast.workspace)
    assert keys.is_stream_key(stream)
    for other in (cast.owner_key, "", "ts_short", stream + "\n", stream + "A"):
        assert not keys.is_stream_key(other)


def test_use_is_noted_at_most_once_a_minute(cast, django_assert_num_queries):
    key, raw = keys.mint_api_key(cast.workspace, scopes=["all"])
    with django_assert_num_queries(2):
        first = keys.verify_api_key(raw).last_used_at
    assert abs(first - now()) < timedelta(seconds=30)
    with django_assert_num_queries(1):
        assert keys.verify_api_key(raw).last_used_at == first
    long_ago = now() - timedelta(seconds=61)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=long_ago)
    assert keys.verify_api_key(raw).last_used_at > first - timedelta(seconds=1)
    key.refresh_from_db()
    assert key.last_used_at > long_ago


def test_of_two_requests_at_once_one_notes_the_use(cast):
    key, raw = keys.mint_api_key(cast.workspace, scopes=["all"])
    late = ApiKey.objects.get(pk=key.pk)  # loaded before the other noted its use
    first = keys.verify_api_key(raw).last_used_at
    keys._touch(late)
    assert ApiKey.objects.get(pk=key.pk).last_used_at == first


def test_a_refused_key_is_not_noted_as_used(cast):
    why(cast.revoked_key)
    why(cast.expired_key)
    assert not ApiKey.objects.exclude(last_used_at=None).exists()


@pytest.mark.parametrize("kind", ["api_key", "stream_key"])
def test_revoking_ends_a_key_once_and_on_record(cast, kind):
    if kind == "api_key":
        key, raw = keys.mint_api_key(cast.workspace, scopes=["all"], name="desk")
        verify = keys.verify_api_key
    else:
        key, raw = keys.mint_stream_key(cast.workspace, name="desk")
        verify = keys.verify_stream_key
    assert keys.revoke(key, actor=Actor.user(cast.superuser)) is True
    moment = key.revoked_at
    assert keys.revoke(key, actor=SYSTEM) is False
    key.refresh_from_db()
    assert key.revoked_at == moment
    with pytest.raises(CredentialInvalid) as caught:
        verify(raw)
    assert caught.value.why == "revoked"
    entry = AuditEntry.objects.get(subject_id=str(key.pk))
    assert (entry.verb, entry.subject_type, entry.actor_name) == ("revoke", kind, "root")
    assert entry.data == {"prefix": key.prefix, "name": "desk"}


def test_a_key_belongs_to_one_workspace_with_all_it_names(cast):
    for stranger in ({"app": cast.stranger_app}, {"member": cast.stranger_member}):
        with pytest.raises(ValueError, match="belong to the key's workspace"):
            keys.mint_api_key(cast.workspace, scopes=["all"], **stranger)
    with pytest.raises(ValueError, match="unknown scope 'everything'"):
        keys.mint_api_key(cast.workspace, scopes=["everything"])


def test_a_taken_prefix_is_tried_again_and_not_for_ever(cast, monkeypatch):
    taken = keys.mint_api_key(cast.workspace, scopes=["all"])[0].prefix
    offered = iter([taken, taken, "fresh00000"])
    monkeypatch.setattr(keys, "_prefix", lambda: next(offered))
    assert keys.mint_api_key(cast.workspace, scopes=["all"])[0].prefix == "fresh00000"
    monkeypatch.setattr(keys, "_prefix", lambda: taken)
    with pytest.raises(IntegrityError):
        keys.mint_api_key(cast.workspace, scopes=["all"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_minted_at_once_all_are_different_and_all_work():
    workspace = Workspace.objects.create(name="Crowd", slug="crowd")
    raws = at_once(16, lambda _: keys.mint_api_key(workspace, scopes=["all"])[1])
    assert len(set(raws)) == 16
    assert len({keys.verify_api_key(raw).pk for raw in raws}) == 16


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_revoked_at_once_one_revokes():
    workspace = Workspace.objects.create(name="Crowd", slug="crowd")
    key, _ = keys.mint_stream_key(workspace)
    outcomes = at_once(8, lambda _: keys.revoke(StreamKey.objects.get(pk=key.pk), actor=SYSTEM))
    assert sorted(outcomes) == [False] * 7 + [True]
    assert AuditEntry.objects.filter(verb="revoke").count() == 1

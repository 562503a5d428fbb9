import pytest

from workspaces.errors import ScopeMissing
from workspaces.scopes import Scope, allows, parse


def test_scopes_are_read_in_either_order_and_once():
    assert parse(["read:chats", "calls:write", "chats:read"]) == ["calls:write", "chats:read"]
    assert parse([]) == []


@pytest.mark.parametrize("word", ["", "chats", "chats:write", "write:chats", "ALL", "read:", ":read"])
def test_an_unknown_word_is_named(word):
    with pytest.raises(ValueError, match=f"unknown scope '{word}'"):
        parse(["all", word])


@pytest.mark.parametrize("needed", list(Scope))
def test_what_a_grant_allows(needed):
    assert allows([needed.value], needed)
    assert allows(["all"], needed)
    assert not allows([], needed)
    others = {scope.value for scope in Scope} - {"all", needed.value, needed.value.replace(":read", ":write")}
    assert not allows(others, needed)


def test_writing_implies_reading_and_not_the_other_way():
    assert allows(["calls:write"], Scope.CALLS_READ)
    assert not allows(["calls:read"], Scope.CALLS_WRITE)


def test_a_missing_scope_is_named_in_its_error():
    error = ScopeMissing(Scope.CALLS_READ)
    assert (error.code, error.data, str(error)) == (
        "scope_missing",
        {"scope": "calls:read"},
        "the key lacks the scope calls:read",
    )

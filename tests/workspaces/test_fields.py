"""Fields of a caller's JSON; most of what cannot be is tried through the surfaces that read them."""

from uuid import UUID

import pytest

from workspaces.errors import FieldInvalid, FieldMissing
from workspaces.fields import Fields

SOME = "01890000-0000-7000-8000-000000000000"


def test_unset_is_null_empty_zero_and_the_zero_uuid():
    fields = Fields({"a": None, "b": "", "c": 0, "d": "00000000-0000-0000-0000-000000000000", "e": {}, "f": []})
    assert [fields.text("a"), fields.text("b"), fields.text("x")] == ["", "", ""]
    assert [fields.whole("a", most=9), fields.whole("b", most=9), fields.whole("c", most=9)] == [0, 0, 0]
    assert [fields.uuid("a"), fields.uuid("b"), fields.uuid("d")] == [None, None, None]
    assert fields.choice("b", ("x", "y"), default="y") == "y"
    assert "z" not in fields.part("e")
    assert fields.parts("f", most=1) == fields.parts("x", most=1) == []
    assert "a" in fields
    assert "x" not in fields


def test_what_is_needed_says_where_it_is_missing():
    fields = Fields({"d": "00000000-0000-0000-0000-000000000000"}, "actions[2]")
    with pytest.raises(FieldMissing, match=r"actions\[2\].name is missing"):
        fields.text("name", needed=True)
    with pytest.raises(FieldMissing, match=r"actions\[2\].d is missing"):
        fields.uuid("d", needed=True)


@pytest.mark.parametrize(
    "read",
    [
        lambda fields: fields.text("number"),
        lambda fields: fields.text("nul"),
        lambda fields: fields.text("surrogate"),
        lambda fields: fields.text("long", longest=3),
        lambda fields: fields.whole("long", most=9),
        lambda fields: fields.whole("number", most=4),
        lambda fields: fields.whole("true", most=4),
        lambda fields: fields.uuid("long"),
        lambda fields: fields.choice("long", ("x",), default="x"),
        lambda fields: fields.part("number"),
        lambda fields: fields.parts("number", most=3),
        lambda fields: fields.parts("numbers", most=3),
        lambda fields: fields.parts("numbers", most=1),
    ],
)
def test_what_cannot_be(read):
    values = {"number": 5, "nul": "a\0", "surrogate": "\ud800", "long": "abcd", "true": True, "numbers": [1, 2]}
    with pytest.raises(FieldInvalid):
        read(Fields(values))


def test_what_is_given_is_read():
    fields = Fields({"id": SOME.upper(), "n": 4, "o": {"t": "x"}, "l": [{"t": "y"}]})
    assert fields.uuid("id") == UUID(SOME)
    assert fields.whole("n", most=4) == 4
    assert fields.part("o").text("t") == "x"
    assert fields.parts("l", most=1)[0].at("t") == "l[0].t"

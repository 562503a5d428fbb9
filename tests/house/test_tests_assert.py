"""A test that asserts nothing passes whatever happens: every test function holds at least one assertion."""

import ast

import pytest

from tests.house import tree

NAMES = {"raises", "warns", "fail", "expect", "deprecated_call"}
PREFIXES = ("check_", "assert")


def _asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = tree.called(node)
    return name in NAMES or name.startswith(PREFIXES)


def check(name: str, source: str) -> list[str]:
    return [
        f"{name}:{node.lineno} {node.name} asserts nothing"
        for node in ast.walk(tree.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not any(_asserts(part) for part in ast.walk(node))
    ]


def test_every_test_asserts_something():
    assert tree.complaints(check, tree.python(under=("tests",))) == []


def test_a_test_without_an_assertion_is_caught():
    assert check("tests/test_x.py", "def test_x():\n    play()\n") == ["tests/test_x.py:1 test_x asserts nothing"]
    assert check("tests/test_x.py", "class TestX:\n    async def test_x(self):\n        await play()\n") != []


@pytest.mark.parametrize(
    "line",
    ["assert x", "with pytest.raises(E): f()", "expect(page).to_be(1)", "check_all(x)", "self.assertEqual(1, x)"],
)
def test_each_kind_of_assertion_counts(line):
    assert check("tests/test_x.py", f"def test_x():\n    {line}\n") == []

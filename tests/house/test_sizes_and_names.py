"""Modules of at most 300 lines, functions of at most 40, and no drawers."""

import ast
import re

import pytest

from tests.house import tree

MODULE_LINES, FUNCTION_LINES = 300, 40
DRAWER = re.compile(r"(?:^|/)(?:utils?|helpers?|common|services?|misc|extras)(?:\.py|/)")
MEASURED = (*tree.APPS, "benchmarks")


def check_sizes(name: str, source: str) -> list[str]:
    """Migrations are written by a command and tests read top to bottom: neither is measured."""
    lines = len(source.splitlines())
    found = [f"{name}:1 has {lines} lines, {MODULE_LINES} at most"] if lines > MODULE_LINES else []
    for node in ast.walk(tree.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{name}:{node.lineno} {node.name} has {length} lines, {FUNCTION_LINES} at most")
    return found


def check_name(name: str, source: str = "") -> list[str]:
    return [f"{name}:1 is a drawer; name it for its act"] if DRAWER.search(name) else []


def test_modules_and_functions_fit_their_room():
    assert tree.complaints(check_sizes, tree.python(under=MEASURED)) == []


def test_no_module_is_a_drawer():
    assert tree.complaints(check_name, tree.python(migrations=True)) == []


def test_long_modules_and_functions_are_caught():
    body = "".join(f"    x = {number}\n" for number in range(39))
    assert check_sizes("a.py", "def f():\n" + body) == []
    assert check_sizes("a.py", "def f():\n" + body + "    x = 0\n") == ["a.py:1 f has 41 lines, 40 at most"]
    assert check_sizes("a.py", "async def f():\n" + body + "    x = 0\n") != []
    assert check_sizes("a.py", "x = 0\n" * 300) == []
    assert check_sizes("a.py", "x = 0\n" * 301) == ["a.py:1 has 301 lines, 300 at most"]


@pytest.mark.parametrize("name", ["calls/utils.py", "recordings/api/helpers/x.py", "common.py", "calls/services.py"])
def test_drawers_are_caught(name):
    assert check_name(name) != []


@pytest.mark.parametrize("name", ["calls/webhooks.py", "recordings/uncommon.py", "calls/service_hours.py"])
def test_names_that_only_look_like_drawers_pass(name):
    assert check_name(name) == []

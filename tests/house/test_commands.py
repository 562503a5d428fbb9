"""Every management command is run by a test: through call_command, or as `manage.py <name>` in a process."""

import ast
import re
from collections.abc import Collection
from itertools import pairwise

import pytest

from tests.house import tree

COMMAND = re.compile(r"[a-z]+/management/commands/([a-z][a-z_]*)\.py")


def commands(names: list[str]) -> list[str]:
    return sorted({match[1] for name in names if (match := COMMAND.fullmatch(name))})


def runners(source: str) -> set[str]:
    """Functions of a test module that hand their words on to a command, and so run what they are called with."""
    return {
        function.name
        for function in ast.walk(tree.parse(source))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call | ast.List) and _hands_on(call)
    }


def _hands_on(node: ast.Call | ast.List) -> bool:
    """`call_command(*words)`, `call_command(name)`, or `[…, "manage.py", *words]`."""
    parts = node.args if isinstance(node, ast.Call) else node.elts
    if isinstance(node, ast.Call) and tree.called(node) == "call_command":
        return bool(parts) and isinstance(parts[0], ast.Starred | ast.Name)
    return any(_is_manage(a) and isinstance(b, ast.Starred | ast.Name) for a, b in pairwise(parts))


def run_by(source: str, known: Collection[str] = ()) -> set[str]:
    """Names of the commands that a test module runs, itself or through one of the `known` runners."""
    found: set[str | None] = set()
    for node in ast.walk(tree.parse(source)):
        if isinstance(node, ast.Call | ast.List | ast.Tuple):
            parts = node.args if isinstance(node, ast.Call) else node.elts
            found |= {tree.text_of(after) for word, after in pairwise(parts) if _is_manage(word)}
            if isinstance(node, ast.Call) and parts and tree.called(node) in {"call_command", *known}:
                found.add(tree.text_of(parts[0]))
    return {name for name in found if name}


def _is_manage(node: ast.expr) -> bool:
    word = tree.text_of(node)
    return word is not None and word.endswith("manage.py")


def test_every_command_is_run_by_a_test():
    sources = [tree.read(name) for name in tree.python(under=("tests",)) if not name.startswith("tests/house/")]
    known = {runner for source in sources for runner in runners(source)}
    run = {name for source in sources for name in run_by(source, known)}
    assert [name for name in commands(list(tree.tracked())) if name not in run] == []


@pytest.mark.parametrize(
    "sample",
    [
        "call_command('create_workspace', 'Acme')",
        "management.call_command('create_workspace')",
        "subprocess.run([python, 'manage.py', 'create_workspace', 'Acme'])",
        "run(python, 'manage.py', 'create_workspace')",
    ],
)
def test_running_a_command_is_seen(sample):
    assert run_by(sample) == {"create_workspace"}


@pytest.mark.parametrize("sample", ["name = 'create_workspace'", "print('create_workspace')", "call_command(name)"])
def test_merely_naming_a_command_is_not_running_it(sample):
    assert run_by(sample) == set()


@pytest.mark.parametrize(
    "body",
    ["call_command(*words, stdout=out)", "call_command(words)", "subprocess.run([python, 'manage.py', *words])"],
)
def test_a_function_that_hands_its_words_on_runs_what_it_is_called_with(body):
    source = f"def run(*words):\n    {body}\n"
    assert runners(source) == {"run"}
    assert run_by("run('create_workspace', 'Acme')", {"run"}) == {"create_workspace"}
    assert run_by("run('create_workspace', 'Acme')") == set()


def test_commands_are_found_by_their_place():
    names = ["calls/management/commands/create_call.py", "calls/management/commands/__init__.py", "calls/call.py"]
    assert commands(names) == ["create_call"]

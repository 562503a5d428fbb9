"""A hint names its task by text, so the text is checked: each name hinted or beaten is a registered task."""

import ast

from project.celery import app
from tests.house import tree

DECORATORS = {"shared_task", "task"}


def tasks_of(name: str, source: str) -> dict[str, int]:
    """Dotted name and line of every task that a tasks module declares."""
    module = name.removesuffix(".py").replace("/", ".")
    return {
        f"{module}.{node.name}": node.lineno
        for node in tree.parse(source).body
        if isinstance(node, ast.FunctionDef) and any(_is_task(item) for item in node.decorator_list)
    }


def _is_task(decorator: ast.expr) -> bool:
    call = decorator if isinstance(decorator, ast.Call) else ast.Call(func=decorator, args=[], keywords=[])
    return tree.called(call) in DECORATORS


def hints_of(name: str, source: str) -> list[tuple[str, str | None]]:
    """(place, task name) of every `hint(…)`; the name is None where it is neither a literal nor a module's constant."""
    module = tree.parse(source)
    constants = {
        target.id: tree.text_of(node.value)
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and tree.called(node) == "hint" and node.args:
            first = node.args[0]
            task = constants.get(first.id) if isinstance(first, ast.Name) else tree.text_of(first)
            found.append((f"{name}:{node.lineno}", task))
    return found


def registered() -> set[str]:
    """The names that a worker would know."""
    app.loader.import_default_modules()
    return set(app.tasks)


def task_modules() -> list[str]:
    return [name for name in tree.python(under=tree.APPS) if name.endswith("/tasks.py") or "/tasks/" in name]


def test_every_task_is_registered_under_its_dotted_name():
    declared = {task for name in task_modules() for task in tasks_of(name, tree.read(name))}
    assert sorted(declared - registered()) == []


def test_every_hint_names_a_task():
    hints = [hint for name in tree.python(under=tree.APPS) for hint in hints_of(name, tree.read(name))]
    known = registered()
    assert hints, "nothing hints at all: the rule would hold of an empty house"
    assert [f"{place} hints {task}" for place, task in hints if task not in known] == []


def test_every_beat_entry_names_a_task():
    known = registered()
    assert [entry["task"] for entry in app.conf.beat_schedule.values() if entry["task"] not in known] == []


def test_tasks_and_hints_are_read_as_they_are_written():
    source = "@shared_task\ndef a(id): ...\n@app.task(time_limit=3)\ndef b(id): ...\ndef c(id): ...\n"
    assert sorted(tasks_of("calls/tasks.py", source)) == ["calls.tasks.a", "calls.tasks.b"]
    source = "TASK = 'calls.tasks.a'\nhint('calls.tasks.b', 1)\nhint(TASK, 1)\nhint(other, 1)\n"
    assert hints_of("x.py", source) == [
        ("x.py:2", "calls.tasks.b"),
        ("x.py:3", "calls.tasks.a"),
        ("x.py:4", None),
    ]

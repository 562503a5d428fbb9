"""What the import graph cannot say: no star imports, no signal of the ORM as control flow, six files a dialect."""

import ast

import pytest

from tests.house import tree

DIALECTS = {"flat", "resources", "sessions", "chats", "downloads"}
DIALECT_FILES = {"dialect", "errors", "wire", "views", "urls", "schema"}


def check_imports(name: str, source: str) -> list[str]:
    found = []
    for node in ast.walk(tree.parse(source)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            found.append(f"{name}:{node.lineno} imports a star; say what is used")
        names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        if "post_save" in names:
            found.append(f"{name}:{node.lineno} listens to post_save; call what must happen")
    return found


def check_dialects(names: list[str]) -> list[str]:
    """Folders of recordings/api are the kit and the dialects, and a dialect has its six rooms and no others."""
    rooms: dict[str, set[str]] = {}
    for name in names:
        parts = name.removesuffix(".py").split("/")
        if parts[:2] == ["recordings", "api"] and len(parts) > 3 and parts[3] != "__init__":
            rooms.setdefault(parts[2], set()).add(parts[3])
    strangers = [f"recordings/api/{folder} is no dialect" for folder in sorted(rooms.keys() - DIALECTS - {"kit"})]
    return strangers + [
        f"recordings/api/{folder} differs from the six files in {', '.join(sorted(files ^ DIALECT_FILES))}"
        for folder, files in sorted(rooms.items())
        if folder in DIALECTS and files != DIALECT_FILES
    ]


def test_imports_say_what_they_use_and_nothing_hangs_on_post_save():
    assert tree.complaints(check_imports, tree.python(migrations=True)) == []


def test_every_dialect_has_the_same_six_files():
    assert check_dialects(tree.python()) == []


@pytest.mark.parametrize(
    "sample",
    [
        "from calls.models import *",
        "from django.db.models.signals import post_save",
        "from django.db.models import signals\nsignals.post_save.connect(act)",
    ],
)
def test_stars_and_receivers_are_caught(sample):
    assert len(check_imports("calls/x.py", sample)) == 1


def test_a_dialect_of_another_shape_is_caught():
    six = [f"recordings/api/flat/{room}.py" for room in (*DIALECT_FILES, "__init__")]
    assert check_dialects([*six, "recordings/api/kit/ranges.py", "recordings/api/urls.py"]) == []
    assert check_dialects(six[1:]) != []
    assert check_dialects([*six, "recordings/api/flat/more.py"]) != []
    assert check_dialects([*six, "recordings/api/other/views.py"]) == ["recordings/api/other is no dialect"]

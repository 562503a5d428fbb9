"""The project's own files, as the rules read them."""

import ast
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("project", "workspaces", "calls", "recordings")
LEFT_OUT = {".git", ".venv", "var", "__pycache__", "node_modules", "staticfiles"}

Check = Callable[[str, str], list[str]]
"""(path from the root, source) -> complaints, each beginning `path:line`."""


@cache
def tracked() -> tuple[str, ...]:
    """Every file under version control, as paths from the root; without git (an unpacked release) every file."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        names = [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
    else:
        names = list(_walk())
    return tuple(sorted(names))


def _walk() -> Iterator[str]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in LEFT_OUT and not name.endswith("_cache")]
        yield from (str((Path(folder) / name).relative_to(ROOT)) for name in files)


def python(*, under: tuple[str, ...] = (), migrations: bool = False) -> list[str]:
    """Tracked Python files, those of the folders `under` where given."""
    return [
        name
        for name in tracked()
        if name.endswith(".py")
        and (not under or name.split("/", 1)[0] in under)
        and (migrations or "/migrations/" not in name)
    ]


@cache
def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def parse(source: str) -> ast.Module:
    return ast.parse(source)


def complaints(check: Check, names: list[str]) -> list[str]:
    return [complaint for name in names for complaint in check(name, read(name))]


def called(node: ast.Call) -> str:
    """The last word of what a call calls: `update` of `rows.filter().update()`; empty where it has no name."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def text_of(node: ast.AST | None) -> str | None:
    """The text of a string literal, else None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

"""docs/settings.md lists exactly the variables that project/settings.py reads, each with its true default."""

import ast
import re

from tests.house import tree

ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| (.*?) \| (.+?) \|$", re.MULTILINE)
EMPTY = {"", "unset", "none"}


def variables(source: str) -> dict[str, str | None]:
    """Name and default of every variable read through `env`; the default is None where it is computed."""
    found: dict[str, str | None] = {}
    for node in ast.walk(tree.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name = tree.text_of(node.args[0]) if node.args else None
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "env" and name and name.isupper():
            found[name] = _default(node)
    return found


def _default(node: ast.Call) -> str | None:
    position = 2 if node.func.attr == "choice" else 1
    given = [keyword.value for keyword in node.keywords if keyword.arg == "default"] + node.args[position:]
    if not given:
        return ""
    try:
        value = ast.literal_eval(given[0])
    except ValueError:
        return None
    return ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


def rows(page: str) -> dict[str, str]:
    """Name and default of every row of the page's tables."""
    return {name: default.replace("`", "").strip() for name, default, _ in ROW.findall(page)}


def differences(source: str, page: str) -> list[str]:
    read, listed = variables(source), rows(page)
    found = [f"{name} is read and not on the page" for name in read.keys() - listed.keys()]
    found += [f"{name} is on the page and never read" for name in listed.keys() - read.keys()]
    for name in read.keys() & listed.keys():
        true, said = read[name], "" if listed[name].lower() in EMPTY else listed[name]
        if true is not None and true != said:
            found.append(f"{name} is {true or 'unset'} by default; the page says {said or 'unset'}")
    return sorted(found)


def test_the_page_lists_every_setting_and_its_default():
    assert differences(tree.read("project/settings.py"), tree.read("docs/settings.md")) == []


def test_a_page_that_differs_is_caught():
    source = 'A = env.integer("A", 1_000)\nB = env.boolean("B", default=False)\nC = env.text("C", str(D))\n'
    page = "| `A` | 1000 | x |\n| `B` | `false` | y |\n| `C` | somewhere | z |\n"
    assert differences(source, page) == []
    assert differences(source + 'E = env.text("E")', page) == ["E is read and not on the page"]
    assert differences(source, page + "| `F` | 1 | x |\n") == ["F is on the page and never read"]
    assert differences(source, page.replace("1000", "100")) == ["A is 1000 by default; the page says 100"]
    assert differences('L = env.choice("L", ["x", "y"], "x")', "| `L` | `y` | z |") != []

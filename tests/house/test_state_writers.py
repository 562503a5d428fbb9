"""Only a lifecycle writes `status`: everything else calls its verbs, which check arrows and leave Transition rows."""

import ast

import pytest

from tests.house import tree

WRITERS = {
    "recordings/lifecycle.py",  # Recording
    "calls/lifecycle.py",  # Call, Conference, Activeflow
    "calls/webhooks.py",  # WebhookDelivery
    "workspaces/idempotency.py",  # StoredReply, whose status is HTTP's
}
ROW_WRITES = {"update", "create", "get_or_create", "update_or_create", "bulk_create", "aupdate", "acreate"}
MODELS = {"Recording", "Call", "Conference", "Activeflow", "WebhookDelivery"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _assigns_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    else:
        return False
    return any(
        isinstance(part, ast.Attribute) and part.attr == "status" for target in targets for part in ast.walk(target)
    )


def _names_status(node: ast.AST) -> bool:
    """A literal {"status": …}, dict(status=…) or values["status"] = … from which a row may be written."""
    if isinstance(node, ast.Dict):
        return any(tree.text_of(key) == "status" for key in node.keys)
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Store) and tree.text_of(node.slice) == "status"
    return isinstance(node, ast.Call) and tree.called(node) == "dict" and _has_keyword(node, "status")


def _has_keyword(node: ast.Call, name: str | None) -> bool:
    return any(keyword.arg == name for keyword in node.keywords)


def _writes_status(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = tree.called(node)
    if name in ROW_WRITES | MODELS and _has_keyword(node, "status"):
        return True
    if name == "update_or_create":
        return any(_names_status(part) for keyword in node.keywords for part in ast.walk(keyword.value))
    if name == "setattr":
        return len(node.args) > 1 and tree.text_of(node.args[1]) == "status"
    if name == "bulk_update":
        return any(tree.text_of(part) == "status" for part in ast.walk(node))
    return False


def _spreads_status(function: ast.AST) -> list[int]:
    """Lines where a function that fills a "status" key spreads a mapping into a row."""
    parts = list(ast.walk(function))
    if not any(_names_status(part) for part in parts):
        return []
    return [
        part.lineno
        for part in parts
        if isinstance(part, ast.Call) and tree.called(part) in ROW_WRITES and _has_keyword(part, None)
    ]


def check(name: str, source: str) -> list[str]:
    if name in WRITERS:
        return []
    lines = []
    for node in ast.walk(tree.parse(source)):
        if _assigns_status(node) or _writes_status(node):
            lines.append(node.lineno)
        elif isinstance(node, FUNCTIONS):
            lines += _spreads_status(node)
    return [f"{name}:{line} writes a status, which only a lifecycle does" for line in sorted(set(lines))]


def test_only_a_lifecycle_writes_a_status():
    assert tree.complaints(check, tree.python(under=tree.APPS)) == []


def test_each_writer_is_where_the_rule_says():
    assert sorted(WRITERS - set(tree.tracked())) == []


@pytest.mark.parametrize(
    "sample",
    [
        "row.status = State.ENDED",
        "row.status, row.note = State.ENDED, ''",
        "row.status: str = 'ended'",
        "Recording.objects.filter(pk=1).update(status='ended')",
        "Recording.objects.create(workspace=w, status='ended')",
        "Recording(status='ended').save()",
        "Recording.objects.update_or_create(pk=1, defaults={'status': 'ended'})",
        "Recording.objects.bulk_update(rows, ['status'])",
        "setattr(row, 'status', 'ended')",
        "def end(rows):\n    values = {'status': 'ended'}\n    rows.update(**values)",
        "def end(rows):\n    values = {}\n    values['status'] = 'ended'\n    rows.update(**values)",
    ],
)
def test_a_second_writer_is_caught(sample):
    assert len(check("recordings/retention.py", sample)) == 1
    assert check("recordings/lifecycle.py", sample) == []


@pytest.mark.parametrize(
    "sample",
    [
        "rows = Recording.objects.filter(status='ended')",
        "reply = Response(body, status=404)",
        "body = {'status': row.status}",
        "if row.status == 'ended': note = row.status",
        "rows.update(note='')",
    ],
)
def test_reading_a_status_is_nobodys_offence(sample):
    assert check("recordings/retention.py", sample) == []

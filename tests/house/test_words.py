"""What must not stand in tracked files: package registries, one machine's paths, opt-outs without a reason."""

import io
import re
import tokenize

import pytest

from tests.house import tree

# Put together from halves, so that this file passes its own test.
REGISTRIES = re.compile(
    "|".join(
        re.escape(f"{host}.{end}")
        for host, end in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("jsdelivr", "net"),
            ("unpkg", "com"),
            ("crates", "io"),
            ("rubygems", "org"),
            ("docker", "io"),
            ("docker", "com"),
            ("ghcr", "io"),
            ("gcr", "io"),
            ("quay", "io"),
        ]
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.~$}])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + r")/")
OPT_OUT = re.compile(r"#\s*(?:ruff:\s*)?noqa\b|#\s*type:\s*ignore\b")
CODES = re.compile(r"^(?::\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*|\[[a-z0-9, -]+\])")
REASON = re.compile(r"[A-Za-z]{2,}.*\s.*[A-Za-z]{2,}")


def check_words(name: str, source: str) -> list[str]:
    return [
        f"{name}:{number} names a registry or a path of one machine: {match[0]}"
        for number, line in enumerate(source.splitlines(), 1)
        for pattern in (REGISTRIES, MACHINE_PATHS)
        if (match := pattern.search(line))
    ]


def check_opt_outs(name: str, source: str) -> list[str]:
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        match = OPT_OUT.search(token.string) if token.type == tokenize.COMMENT else None
        if not match:
            continue
        rest = token.string[match.end() :]
        codes = CODES.match(rest)
        if not codes:
            found.append(f"{name}:{token.start[0]} opts out of everything; name the code")
        elif not REASON.search(rest[codes.end() :]):
            found.append(f"{name}:{token.start[0]} opts out without a reason beside it")
    return found


def _texts() -> list[str]:
    return [name for name in tree.tracked() if b"\0" not in (tree.ROOT / name).read_bytes()[:8192]]


def test_no_file_names_a_registry_or_one_machine():
    assert tree.complaints(check_words, _texts()) == []


def test_every_opt_out_has_its_reason_beside_it():
    assert tree.complaints(check_opt_outs, tree.python()) == []


@pytest.mark.parametrize("word", ["files.python" + "hosted.org", "https://py" + "pi.org/simple", "gh" + "cr.io/x"])
def test_registries_are_caught(word):
    assert check_words("a.md", f"from {word}\n") != []


@pytest.mark.parametrize("path", ["/ro" + "ot/x", "see /wo" + "rk/x", "'/ho" + "me/me/x'"])
def test_machine_paths_are_caught(path):
    assert check_words("a.md", path) != []


@pytest.mark.parametrize("path", ["/var/lib/tapedeck", "frame" + "work/x", "https://example.org/ho" + "me/"])
def test_other_paths_pass(path):
    assert check_words("a.md", path) == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S101",
        "# noqa: S101, S102",
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# ruff: noqa: F401",
    ],
)
def test_opt_outs_without_a_reason_are_caught(comment):
    assert len(check_opt_outs("a.py", f"x = 1  {comment}\n")) == 1


@pytest.mark.parametrize(
    "comment",
    ["# noqa: S101 - the input is ours", "# noqa: S101, S102 the input is ours", "# type: ignore[x-y]  # no stubs yet"],
)
def test_opt_outs_with_a_reason_pass(comment):
    assert check_opt_outs("a.py", f"x = 1  {comment}\n") == []


def test_a_text_about_opt_outs_is_none():
    assert check_opt_outs("a.py", 'x = "# noqa"\n') == []

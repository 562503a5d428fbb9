"""The plugin that makes the test database, tried in runs of its own: what it leaves behind, and CI's skips."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.house import tree

SKIPS = "import pytest\n\ndef test_x():\n    pytest.skip('no broker')\n"
SLEEPS = "import pathlib, time\n\ndef test_x():\n    pathlib.Path('{flag}').touch()\n    time.sleep(60)\n"


@pytest.fixture
def start(tmp_path):
    """Starts a run of one test module, with a temporary folder of its own, and hands over the process."""
    rooms = tmp_path / "tmp"
    rooms.mkdir()

    def begin(source: str, **environment: str) -> subprocess.Popen[str]:
        module = tmp_path / "test_sample.py"
        module.write_text(source)
        kept = {name: value for name, value in os.environ.items() if name not in {"CI", "TEST_DATABASE_URL"}}
        options = ["-q", "-p", "no:cacheprovider", "-c", str(tree.ROOT / "pyproject.toml")]
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, "--rootdir", str(tree.ROOT), str(module)],
            cwd=tree.ROOT,
            env={**kept, "TMPDIR": str(rooms), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


@pytest.mark.parametrize(("environment", "status"), [({}, 0), ({"CI": "true"}, 1)])
def test_a_skip_is_told_on_the_last_lines_and_fails_in_ci(start, environment, status):
    process = start(SKIPS, TAPEDECK_TEST_DATABASE="sqlite", **environment)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == status, said
    assert "no broker" in said
    assert ("CI: 1 skipped" in said) is bool(environment)
    assert "1 skipped" in said


def test_a_terminated_run_leaves_no_server_and_no_folder(start, tmp_path):
    flag = tmp_path / "running"
    process = start(SLEEPS.format(flag=flag), TAPEDECK_TEST_DATABASE="")
    deadline = time.monotonic() + 60
    while not flag.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    made = sorted(folder.name.rsplit("-", 1)[0] for folder in (tmp_path / "tmp").glob("tapedeck-*"))
    assert made == ["tapedeck-postgres", "tapedeck-test"]
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM, said
    assert list((tmp_path / "tmp").glob("tapedeck-*")) == []

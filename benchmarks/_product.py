"""Tapedeck as the benchmarks run it: a folder of its own, settings for it, and its processes."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parents[1]
MANAGE = str(ROOT / "manage.py")
STOP_SECONDS = 30


@contextmanager
def premises(**environment: str) -> Iterator[Path]:
    """A temporary DATA_DIR, with the database in it unless DATABASE_URL names one; Django is set up and migrated.

    What the environment says goes before `environment`. Once per process: Django reads its settings once.
    """
    with tempfile.TemporaryDirectory(prefix="tapedeck-bench-") as name:
        given = {"LOG_LEVEL": "WARNING", "SECRET_KEY": secrets.token_urlsafe(40), **environment}
        for key, value in given.items():
            os.environ.setdefault(key, value)
        os.environ["DATA_DIR"] = name
        os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
        django.setup()
        from django.core.management import call_command  # noqa: PLC0415 - the settings had to be there first
        from django.db import connections  # noqa: PLC0415 - as above

        call_command("migrate", verbosity=0, interactive=False)
        try:
            yield Path(name)
        finally:
            connections.close_all()


def start(command: list[str], log: Path, *, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A Python process whose standard output can be read and whose errors go to `log`."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )


def stop(process: subprocess.Popen[str]) -> None:
    """SIGTERM, and SIGKILL where that was not enough."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

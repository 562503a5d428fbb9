"""manage.py up: the whole product in one command."""

import contextlib
import os
import shutil
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.celery import app as celery_app
from project.demo import Demo, DemoError
from project.processes import Family

MARK = "TAPEDECK_UP"
READY_SECONDS = 60.0
LOOK_SECONDS = 0.5
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Command(BaseCommand):
    help = "Set up what is missing and run everything: web, capture, worker and beat. Ctrl-C stops all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the web process (default %(default)s)")
        parser.add_argument(
            "--capture-port", type=int, default=8765, help="of the capture process (default %(default)s)"
        )
        parser.add_argument("--data", metavar="DIR", help="folder for database, audio and logs (DATA_DIR, ./var)")
        parser.add_argument("--no-demo", action="store_true", help="make no demo workspace and place no demo call")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        if os.environ.get(MARK) != str(os.getpid()):
            _begin_again_with(_environment(options))
        for name in ("port", "capture_port"):
            _check_free(options[name])
        for number in STOP_SIGNALS:
            signal.signal(number, _stop)
        family = Family(settings.DATA_DIR / "logs")
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._run(family, options)
        finally:
            self._say("stopping: calls that run are stored first")
            family.stop()
            self._say("stopped")

    def _run(self, family: Family, options: dict[str, Any]) -> None:
        self._say("setting up the database")
        call_command("migrate", verbosity=0, interactive=False)
        _empty_broker_folder()
        demo = None if options["no_demo"] else Demo(settings.DATA_DIR)
        if demo:
            demo.furnish()
        self._say(f"starting web, capture, worker and beat; logs are in {settings.DATA_DIR / 'logs'}")
        self._start(family, options)
        self._await_all(family, options)
        if demo:
            if not demo.recorded:
                self._say("placing a demo call of 40 s of speech, 20 times as fast as it was spoken")
                try:
                    demo.record()
                except DemoError as error:
                    raise CommandError(str(error)) from error
            self.stdout.write(demo.told())
        self.stdout.write(f"ready     {settings.PUBLIC_URL}/admin/   (Ctrl-C stops)")
        self.stdout.flush()
        self._supervise(family)

    def _start(self, family: Family, options: dict[str, Any]) -> None:
        manage = str(settings.BASE_DIR / "manage.py")
        celery = ["-m", "celery", "--app", "project", "--workdir", str(settings.BASE_DIR)]
        family.add("capture", [manage, "capture", "--port", str(options["capture_port"])])
        family.add("web", [*_gunicorn(), "--bind", f"127.0.0.1:{options['port']}"])
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        family.add("worker", [*celery, "worker", "--concurrency", str(settings.WORKER_PROCESSES), *quiet])
        schedule = str(settings.DATA_DIR / "beat-schedule")
        family.add("beat", [*celery, "beat", "--schedule", schedule, "--pidfile", "", "--loglevel", "WARNING"])

    def _await_all(self, family: Family, options: dict[str, Any]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting: dict[str, Callable[[], bool]] = {
            "capture": lambda: _answers(options["capture_port"]),
            "web": lambda: _answers(options["port"]),
            "worker": lambda: bool(celery_app.control.ping(timeout=0.5, limit=1)),
        }
        while waiting:
            for name in [name for name, answers in waiting.items() if answers()]:
                del waiting[name]
            for child in family.children:
                if not child.alive:
                    raise CommandError(f"{child.name} stopped at its start:\n{child.last_lines()}")
            if time.monotonic() > deadline:
                raise CommandError(f"{', '.join(waiting)} did not start within {READY_SECONDS:g} s; see the logs")
            time.sleep(0.1)

    def _supervise(self, family: Family) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            for child in family.revive():
                self._say(f"{child.name} died and was started again; see {child.log}")

    def _say(self, sentence: str) -> None:
        self.stderr.write(sentence)


def _environment(options: dict[str, Any]) -> dict[str, str]:
    """What the processes of the embedded default are told, unless the environment says otherwise."""
    loopback = "127.0.0.0/8,::1/128"
    environment = {
        "WAVSTREAM_URL": f"ws://127.0.0.1:{options['capture_port']}",
        "PUBLIC_URL": f"http://127.0.0.1:{options['port']}",
        "CAPTURE_PORT": str(options["capture_port"]),
        "MEDIA_ENGINE": "simulator",
        "OUTBOUND_ALLOW": loopback,
        "CAPTURE_DRAIN_SECONDS": "0",
        **os.environ,
    }
    if options["data"]:
        environment["DATA_DIR"] = str(Path(options["data"]).resolve())
    return environment


def _begin_again_with(environment: dict[str, str]) -> None:
    """Settings come from the environment alone, and were read already: this process starts over with the right one."""
    environment[MARK] = str(os.getpid())  # exec keeps the process id
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606 - our own command line


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"port {port} is taken: {error.strerror}; choose with --port and --capture-port"
            ) from error


def _empty_broker_folder() -> None:
    """Its backlog costs more than linearly, and holds nothing that the sweep does not find."""
    if settings.CELERY_BROKER_URL.startswith("filesystem:"):
        for name in ("queue", "control"):
            shutil.rmtree(settings.BROKER_DIR / name, ignore_errors=True)
            (settings.BROKER_DIR / name).mkdir(parents=True)


def _gunicorn() -> list[str]:
    threads = str(settings.WEB_THREADS)
    return [
        "-m",
        "gunicorn",
        "project.wsgi:application",
        "--worker-class",
        "gthread",
        "--threads",
        threads,
        "--no-control-socket",
    ]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
    for again in STOP_SIGNALS:
        signal.signal(again, signal.SIG_IGN)  # an impatient second Ctrl-C must not break off the stopping
    raise KeyboardInterrupt

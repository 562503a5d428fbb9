"""The processes behind `up`: started together, started again when one dies, taken down together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

STOP_SECONDS = 20.0
RESTART_SECONDS = 1.0
PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def _die_with_parent() -> None:
    """In the child: should `up` be killed outright, the kernel takes its children down (Linux only)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One process of the product, with its log."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    _file: IO[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        self._file = self._file or self.log.open("ab")
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=self._file,
            start_new_session=True,  # Ctrl-C reaches `up` alone, which stops the others in their order
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one ctypes call, and no threads run yet
        )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def tell(self, number: signal.Signals) -> None:
        if self.alive and self.process is not None:
            self.process.send_signal(number)

    def last_lines(self, count: int = 15) -> str:
        with self.log.open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, count))


class Family:
    """The children, in the order in which they are started; they stop in the opposite one."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self.children: list[Child] = []

    def add(self, name: str, command: list[str]) -> Child:
        self._logs.mkdir(parents=True, exist_ok=True)
        child = Child(name, [sys.executable, *command], self._logs / f"{name}.log")
        self.children.append(child)
        child.start()
        return child

    def revive(self) -> list[Child]:
        """Start again whoever died, a second after its start at the earliest; who that was."""
        revived = []
        for child in self.children:
            if not child.alive and time.monotonic() - child.started_at >= RESTART_SECONDS:
                child.signal_group(signal.SIGKILL)  # what a killed parent left behind
                child.restarts += 1
                child.start()
                revived.append(child)
        return revived

    def stop(self) -> None:
        """Ask each to stop, and kill what has not stopped within 20 s."""
        for child in reversed(self.children):
            child.tell(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in reversed(self.children):
            if child.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.0, deadline - time.monotonic()))
            child.signal_group(signal.SIGKILL)

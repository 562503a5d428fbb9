"""Requests through the WSGI application in this process: what each took, and how many queries it made.

What is counted is the time that passes, less that in which this process or the database's one for it stood ready and
had to wait for a processor because other work held it (Linux: /proc/<pid>/schedstat): the lists' own time, on a busy
machine too.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.db import connection

TOUCH = 'UPDATE "workspaces_apikey"'
"""A key's use is noted once a minute: not part of what a list costs."""


@dataclass(slots=True)
class Taken:
    """What some requests took, in milliseconds, and the numbers of queries they made."""

    milliseconds: list[float] = field(default_factory=list)
    queries: set[int] = field(default_factory=set)
    size: int = 0
    """Bytes of the last reply."""

    @property
    def p50(self) -> float:
        return self._rank(50)

    @property
    def p95(self) -> float:
        return self._rank(95)

    def _rank(self, percent: int) -> float:
        """The nearest rank."""
        return sorted(self.milliseconds)[max(0, -(-len(self.milliseconds) * percent // 100) - 1)]


def waited_ms(pids: list[int]) -> float:
    """Milliseconds that the main threads of these processes have waited for a processor since they began."""
    stats = [Path(f"/proc/{pid}/schedstat") for pid in pids]
    return sum(int(stat.read_text(encoding="ascii").split()[1]) for stat in stats) / 1e6


def processes() -> list[int]:
    """This process, and the database's for this connection where that is on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), inet_server_addr() IS NULL")
        pid, here = cursor.fetchone()
    return [each for each in (os.getpid(), *([pid] if here else [])) if Path(f"/proc/{each}/schedstat").exists()]


class Client:
    """One client with one key, over no network: what it measures is the server's time, the database's included."""

    def __init__(self, key: str) -> None:
        from project.wsgi import application  # noqa: PLC0415 - Django is set up by now

        self._application = application
        self._key = key
        self._queries = 0
        connection.settings_dict["CONN_MAX_AGE"] = None  # whose process it is must hold while lists are asked
        connection.close()

    def ask(self, paths: list[str], *, times: int) -> Taken:
        """The paths by turns, so many requests in all. SystemExit for a reply that is not 200."""
        taken, pids = Taken(), processes()
        with connection.execute_wrapper(self._count):
            for number in range(times):
                path = paths[number % len(paths)]
                self._queries = 0
                waited, begun = waited_ms(pids), time.perf_counter()
                status, body = self._get(path)
                took = (time.perf_counter() - begun) * 1e3
                taken.milliseconds.append(took - (waited_ms(pids) - waited))
                if not status.startswith("200"):
                    raise SystemExit(f"{path} was answered {status}: {body[:300]!r}")
                taken.queries.add(self._queries)
                taken.size = len(body)
        return taken

    def body(self, path: str) -> bytes:
        """The reply of one request."""
        return self._get(path)[1]

    def _get(self, path: str) -> tuple[str, bytes]:
        plain, _, query = path.partition("?")
        environ: dict[str, Any] = {"PATH_INFO": plain, "QUERY_STRING": query, "HTTP_HOST": "127.0.0.1"}
        environ |= {"HTTP_X_API_KEY": self._key, "HTTP_AUTHORIZATION": f"Bearer {self._key}"}
        setup_testing_defaults(environ)
        told: list[str] = []

        def start_response(status: str, *_: Any) -> Callable[[bytes], object]:
            told.append(status)
            return lambda data: data

        reply = self._application(environ, start_response)
        try:
            body = b"".join(reply)
        finally:
            if hasattr(reply, "close"):
                reply.close()
        return told[0], body

    def _count(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        self._queries += not sql.startswith(TOUCH)
        return execute(sql, params, many, context)

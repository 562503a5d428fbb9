"""Doing the same thing from many threads, each with a database connection of its own."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections


def at_once(count, act):
    """What `act(0)` to `act(count - 1)` returned; all begin together, and what one raises is raised here."""
    start = Barrier(count)

    def run(number):
        try:
            start.wait(timeout=30)
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))

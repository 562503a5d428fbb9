"""A million recordings and what belongs to them: 20 workspaces of very unequal size, two years of calls.

The n-th workspace has 1/n of what the first has, which holds some 28 % of all. Rows come in the order of their time, as
the product writes them. Of every 20 recordings one is of a conference and the rest of calls; one in ten is a second
recording (a segment) of the call before it. 5 % are deleted, 1 % expired, the newest 200 still run; one call in 200 has
a private chat.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from benchmarks.scale.copying import NULL, Table, deleted, expires, text_of
from calls.models import Activeflow, Call, Chat, Conference, Flow, Visibility
from recordings.models import Recording
from recordings.states import EndReason, RecordingType, ReferenceType, State
from workspaces.clock import now
from workspaces.models import Member, Role, Workspace

WORKSPACES, AGENTS, FLOWS = 20, 50, 100
SPAN = timedelta(days=730)
RUNNING = 200
OWNED, RUN, PRIVATE = 4, 10, 200
"""Of so many recordings one has an owner; of calls one was made by a flow; of calls one has a private chat."""


@dataclass(slots=True)
class Tenant:
    """A workspace, and the ids that its rows may name."""

    workspace: str
    agents: list[str]
    flows: list[str]


@dataclass(slots=True)
class Happening:
    """A recording to be: its place in time, its tenant, and what it is of."""

    number: int
    at: datetime
    tenant: Tenant
    reference: str
    kind: str
    second: bool
    """Of the same call as the one before."""

    @property
    def owner(self) -> str:
        return self.tenant.agents[self.number // OWNED % AGENTS] if self.number % OWNED == 0 else ""

    @property
    def run(self) -> str:
        """The id of the flow's run that it was made by; "" for most."""
        return identifier(self.at, self.number) if self.number % RUN == 1 else ""


def identifier(at: datetime, number: int, *, table: int = 0) -> str:
    """A UUIDv7 of this moment (RFC 9562), the same whenever it is asked for."""
    return f"{int(at.timestamp() * 1000):012x}7{table:03x}8{number:015x}"


def build(recordings: int) -> None:
    """Fill an empty, migrated database; then vacuum and analyse it, as the server's own daemon would have by then."""
    tenants = [_tenant(number) for number in range(WORKSPACES)]
    Table(Call, "id", "uuid", "workspace_id", "from_number", "tm_create", "tm_update", "tm_delete", "status").fill(
        (str(each.number + 1), each.reference, each.tenant.workspace, f"+1555{each.number:07}", *_times(each), "hangup")
        for each in _first_of(tenants, recordings, ReferenceType.CALL)
    )
    Table(Conference, "id", "number", "workspace_id", "tm_create", "tm_update", "tm_delete").fill(
        (each.reference, str(each.number + 1), each.tenant.workspace, *_times(each))
        for each in _first_of(tenants, recordings, ReferenceType.CONFBRIDGE)
    )
    _fill_recordings(tenants, recordings)
    _fill_runs(tenants, recordings)
    _fill_chats(tenants, recordings)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _tenant(number: int) -> Tenant:
    workspace = Workspace.objects.create(name=f"Scale {number}", slug=f"scale-{number}")
    users = User.objects.bulk_create(User(username=f"scale-{number}-{each}") for each in range(AGENTS))
    agents = Member.objects.bulk_create(Member(workspace=workspace, user=user, role=Role.AGENT) for user in users)
    flows = Flow.objects.bulk_create(Flow(workspace=workspace, name=f"Flow {each}") for each in range(FLOWS))
    return Tenant(str(workspace.pk), [str(each.pk) for each in agents], [str(each.pk) for each in flows])


def _happenings(tenants: list[Tenant], recordings: int) -> Iterator[Happening]:
    """All of them, oldest first: the same ones whenever it is asked."""
    chance = random.Random(5)
    shares = list(itertools.accumulate(1 / rank for rank in range(1, WORKSPACES + 1)))
    step = SPAN / recordings
    begun = BUILT - SPAN
    each: Happening | None = None
    for number in range(recordings):
        at = begun + step * number
        if number % 10 == 9 and each is not None:
            each = Happening(number, at, each.tenant, each.reference, each.kind, second=True)
        else:
            tenant = chance.choices(tenants, cum_weights=shares)[0]
            kind = ReferenceType.CONFBRIDGE if number % 20 == 3 else ReferenceType.CALL
            each = Happening(number, at, tenant, identifier(at, number, table=1), kind.value, second=False)
        yield each


BUILT = now()


def _first_of(tenants: list[Tenant], recordings: int, kind: str) -> Iterator[Happening]:
    return (each for each in _happenings(tenants, recordings) if each.kind == kind and not each.second)


def _times(each: Happening) -> tuple[str, str, str]:
    """tm_create, tm_update, tm_delete."""
    changed = each.at + timedelta(minutes=5)
    return text_of(each.at), text_of(changed), deleted(each.number, changed)


def _fill_recordings(tenants: list[Tenant], recordings: int) -> None:
    differing = ("id", "workspace_id", "reference_id", "reference_type", "recording_type", "status", "end_reason")
    measured = ("duration_ms", "frames", "owner_type", "owner_id", "activeflow_id", "expires_at", "file_id")
    times = ("tm_create", "tm_update", "tm_delete")
    chance = random.Random(6)

    def rows() -> Iterator[tuple[str, ...]]:
        for each in _happenings(tenants, recordings):
            runs = each.number >= recordings - RUNNING
            seconds = min(7200, 1 + int(chance.expovariate(1 / 240)))
            yield (
                *(identifier(each.at, each.number, table=2), each.tenant.workspace, each.reference, each.kind),
                RecordingType.SEGMENT.value if each.second else RecordingType.FULL_CALL.value,
                *((State.RECORDING.value, "", NULL, NULL) if runs else _ended(seconds)),
                *(("agent", each.owner) if each.owner else ("", NULL)),
                each.run or NULL,
                expires(each.number, each.at),
                identifier(each.at, each.number, table=3),
                *_times(each),
            )

    Table(Recording, *differing, *measured, *times).fill(rows())


def _ended(seconds: int) -> tuple[str, str, str, str]:
    """status, end_reason, duration_ms, frames."""
    return State.ENDED.value, EndReason.HANGUP.value, str(seconds * 1000), str(seconds * 8000)


def _fill_runs(tenants: list[Tenant], recordings: int) -> None:
    same: dict[str, Any] = {"reference_type": "call", "status": "ended", "due_at": None}
    table = Table(Activeflow, "id", "workspace_id", "flow_id", "reference_id", "tm_create", "tm_update", **same)
    table.fill(
        (
            each.run,
            each.tenant.workspace,
            each.tenant.flows[each.number // RUN % FLOWS],
            each.reference,
            *_times(each)[:2],
        )
        for each in _happenings(tenants, recordings)
        if each.run
    )


def _fill_chats(tenants: list[Tenant], recordings: int) -> None:
    private = (each for each in _first_of(tenants, recordings, ReferenceType.CALL) if each.number % PRIVATE == 0)
    Table(Chat, "id", "workspace_id", "call_id", "reference_id", visibility=Visibility.DIRECT).fill(
        (str(number), each.tenant.workspace, str(each.number + 1), each.reference)
        for number, each in enumerate(private, start=1)
    )

"""Every list endpoint: its pages, and what it can be narrowed by. A surface that joins adds its lines here."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from django.db.models import QuerySet

from calls.models import Call
from recordings.models import Recording
from recordings.states import State
from workspaces.clock import NEVER
from workspaces.fields import ZERO
from workspaces.models import Workspace

DEEP = 100_000
SAMPLES = 20
"""Of a filter's values, so many different ones are asked for by turns."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An endpoint as it is asked: the paths by turns, and the same for a page of one row ("": it has no pages)."""

    surface: str
    name: str
    paths: list[str]
    single: str = ""

    @property
    def title(self) -> str:
        return f"{self.surface} {self.name}"


def listings(workspace: Workspace) -> list[Listing]:
    """All of them, as asked in this workspace."""
    return _flat(workspace) + _resources_recordings(workspace) + _resources_others(workspace)


def _flat(workspace: Workspace) -> list[Listing]:
    path = "/api/recordings"
    return [
        Listing("flat", "recordings, first page", [path], f"{path}?limit=1"),
        Listing("flat", "recordings, first page of 1,000", [f"{path}?limit=1000"], f"{path}?limit=1"),
        Listing("flat", "recordings, offset 100,000", [f"{path}?offset={_deep(_recordings(workspace))}"]),
        Listing("flat", "recordings of a call", [f"{path}/call/{key}" for key in _some(workspace, "reference_id")]),
    ]


def _resources_recordings(workspace: Workspace) -> list[Listing]:
    rows = _recordings(workspace)
    moments = [quote(f"{each:%Y-%m-%d %H:%M:%S.%f}") for each in _moments(rows)]
    narrowed = {
        "one call": [f"reference_id={key}" for key in _some(workspace, "reference_id")],
        "one agent": [f"owner_id={key}" for key in _some(workspace, "owner_id")],
        "an agent who has none": [f"owner_id={UUID(int=1)}"],
        "no owner": [f"owner_id={ZERO}"],
        "one flow's run": [f"activeflow_id={key}" for key in _some(workspace, "activeflow_id")],
        "conferences": ["reference_type=confbridge"],
        **{str(state.value): [f"status={state.value}"] for state in State},
        "one agent's, running": [f"status=recording&owner_id={key}" for key in _some(workspace, "owner_id")],
        "a stretch of time": [f"tm_create_after={moments[i + 1]}&tm_create_before={moments[i]}" for i in range(9)],
        "nearly two hours or more": ["duration_min=7000"],
        "longer than any": ["duration_min=9000"],
        "at most a second": ["duration_max=1"],
        "ended, ten minutes or more": ["status=ended&duration_min=600"],
    }
    return _pages("recordings", rows) + [
        Listing("resources", f"recordings, {name}", *_paged("recordings", queries))
        for name, queries in narrowed.items()
    ]


def _resources_others(workspace: Workspace) -> list[Listing]:
    calls = Call.objects.of(workspace).filter(tm_delete=NEVER)
    nouns = ("conferences", "flows", "activeflows", "agents", "customers")
    firsts = [Listing("resources", f"{noun}, first page", *_paged(noun, [""])) for noun in nouns]
    return _pages("calls", calls) + firsts


def _pages(noun: str, rows: QuerySet[Recording] | QuerySet[Call]) -> list[Listing]:
    """The first page, and one 100,000 rows further on."""
    deep = _deep(rows)
    at, key = rows.order_by("-tm_create", "-pk").values_list("tm_create", "pk")[deep]
    token = f"{at:%Y-%m-%dT%H:%M:%S.%fZ}_{key}"
    return [
        Listing("resources", f"{noun}, first page", *_paged(noun, [""])),
        Listing("resources", f"{noun}, after 100,000", *_paged(noun, [f"page_token={token}"])),
    ]


def _paged(noun: str, queries: list[str]) -> tuple[list[str], str]:
    path = f"/v1.0/{noun}"
    return [f"{path}?{query}" for query in queries], f"{path}?{queries[0]}&page_size=1"


def _recordings(workspace: Workspace) -> QuerySet[Recording]:
    return Recording.objects.of(workspace).filter(tm_delete=NEVER, expires_at=NEVER)


def _deep(rows: QuerySet[Recording] | QuerySet[Call]) -> int:
    """100,000, or where there are fewer rows the last page's beginning."""
    return max(0, min(DEEP, rows.count() - 100))


def _some(workspace: Workspace, column: str) -> list[object]:
    """Values that this column has, from all over the table."""
    found = _recordings(workspace).exclude(**{column: None}).order_by("file_id").values_list(column, flat=True)
    every = max(1, found.count() // SAMPLES)
    return list(found)[::every][:SAMPLES]


def _moments(rows: QuerySet[Recording]) -> list[datetime]:
    """Ten moments, newest first, with as many rows between each and the next."""
    found = list(rows.order_by("-tm_create").values_list("tm_create", flat=True))
    return found[:: max(1, len(found) // 10)][:10]

"""Pages and filters of `resources`."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings.api.kit.cursors import moment_of
from recordings.models import Recording
from tests import builders
from workspaces.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZERO = "00000000-0000-0000-0000-000000000000"


def pages(resources, size, path="/v1.0/recordings"):
    """The ids of every page, to the empty one."""
    token, found = "", []
    while True:
        body = resources("get", f"{path}?page_size={size}&page_token={token}").json()
        if not body["result"]:
            assert body["next_page_token"] == ""
            return found
        found.append([each["id"] for each in body["result"]])
        token = body["next_page_token"]


@given(
    seconds=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    size=st.integers(1, 4),
)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_pages_hold_each_recording_once_newest_first_however_many_share_a_time(cast, resources, seconds, size):
    Recording.objects.all().delete()
    call = builders.make_call(cast.workspace)
    for second in seconds:
        made = builders.start(call, recording_type="segment")
        Recording.objects.filter(pk=made.pk).update(tm_create=NOON + timedelta(seconds=second))
    found = pages(resources, size)
    expected = [str(pk) for pk in Recording.objects.order_by("-tm_create", "-id").values_list("id", flat=True)]
    assert [each for page in found for each in page] == expected
    assert all(len(page) == size for page, _ in pairwise(found))


def test_calls_are_paged_by_number(cast, resources):
    made = [str(builders.make_call(cast.workspace).uuid) for _ in range(5)]
    assert pages(resources, 2, "/v1.0/calls") == [made[:-3:-1], made[2:0:-1], made[:1]]


def test_a_recording_made_meanwhile_moves_no_page(cast, resources):
    call = builders.make_call(cast.workspace)
    old = [builders.start(call, recording_type="segment") for _ in range(3)]
    first = resources("get", "/v1.0/recordings?page_size=2").json()
    builders.start(call)
    rest = resources("get", f"/v1.0/recordings?page_size=2&page_token={first['next_page_token']}").json()
    assert [each["id"] for each in rest["result"]] == [str(old[0].id)]


@pytest.mark.parametrize(
    "token",
    ["2026-03-01T12:00:01.000000Z", "2026-03-01 12:00:01.000000", "2026-03-01T12:00:01Z", "2026-03-01+12:00:01"],
)
def test_a_time_alone_means_strictly_older(cast, resources, token):
    call = builders.make_call(cast.workspace)
    made = [builders.start(call, recording_type="segment") for _ in range(3)]
    for second, recording in enumerate(made):
        Recording.objects.filter(pk=recording.pk).update(tm_create=NOON + timedelta(seconds=second))
    body = resources("get", f"/v1.0/recordings?page_token={token}").json()
    assert [each["id"] for each in body["result"]] == [str(made[0].id)]


@pytest.mark.parametrize("size", ["0", "101", "-1", "x", "1.5", "", "٣", "9" * 30])
def test_a_page_size_out_of_range_is_a_hundred(cast, resources, size):
    call = builders.make_call(cast.workspace)
    for _ in range(2):
        builders.start(call, recording_type="segment")
    assert len(resources("get", f"/v1.0/recordings?page_size={size}").json()["result"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        *("page_token=x", "page_token=2026-13-01T00:00:00Z", "page_token=2026-03-01T12:00:01Z_x", "page_token=%00"),
        *("status=gone", "reference_type=chat", "reference_id=1", "owner_id=x", "activeflow_id=x"),
        *(
            "tm_create_after=yesterday",
            "tm_create_before=1",
            "duration_min=-1",
            "duration_max=NaN",
            "duration_min=1e99",
        ),
    ],
)
def test_what_cannot_be_is_refused(cast, resources, query):
    reply = resources("get", f"/v1.0/recordings?{query}")
    error = reply.json()["error"]
    assert (reply.status_code, error["status"], error["reason"]) == (
        400,
        "INVALID_ARGUMENT",
        "INVALID_REQUEST_PARAMETER",
    )
    assert [detail["field"] for detail in error["details"]] == [query.partition("=")[0]]


def test_a_number_beyond_its_column_is_a_token_of_another_form(resources):
    assert resources("get", f"/v1.0/calls?page_token=2026-03-01T12:00:01Z_{2**63}").status_code == 400


def test_filters(cast, resources):
    agent = cast.person("anna", role=Role.AGENT)[1]
    owned = builders.make_call(cast.workspace, owner_type="agent", owner_id=agent.pk)
    short = builders.ended_recording(owned, builders.tone(8_000))
    long = builders.ended_recording(builders.make_call(cast.workspace), builders.tone(16_000))
    waiting = builders.start(builders.make_call(cast.workspace))
    for second, recording in enumerate((short, long, waiting)):
        Recording.objects.filter(pk=recording.pk).update(tm_create=NOON + timedelta(seconds=second))

    def named(query):
        found = {each["id"] for each in resources("get", f"/v1.0/recordings?{query}").json()["result"]}
        return {
            name for name, each in (("short", short), ("long", long), ("waiting", waiting)) if str(each.id) in found
        }

    assert named("status=ended") == {"short", "long"}
    assert named("status=") == named("reference_type=call") == {"short", "long", "waiting"}
    assert named("reference_type=confbridge") == set()
    assert named(f"reference_id={waiting.reference_id}") == {"waiting"}
    assert named(f"owner_id={agent.pk}") == {"short"}
    assert named(f"owner_id={ZERO}") == {"long", "waiting"}
    assert named(f"activeflow_id={agent.pk}") == set()
    assert named("tm_create_after=2026-03-01T12:00:01Z") == {"long", "waiting"}
    assert named("tm_create_before=2026-03-01 12:00:01.000000") == {"short"}
    assert named("duration_min=1.5") == {"long"}
    assert named("duration_max=1&duration_min=1") == {"short"}


def test_moments_are_utc_to_the_microsecond():
    assert moment_of("2026-03-01 12:00:00.5") == NOON.replace(microsecond=500_000)
    assert moment_of("2026-03-01T12:00:00.123456789Z") == NOON.replace(microsecond=123_456)
    assert moment_of("2026-02-30 12:00:00") is moment_of("") is moment_of("٢٠٢٦-03-01 12:00:00") is None

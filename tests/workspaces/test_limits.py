from datetime import UTC, datetime, timedelta

import pytest

from tests.workspaces.crowd import at_once
from workspaces.clock import now
from workspaces.errors import RateExceeded
from workspaces.limits import Rate, hit, sweep
from workspaces.models import RateWindow

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOON_UNIX = int(NOON.timestamp())  # divides by 60


@pytest.mark.django_db
def test_attempts_are_counted_down_and_then_refused():
    at = NOON + timedelta(seconds=12.5)
    assert hit("k", limit=2, seconds=60, at=at) == Rate(limit=2, remaining=1, reset=NOON_UNIX + 60)
    assert hit("k", limit=2, seconds=60, at=at) == Rate(limit=2, remaining=0, reset=NOON_UNIX + 60)
    with pytest.raises(RateExceeded) as caught:
        hit("k", limit=2, seconds=60, at=at)
    refusal = caught.value
    assert (refusal.retry_after, refusal.limit, refusal.remaining, refusal.reset) == (47.5, 2, 0, NOON_UNIX + 60)
    assert refusal.data == {"retry_after": 47.5, "limit": 2, "remaining": 0, "reset": NOON_UNIX + 60}


@pytest.mark.django_db
def test_refused_attempts_leave_no_trace_and_the_next_window_is_fresh():
    for _ in range(5):
        try:
            hit("k", limit=1, seconds=60, at=NOON)
        except RateExceeded:
            continue
    assert RateWindow.objects.get().count == 1
    assert hit("k", limit=1, seconds=60, at=NOON + timedelta(seconds=60)) == Rate(1, 0, NOON_UNIX + 120)


@pytest.mark.django_db
def test_a_limit_raised_in_mid_window_lets_more_through():
    hit("k", limit=1, seconds=60, at=NOON)
    assert hit("k", limit=3, seconds=60, at=NOON).remaining == 1


@pytest.mark.django_db
def test_keys_do_not_share_even_where_only_their_ends_differ():
    long = "x" * 400
    hit(long + "a", limit=1, seconds=60, at=NOON)
    hit(long + "b", limit=1, seconds=60, at=NOON)
    hit("other", limit=1, seconds=60, at=NOON)
    with pytest.raises(RateExceeded):
        hit(long + "a", limit=1, seconds=60, at=NOON)


@pytest.mark.django_db
def test_zero_is_off(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert hit("k", limit=0, seconds=60) is None


@pytest.mark.parametrize(
    "wrong", [{"limit": -1, "seconds": 60}, {"limit": 1, "seconds": 0}, {"limit": 1, "seconds": 86_401}]
)
def test_what_makes_no_window_is_an_error(wrong):
    with pytest.raises(ValueError, match="limit must be 0 or more"):
        hit("k", **wrong)


@pytest.mark.django_db
def test_the_present_is_the_default(django_assert_num_queries):
    with django_assert_num_queries(1):
        rate = hit("k", limit=5, seconds=3600)
    assert 0 < rate.reset - now().timestamp() <= 3600


@pytest.mark.django_db
def test_sweep_removes_what_is_over_and_keeps_what_is_not():
    hit("old", limit=1, seconds=60, at=now() - timedelta(days=1, minutes=2))
    hit("recent", limit=1, seconds=60, at=now() - timedelta(hours=23))
    hit("day", limit=1, seconds=86_400)
    assert sweep() == 1
    assert set(RateWindow.objects.values_list("key", flat=True)) == {"recent", "day"}
    assert sweep() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_exact_among_many_at_once():
    def attempt(_):
        passed = []
        for _ in range(10):
            try:
                passed.append(hit("k", limit=50, seconds=60, at=NOON).remaining)
            except RateExceeded:
                continue
        return passed

    remaining = sorted(number for passed in at_once(16, attempt) for number in passed)
    assert remaining == list(range(50))
    assert RateWindow.objects.get().count == 50

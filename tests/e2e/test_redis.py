"""The whole product with Redis as its broker."""

import os

import pytest

from tests.e2e import engine
from tests.e2e.product import Product, http

pytestmark = pytest.mark.e2e


@pytest.fixture
def on_redis(tmp_path):
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        pytest.skip("no Redis (TEST_REDIS_URL)")
    with Product(
        tmp_path / "data", MEDIA_ENGINE="external", CAPTURE_CHUNK_SECONDS="1", CELERY_BROKER_URL=url
    ) as running:
        yield running.furnish()


def test_a_call_is_recorded_and_its_hints_go_through_redis(on_redis):
    import redis

    with redis.Redis.from_url(os.environ["TEST_REDIS_URL"]) as server:
        before = server.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0)
        ready = http.request("GET", f"{on_redis.url}/readyz").json()
        assert ready["checks"]["broker"] == "good"
        said = engine.noise(3, seed=1)
        recording = engine.play(on_redis.stream_url, said)
        on_redis.await_end(recording)
        assert on_redis.pcm(recording) == said
        assert server.info("commandstats")["cmdstat_lpush"]["calls"] > before

"""RabbitMQ goes away in the middle of everything: first silent, then refusing. Losing it costs time only."""

import asyncio
import os
import time
from statistics import median
from urllib.parse import urlsplit

import kombu
import pytest

from tests.e2e import engine
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.fault

COOLDOWN = 2.1
SLOWER_MAX = 0.2


@pytest.fixture
def amqp():
    """The address of RabbitMQ through a proxy, and the proxy; our queues are gone afterwards."""
    url = os.environ.get("TEST_AMQP_URL")
    if not url:
        pytest.skip("TEST_AMQP_URL names no RabbitMQ")
    parts = urlsplit(url)
    with Proxy(parts.hostname, parts.port or 5672) as proxy:
        account = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
        yield f"amqp://{account}@127.0.0.1:{proxy.port}{parts.path or '//'}", proxy
    with kombu.Connection(url) as broker:
        broker.default_channel.queue_delete("celery")


def test_the_broker_may_go_away(start, receiver, campaign, amqp):
    address, proxy = amqp
    outage = campaign.size(18, 60)
    # Shorter than the outage: an engine that nobody could ask must not be given up for its silence.
    product = start(CELERY_BROKER_URL=address, CAPTURE_CHUNK_SECONDS="1", CAPTURE_START_TIMEOUT=str(outage * 2 // 3))
    product.endpoint(receiver, "recording.requested", "recording.ended")
    calls = [one for _, one in product.sessions(8)]
    stopped_before, over_the_gap, in_the_gap = calls[:2], calls[2:5], calls[5:]
    before, during = [], []

    async def command(session, name, times):
        began = time.monotonic()
        reply = await asyncio.to_thread(product.command, session, name)
        times.append(time.monotonic() - began)
        assert reply.status == 202, reply.data

    async def stream(session):
        url = (await asyncio.to_thread(receiver.wait, "recording.requested", session, seconds=60))[1]["stream_url"]
        leg = await engine.Leg(url, engine.noise(outage + 90, seed=campaign.seed + len(session))).open()
        return leg, asyncio.create_task(leg.send())

    async def finish(session, leg_and_task, times):
        await command(session, "stop", times)
        leg, task = leg_and_task
        assert await leg.gone() == 1000
        await task
        return leg

    async def play():
        for session in stopped_before + over_the_gap:
            await command(session, "start", before)
        lines = {session: await stream(session) for session in stopped_before + over_the_gap}
        await asyncio.sleep(COOLDOWN)
        legs = [await finish(session, lines[session], before) for session in stopped_before]
        proxy.fall_silent()
        await asyncio.sleep(outage / 3)
        unasked = await engine.Leg(product.stream_url, engine.noise(3, seed=campaign.seed)).open()
        await unasked.send(pace=2)
        for session in in_the_gap:
            await command(session, "start", during)
        legs += [await finish(session, lines[session], during) for session in over_the_gap[:2]]
        proxy.refuse()
        await asyncio.sleep(outage / 3)
        await unasked.hang_up()
        legs += [unasked, *[await finish(session, lines[session], during) for session in over_the_gap[2:]]]
        await asyncio.sleep(outage / 3)
        proxy.mend()
        back = time.monotonic()
        late = [await stream(session) for session in in_the_gap]
        await asyncio.sleep(0.5)
        for session, line in zip(in_the_gap, late, strict=True):
            legs.append(await finish(session, line, before))
        return legs, back

    legs, back = asyncio.run(play())
    ends = [receiver.wait("recording.completed", session, seconds=60)[0] for session in calls]
    for leg in legs:
        product.await_end(leg.recording)
        kept = product.pcm(leg.recording)
        assert kept == leg.pcm[: len(kept)]
        assert len(kept) >= leg.sent - 500 * engine.BYTES_PER_MS  # what was sent while the stop was on its way
    assert receiver.complaints == []
    product.await_health()
    campaign.tell(
        f"RabbitMQ silent and refusing for {outage} s: start and stop {median(before) * 1000:.0f} ms with it, "
        f"{median(during) * 1000:.0f} ms without ({max(during) * 1000:.0f} at most); {len(legs)} calls whole, "
        f"the last completed {max(ends) - back:.1f} s after it came back"
    )
    assert median(during) <= median(before) + SLOWER_MAX
    assert max(during) <= max(before) + SLOWER_MAX

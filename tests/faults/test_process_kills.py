"""kill -9 of worker, beat and web at random moments of calls: nothing is lost, nothing is stuck."""

import asyncio
import time
from uuid import uuid4

import pytest
import urllib3

from tests.e2e import engine
from tests.e2e.product import until

pytestmark = pytest.mark.fault

COOLDOWN = 2.1


def test_worker_beat_and_web_may_die_at_any_moment(start, receiver, campaign):
    kills, lines = campaign.size(6, 60), campaign.size(4, 12)
    # A request to the engine whose worker died in the middle of it is repeated when its lease is over, 31 s later.
    product = start(CAPTURE_CHUNK_SECONDS="1", WEBHOOK_TIMEOUT_SECONDS="1", CAPTURE_START_TIMEOUT="90")
    product.endpoint(receiver, "recording.requested", "recording.ended")
    commanded = product.sessions(lines * campaign.size(2, 6))
    seeds = iter(range(campaign.seed, campaign.seed + 10_000))
    killed = []

    async def play():
        done = asyncio.Event()
        killer = asyncio.create_task(kill(done))
        unasked = [asyncio.create_task(_unasked(product, next(seeds), kills * 2.0)) for _ in range(lines)]
        sessions = [asyncio.create_task(_commanded(product, receiver, one, next(seeds))) for _, one in commanded]
        legs = await asyncio.gather(*unasked, *sessions)
        done.set()
        await killer
        return legs

    async def kill(done):
        for _ in range(kills):
            await asyncio.sleep(campaign.dice.uniform(0.3, 2.5))
            name = campaign.dice.choice(["worker", "beat", "web"])
            killed.append(name)
            pid = await asyncio.to_thread(product.kill, name)
            await asyncio.to_thread(product.await_again, name, pid)

    legs = asyncio.run(play())
    assert len(killed) == kills
    for leg in legs:
        product.await_end(leg.recording, seconds=60)
        assert product.pcm(leg.recording) == leg.pcm[: leg.sent], leg.recording
    for _, session in commanded:
        receiver.wait("recording.completed", session, seconds=90)
    assert receiver.complaints == []
    product.await_health()
    campaign.tell(
        f"{kills} kills of worker, beat and web ({', '.join(f'{killed.count(n)} {n}' for n in sorted(set(killed)))}) "
        f"during {len(legs)} calls: every byte kept, every recording ended, every webhook came"
    )


async def _unasked(product, seed, seconds):
    leg = await engine.Leg(product.stream_url, engine.noise(seconds, seed=seed)).open()
    await leg.send()
    await leg.hang_up()
    assert not leg.broken
    return leg


async def _commanded(product, receiver, session, seed):
    """A session's whole life, by an integrator who repeats what was not answered."""
    await asyncio.to_thread(_insist, product, session, "start")
    began = time.monotonic()
    url = (await asyncio.to_thread(receiver.wait, "recording.requested", session, seconds=80))[1]["stream_url"]
    leg = await engine.Leg(url, engine.noise(3, seed=seed)).open()
    await leg.send()
    await asyncio.sleep(max(0.0, began + COOLDOWN - time.monotonic()))
    await asyncio.to_thread(_insist, product, session, "stop")
    assert await leg.gone() == 1000
    return leg


def _insist(product, session, name):
    uid = str(uuid4())

    def answered():
        try:
            return product.command(session, name, uid=uid).status == 202
        except urllib3.exceptions.HTTPError:
            return False

    until(answered, seconds=40, what=f"record/{name} is taken")

"""A stop at every moment of a start: before the socket, while it opens, before, with and after the first audio."""

import asyncio
import time

import pytest

from tests.e2e import engine
from tests.e2e.product import http

pytestmark = pytest.mark.fault

COOLDOWN = 2.1
MOMENTS = ("before the socket", "while it opens", "before audio", "with the first audio", "after audio")


def test_a_stop_at_every_moment_of_the_start(start, receiver, campaign):
    product = start()
    product.endpoint(receiver, "recording.requested", "recording.ended")
    each = campaign.size(4, 40)
    commanded = [one for _, one in product.sessions(each * len(MOMENTS))]
    plan = [(moment, campaign.dice.uniform(-0.05, 0.05)) for moment in MOMENTS for _ in range(each)]

    async def play():
        lives = [
            _life(product, receiver, session, moment, jitter, seed=campaign.seed + number)
            for number, (session, (moment, jitter)) in enumerate(zip(commanded, plan, strict=True))
        ]
        return await asyncio.gather(*lives)

    legs = asyncio.run(play())
    waited = []
    for (moment, _), session, (leg, sent, stopped) in zip(plan, commanded, legs, strict=True):
        came, completed = receiver.wait("recording.completed", session)
        waited.append(came - stopped)
        fetched = http.request("GET", completed["recording_url"])
        assert fetched.status == 200, moment
        kept = fetched.data[44:]
        assert int.from_bytes(fetched.data[40:44], "little") == len(kept)
        assert kept == leg.pcm[: len(kept)], moment
        assert len(kept) >= sent, f"{moment}: {sent} bytes were sent before the stop, {len(kept)} are kept"
        assert completed["duration"] == pytest.approx(len(kept) / 16_000, abs=0.001)
        assert len(receiver.find("recording.completed", session)) == 1
    product.await_health()
    campaign.tell(
        f"{len(plan)} stops at {len(MOMENTS)} moments of the start: all completed and fetchable, "
        f"{max(waited):.2f} s after the stop at the latest"
    )


async def _life(product, receiver, session, moment, jitter, *, seed):
    """(the leg, bytes sent before the stop was posted, when that was)"""
    assert (await asyncio.to_thread(product.command, session, "start")).status == 202
    began = time.monotonic()
    url = (await asyncio.to_thread(receiver.wait, "recording.requested", session))[1]["stream_url"]
    await asyncio.sleep(max(0.0, began + COOLDOWN - time.monotonic()))
    leg = engine.Leg(url, engine.noise(10, seed=seed))
    if moment in ("before audio", "with the first audio", "after audio"):
        await leg.open()
    sending = None
    if moment == "after audio":
        await leg.send(stop=16 * 300)
        sending = asyncio.create_task(leg.send())
    other = {"while it opens": leg.open, "with the first audio": leg.send}.get(moment)
    if other:
        sending = asyncio.create_task(_after(max(0.0, jitter), other))
        await asyncio.sleep(max(0.0, -jitter))
    sent, stopped = leg.sent, time.monotonic()
    assert (await asyncio.to_thread(product.command, session, "stop")).status == 202
    refused = await _refused(leg) if moment == "before the socket" else await _settled(sending)
    assert refused in (None, 409)
    assert refused == 409 or moment != "before the socket"
    if refused is None:
        assert await leg.gone() == 1000
    return leg, sent, stopped


async def _after(seconds, act):
    await asyncio.sleep(seconds)
    return await act()


async def _settled(sending):
    """None, or the status of the refusal that the engine met."""
    try:
        if sending is not None:
            await sending
    except engine.InvalidStatus as refusal:
        return refusal.response.status_code
    return None


async def _refused(leg):
    with pytest.raises(engine.InvalidStatus) as refusal:
        await leg.open()
    return refusal.value.response.status_code

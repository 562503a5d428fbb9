"""kill -9 of the capture process at random moments under live streams: what was received before is kept."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.e2e import engine

pytestmark = pytest.mark.fault

LOST_MAX = 500 * engine.BYTES_PER_MS
END_SECONDS = 30


def test_a_killed_capture_process_loses_half_a_second_at_most(start, campaign):
    kills, streams = campaign.size(5, 50), campaign.size(8, 20)
    product = start(CAPTURE_CHUNK_SECONDS="1")
    rounds = [_round(product, campaign, streams) for _ in range(kills)]
    lost, waited = [], []
    for legs, at_kill, again in rounds:
        for leg, sent in zip(legs, at_kill, strict=True):
            product.await_end(leg.recording, seconds=END_SECONDS + 5)
            waited.append((product.updated(leg.recording) - again).total_seconds())
            assert waited[-1] <= END_SECONDS, f"{leg.recording} ended {waited[-1]:.1f} s after the restart"
            kept = product.pcm(leg.recording)
            assert kept == leg.pcm[: len(kept)], f"{leg.recording} is no prefix of what was sent"
            assert sent - len(kept) <= LOST_MAX, f"{leg.recording} lost {(sent - len(kept)) / 16:.0f} ms"
            lost.append(max(0, sent - len(kept)) // engine.BYTES_PER_MS)
    product.await_health()
    campaign.tell(
        f"{kills} kills of capture under {streams} streams: lost {sorted(lost)[len(lost) // 2]} ms in the middle, "
        f"{max(lost)} ms at most; every recording a prefix of what was sent, "
        f"ended by itself {max(waited):.0f} s after the restart at the latest"
    )


def _round(product, campaign, streams):
    """Streams in real time, the kill at a random moment of them; (legs, bytes sent at the kill, moment of the restart).

    Some have sent for a while, some only begin: each starts at its own moment.
    """
    until_kill = campaign.dice.uniform(1.2, 4.0)
    moments = [campaign.dice.uniform(0, until_kill) for _ in range(streams)]
    seeds = [campaign.dice.randrange(1 << 30) for _ in range(streams)]

    async def calls():
        legs = [engine.Leg(product.stream_url, engine.noise(until_kill + 5, seed=seed)) for seed in seeds]
        legs[0].pcm = b""  # one that has connected and never says a word
        tasks = [asyncio.create_task(call(leg, moment)) for leg, moment in zip(legs, moments, strict=True)]
        await asyncio.sleep(until_kill)
        pid = product.kill("capture")
        at_kill = [leg.sent for leg in legs]
        await asyncio.gather(*tasks)
        return legs, at_kill, pid

    async def call(leg, moment):
        await asyncio.sleep(moment)
        try:
            await leg.open()
        except (OSError, EOFError, engine.ConnectionClosed, engine.InvalidHandshake):
            return  # killed while it was at the door: nothing was taken
        if leg.pcm:
            await leg.send()
            assert leg.broken
        else:
            await leg.gone()

    legs, at_kill, killed = asyncio.run(calls())
    product.await_again("capture", killed)
    again = datetime.now(UTC)
    opened = [(leg, sent) for leg, sent in zip(legs, at_kill, strict=True) if leg.recording]
    assert len(opened) >= streams // 2
    return [leg for leg, _ in opened], [sent for _, sent in opened], again

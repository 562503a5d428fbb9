"""stop → recording.completed, and its URL fetchable that moment: the same for ten seconds and for hours."""

import asyncio
import time

import pytest

from tests.e2e import engine
from tests.e2e.product import http, until

pytestmark = pytest.mark.fault

P95_MAX = 1.0
HOUR = 3600


def test_the_length_of_a_call_does_not_show_in_its_end(start, receiver, campaign):
    product = start()  # chunks of ten seconds, as they are by default
    product.endpoint(receiver, "recording.requested", "recording.ended")
    hours, fours, shorts = campaign.size(1, 5), campaign.size(0, 2), campaign.size(20, 100)
    sessions = [one for _, one in product.sessions(hours + fours + shorts)]
    waits = {}
    for name, seconds, count in [("10 s", 10, shorts), ("1 h", HOUR, hours), ("4 h", 4 * HOUR, fours)]:
        taken = [sessions.pop() for _ in range(count)]
        waits[name] = sorted(_waits(product, receiver, taken, seconds, campaign))
    short = waits.pop("10 s")
    p50, p95 = short[len(short) // 2], short[-(-len(short) * 95 // 100) - 1]
    told = "; ".join(
        f"the worst of {len(times)} of {name} {max(times):.2f} s" for name, times in waits.items() if times
    )
    campaign.tell(
        f"stop to completed: {shorts} calls of 10 s p50 {p50:.2f} p95 {p95:.2f} max {short[-1]:.2f} s; {told}"
    )
    assert p95 <= P95_MAX
    for times in waits.values():
        assert all(taken <= short[-1] * 1.5 + 0.3 for taken in times)
    product.await_health()


def _waits(product, receiver, sessions, seconds, campaign):
    """`_wait` of each, one after the other; twenty at a time are started beforehand, so that their cooldowns pass."""
    for first in range(0, len(sessions), 20):
        began = {}
        for session in sessions[first : first + 20]:
            assert product.command(session, "start").status == 202
            began[session] = time.monotonic()
        for session, moment in began.items():
            yield _wait(product, receiver, session, seconds, campaign, began=moment)


def _wait(product, receiver, session, seconds, campaign, *, began):
    """Seconds from the stop to recording.completed of a call that was streamed as fast as it goes; what its URL gives
    at that moment is every byte that was sent."""
    url = receiver.wait("recording.requested", session)[1]["stream_url"]
    sent = engine.noise(seconds, seed=campaign.seed + seconds)

    async def call():
        leg = await engine.Leg(url, sent).open()
        await leg.send(pace=0, piece=engine.FRAME if seconds == 10 else 32_000)
        # In a real call storage keeps up: what is not stored at the stop is the last chunk.
        kept_up = lambda: product.received(leg.recording) >= len(sent) - 160_000  # noqa: E731 - a thread's one line
        await asyncio.to_thread(until, kept_up, seconds=120, what=f"storage keeps up with {leg.recording}")
        await asyncio.sleep(max(0.0, began + 2.05 - time.monotonic()))
        stopped = time.monotonic()
        assert (await asyncio.to_thread(product.command, session, "stop")).status == 202
        assert await leg.gone() == 1000
        return stopped

    stopped = asyncio.run(call())
    came, completed = receiver.wait("recording.completed", session)
    last = http.request("GET", completed["recording_url"], headers={"Range": "bytes=-1000"})
    assert (last.status, last.data) == (206, sent[-1000:])
    assert http.request("GET", completed["recording_url"]).data[44:] == sent
    return came - stopped

"""A call in, its audio out: what engines send is what integrators fetch."""

import asyncio
import wave

import numpy as np
import pytest
import soxr

from recordings.audio import pcm
from tests.e2e import engine
from tests.e2e.product import http, until

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["product", "on_postgres"])
def anywhere(request):
    return request.getfixturevalue(request.param)


def test_what_an_engine_asked_by_webhook_sends_comes_back_bit_for_bit(anywhere, receiver):
    """record/start → recording.requested → the engine streams → record/stop → recording.completed → its URL."""
    sent = engine.noise(6.31, seed=1)
    anywhere.endpoint(receiver, "recording.requested", "command.result", "recording.ended")
    [(call, session)] = anywhere.sessions(1)
    accepted = anywhere.command(session, "start")
    assert accepted.status == 202
    uid = accepted.json()["operation_id"]
    requested = receiver.wait("recording.requested", session)[1]
    assert requested["command_uid"] == uid

    async def stream():
        leg = await engine.Leg(requested["stream_url"], sent).open()
        await leg.send(pace=3)
        arrived = lambda: anywhere.received(leg.recording) >= len(sent) * 2 // 3  # noqa: E731 - what all but the last chunks hold
        await asyncio.to_thread(until, arrived, seconds=10, what="the audio is in storage while the call runs")
        stopped = await asyncio.to_thread(anywhere.command, session, "stop")
        assert stopped.status == 202
        assert await leg.gone() == 1000
        return leg

    leg = asyncio.run(stream())
    completed = receiver.wait("recording.completed", session)[1]
    assert completed["command_uid"] == uid
    assert completed["duration"] == pytest.approx(6.31)
    assert [body["sequence"] for _, body in receiver.heard if "sequence" in body] == [1, 2, 3]
    assert receiver.complaints == []
    assert completed["recording_url"].startswith(anywhere.url)
    fetched = http.request("GET", completed["recording_url"])
    assert fetched.status == 200
    assert fetched.headers["Content-Type"] == "audio/wav"
    assert fetched.data[44:] == sent
    [listed] = anywhere.of_call(call)
    assert (listed["id"], listed["durationMs"]) == (leg.recording, 6310)
    assert anywhere.pcm(leg.recording) == sent


def test_an_engine_that_connects_unasked_gets_its_recording(anywhere):
    sent = engine.noise(5.5, seed=2)
    recording = engine.play(f"{anywhere.stream_url}?from=%2B15550100&to=%2B15550199", sent)
    anywhere.await_end(recording)
    assert anywhere.pcm(recording) == sent
    doctor = anywhere.manage_one("doctor")
    assert doctor.returncode == 0, doctor.stdout


def test_ulaw_is_expanded_by_the_table_of_g711(product, tmp_path):
    """All 256 codes over and over: the engine in a box compresses, capture expands, and the table is met."""
    codes = np.tile(np.arange(256, dtype=np.uint8), 100).tobytes()
    table = pcm.decode(codes, pcm.Encoding.ULAW)
    path = tmp_path / "codes.wav"
    _write(path, table, rate=8000)
    url = f"{product.stream_url}"
    placed = product.manage_one("place_call", path, "--url", url, "--protocol", "asterisk-ulaw", "--speed", "0")
    assert placed.returncode == 0, placed.stderr
    recording = placed.stdout.strip()
    product.await_end(recording)
    assert product.pcm(recording) == table.tobytes()
    assert _g711(codes[:256]) == table[:256].tolist()


def _g711(codes):
    """ITU-T G.711, table 2a, written out as its formula: sign, 3 bits of segment, 4 of step, all inverted."""
    values = []
    for code in codes:
        sign, segment, step = ~code & 0x80, ~code >> 4 & 7, ~code & 15
        magnitude = ((2 * step + 33) << segment) - 33 << 2
        values.append(-magnitude if sign else magnitude)
    return values


def test_sixteen_kilohertz_stays_beside_the_resampler_in_one_piece(product, tmp_path):
    rng = np.random.default_rng(3)
    seconds = np.arange(16_000 * 7) / 16_000
    wave_in = 9000 * np.sin(2 * np.pi * (200 + 180 * seconds) * seconds) + rng.normal(0, 1500, seconds.size)
    samples = np.clip(wave_in, -32_768, 32_767).astype("<i2")
    recording = engine.play(f"{product.stream_url}?rate=16000", samples.tobytes(), frame=640, piece=1280)
    product.await_end(recording)
    stored = np.frombuffer(product.pcm(recording), dtype="<i2").astype(float)
    once = soxr.resample(samples, 16_000, 8000).astype(float)
    assert stored.size == 7 * 8000
    worst = max(
        np.sqrt(np.mean((stored[first : first + 160] - once[first : first + 160]) ** 2))
        for first in range(0, once.size, 160)
    )
    level = 20 * np.log10(max(worst, 1e-9) / 32_768)
    assert level <= -60, f"20 ms differ by {level:.1f} dBFS"


def test_two_sockets_of_one_call_are_mixed(product, tmp_path):
    """Loud enough to overflow: the sum saturates, sample for sample."""
    rng = np.random.default_rng(4)
    left, right = (rng.integers(-32_768, 32_767, 8000 * 3, dtype="<i2") for _ in range(2))
    stereo = pcm.join_channels([left, right]).tobytes()
    recording = engine.play(f"{product.stream_url}?channels=2", stereo, frame=640, piece=1280)
    product.await_end(recording)
    mixed = np.clip(left.astype(int) + right, -32_768, 32_767).astype("<i2")
    assert product.pcm(recording) == mixed.tobytes()


def _write(path, samples, *, rate):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())

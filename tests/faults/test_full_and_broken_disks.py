"""Storage that refuses, and a disk that is full: calls go on, what was kept stays good, and the doctor says so."""

import asyncio
import os
import subprocess
import time

import pytest

from tests.e2e import engine
from tests.e2e.product import http, until

pytestmark = pytest.mark.fault

MEBIBYTE = 1 << 20


def test_storage_may_refuse_for_a_while(start, campaign):
    """The folder of the stored audio is taken away under live calls, and comes back."""
    product = start(CAPTURE_CHUNK_SECONDS="1")
    files, aside = product.data / "files", product.data / "files-aside"
    away = campaign.size(5, 60)
    lengths = [2, away / 2 + 2, away + 4]  # one ends before, one within, one after

    async def play():
        legs = [engine.Leg(product.stream_url, engine.noise(s, seed=campaign.seed + n)) for n, s in enumerate(lengths)]
        tasks = [asyncio.create_task(call(leg)) for leg in legs]
        await asyncio.sleep(3)
        files.rename(aside)
        files.write_text("a file stands where the folder was: even root cannot write below it")
        try:
            await asyncio.sleep(away / 2)
            doctor = await asyncio.to_thread(product.manage_one, "doctor")
            late = await engine.Leg(product.stream_url, engine.noise(1, seed=campaign.seed + 9)).open()
            await late.send()
            await late.hang_up()
            await asyncio.sleep(away / 2)
        finally:
            files.unlink()
            aside.rename(files)
        back = time.monotonic()
        await asyncio.gather(*tasks)
        return [*legs, late], doctor, back

    async def call(leg):
        await leg.open()
        await leg.send()
        await leg.hang_up()
        assert leg.close_code == 1000

    legs, doctor, back = asyncio.run(play())
    assert doctor.returncode == 1
    assert "BAD   storage" in doctor.stdout
    for leg in legs:
        product.await_end(leg.recording, seconds=60)
    waited = time.monotonic() - back
    for leg in legs:
        assert product.pcm(leg.recording) == leg.pcm
    product.await_health()
    campaign.tell(f"storage away for {away} s under {len(legs)} calls: every byte kept, all ended {waited:.0f} s after")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MiB of its own."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a file system cannot be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_costs_no_call_what_it_had(small_disk, start, campaign):
    """First only little is left: new calls are refused, old ones go on. Then nothing: they end with what they have."""
    capture = small_disk / "capture"
    product = start(CAPTURE_DIR=str(capture), CAPTURE_MIN_FREE_BYTES=str(16 * MEBIBYTE), CAPTURE_CHUNK_SECONDS="60")
    ballast = small_disk / "ballast"

    async def play():
        early = [engine.Leg(product.stream_url, engine.noise(60, seed=campaign.seed + n)) for n in range(4)]
        sending = [asyncio.create_task((await leg.open()).send()) for leg in early]
        await asyncio.sleep(1)
        _fill(ballast, leaving=8 * MEBIBYTE, folder=small_disk)
        status, sentence = await _refusal(product)
        doctor = await asyncio.to_thread(_doctor_says, product, "BAD   capture")
        ready = await asyncio.to_thread(http.request, "GET", f"{product.url}/readyz")
        assert not any(task.done() for task in sending)  # those that were there go on
        _fill(ballast, leaving=0, folder=small_disk)
        before = [leg.sent for leg in early]
        codes = await asyncio.gather(*(leg.gone() for leg in early))
        await asyncio.gather(*sending)
        ballast.unlink()
        await asyncio.to_thread(until, lambda: _takes_calls(product), seconds=15, what="calls are taken again")
        return early, before, codes, (status, sentence), doctor, ready

    early, before, codes, refusal, doctor, ready = asyncio.run(play())
    assert refusal[0] == 503
    assert "disk is full" in refusal[1]
    assert "disk is full" in doctor
    assert (ready.status, ready.json()["checks"]["capture"]) == (503, "bad")
    assert codes == [1011] * len(early)
    lost = []
    for leg, sent in zip(early, before, strict=True):
        product.await_end(leg.recording, seconds=60)
        kept = product.pcm(leg.recording)
        assert kept == leg.pcm[: len(kept)]
        lost.append((sent - len(kept)) / engine.BYTES_PER_MS)
    assert max(lost) <= 500
    sent = engine.noise(3, seed=campaign.seed)
    recording = engine.play(product.stream_url, sent)
    product.await_end(recording)
    assert product.pcm(recording) == sent
    product.await_health()
    campaign.tell(
        f"disk full under {len(early)} calls: new ones 503, doctor says so, old ones kept all but "
        f"{max(0, *lost):.0f} ms of what came before it was full; calls are taken again once there is room"
    )


def _fill(ballast, *, leaving, folder):
    """Let the ballast grow until `leaving` bytes are left on the folder's file system."""
    with ballast.open("ab", buffering=0) as file:
        while (room := _free(folder) - leaving) > 0:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(4096, min(room, MEBIBYTE)))
            except OSError:
                return  # full


def _free(folder):
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


async def _refusal(product):
    """The status and the sentence that new calls get once the process has noticed."""
    for _ in range(40):
        try:
            leg = await engine.Leg(product.stream_url, b"").open()
            await leg.hang_up()
        except engine.InvalidStatus as refusal:
            return refusal.response.status_code, refusal.response.body.decode()
        await asyncio.sleep(0.1)
    raise AssertionError("new calls are still taken")


def _doctor_says(product, words):
    return until(lambda: said if words in (said := product.manage_one("doctor").stdout) else "", seconds=20, what=words)


def _takes_calls(product):
    try:
        engine.play(product.stream_url, engine.noise(0.1, seed=0))
    except engine.InvalidStatus:
        return False
    return True

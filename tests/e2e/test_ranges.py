"""Any byte range at any moment: after the end, while the call runs, and across assembly."""

import asyncio
import random
import socket
import time

import pytest

from tests.e2e import engine
from tests.e2e.product import http, until

pytestmark = pytest.mark.e2e

UNKNOWN = b"\xff\xff\xff\xff"


def _asked(rng, size):
    """A Range header of every form, and the bytes (first, last + 1) it means of a file of `size`; None: 416."""
    first, last = sorted(rng.randrange(size) for _ in range(2))
    match rng.randrange(6):
        case 0:
            return f"bytes={first}-{last}", (first, last + 1)
        case 1:
            return f"bytes={first}-", (first, size)
        case 2:
            suffix = rng.randrange(1, size * 2)
            return f"bytes=-{suffix}", (max(0, size - suffix), size)
        case 3:
            return f"bytes={first}-{size + last}", (first, size)
        case 4:
            return f"bytes={size + first}-{size + last}", None
        case _:
            return f"bytes={first}-{first}", (first, first + 1)


def test_every_form_of_range_after_the_end(product):
    sent = engine.noise(9.7, seed=21)
    recording = engine.play(product.stream_url, sent)
    product.await_end(recording)
    whole = product.wav(recording)
    etag = whole.headers["ETag"]
    assert whole.data[44:] == sent
    rng = random.Random(2100)
    for _ in range(200):
        header, expected = _asked(rng, len(whole.data))
        reply = product.wav(recording, Range=header)
        if expected is None:
            assert (reply.status, reply.headers["Content-Range"]) == (416, f"bytes */{len(whole.data)}"), header
            continue
        first, last = expected
        assert reply.status == 206, header
        assert reply.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(whole.data)}", header
        assert reply.data == whole.data[first:last], header
        assert reply.headers["ETag"] == etag
    assert product.wav(recording, Range="bytes=5-9", **{"If-Range": etag}).status == 206
    assert product.wav(recording, Range="bytes=5-9", **{"If-Range": '"another"'}).data == whole.data


def test_ranges_while_the_call_runs_are_what_the_whole_will_hold(product):
    """Snapshots taken while audio flows: each a piece of what is sent, from byte 44 on as it will be for ever."""
    sent = engine.noise(12, seed=22)
    rng = random.Random(2200)
    taken = []

    async def call():
        leg = await engine.Leg(product.stream_url, sent).open()
        reading = asyncio.create_task(asyncio.to_thread(snapshots, leg.recording))
        await leg.send(pace=2.5)
        await reading
        await leg.hang_up()
        return leg.recording

    def snapshots(recording):
        until(lambda: product.received(recording) > 32_000, seconds=10, what="two seconds are there")
        for _ in range(40):
            first = rng.randrange(32_000)
            header = rng.choice([f"bytes={first}-", f"bytes={first}-{first + rng.randrange(1, 60_000)}"])
            reply = product.wav(recording, Range=header)
            assert reply.status == 206
            span, total = reply.headers["Content-Range"].removeprefix("bytes ").split("/")
            assert total == "*"
            assert "ETag" not in reply.headers
            start, stop = (int(number) for number in span.split("-"))
            assert (start, stop - start + 1) == (first, len(reply.data))
            taken.append((first, reply.data))
            time.sleep(0.02)

    recording = asyncio.run(call())
    product.await_end(recording)
    assert product.pcm(recording) == sent
    running = b"RIFF" + UNKNOWN + product.wav(recording).data[8:40] + UNKNOWN + sent
    assert len({len(data) for _, data in taken}) > 10
    for first, data in taken:
        assert data == running[first : first + len(data)]


def test_file_wav_of_a_session_follows_the_call_to_its_end(product, receiver):
    sent = engine.noise(8, seed=23)
    product.endpoint(receiver, "recording.requested")
    [(_, session)] = product.sessions(1)
    product.command(session, "start")
    url = receiver.wait("recording.requested", session)[1]["stream_url"]
    headers = {"X-App-ID": product.app, "X-API-Key": product.key}

    def follow():
        return http.request("GET", f"{product.url}/api/v1/sessions/{session}/recording/file.wav", headers=headers)

    async def call():
        leg = await engine.Leg(url, sent).open()
        await leg.send(stop=32_000, pace=4)
        following = asyncio.create_task(asyncio.to_thread(follow))
        await leg.send(pace=4)
        await leg.hang_up()
        return await following

    followed = asyncio.run(call())
    assert followed.status == 200
    assert followed.data[4:8] == UNKNOWN
    assert followed.data[44:] == sent


def test_a_download_runs_on_across_assembly_and_the_removal_of_the_chunks(product):
    """A slow reader begins when the call has ended; meanwhile the file is assembled and every chunk goes."""
    sent = engine.noise(1200, seed=24)
    recording = engine.play(product.stream_url, sent, piece=65_536)
    product.await_end(recording)
    drop = f"""
from datetime import timedelta
from recordings import assembly
from recordings.models import AudioFile, Chunk
from workspaces.clock import now
files = AudioFile.objects.filter(recording="{recording}", rendition="track-0")
chunks = Chunk.objects.filter(track__recording="{recording}")
print(chunks.count() > 100)
assembly.assemble("{recording}")
files.update(tm_create=now() - timedelta(hours=2))  # as if the hour that chunks are kept for were over
assembly.assemble("{recording}")
print(files.count(), chunks.count())
"""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # the server must still be reading at the end
        reader.settimeout(30)
        reader.connect(("127.0.0.1", product.port))
        request = f"GET /api/recordings/{recording} HTTP/1.0\r\nHost: 127.0.0.1\r\nx-api-key: {product.key}\r\n\r\n"
        reader.sendall(request.encode())
        got = reader.recv(65_536)
        assert product.inside(drop) == ["True", "1", "0"]
        parts = [got]
        while part := reader.recv(1 << 20):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"200"
    assert body[44:] == sent
    assert product.pcm(recording) == sent

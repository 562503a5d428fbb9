import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from recordings import lifecycle
from recordings.capture import door
from recordings.capture.door import parse
from recordings.errors import StreamRefused
from recordings.models import Stream
from recordings.states import EndReason
from tests.builders import BUILDER, tone
from tests.recordings.capture.engines import dial
from tests.recordings.capture.nodes import eventually
from tests.recordings.capture.wires import BINARY, Wire, close_frame, frame, request

pytestmark = pytest.mark.sqlite


def ask(node, sent):
    with Wire(node.port) as wire:
        wire.send(sent)
        answer = wire.answer()
        assert wire.at_end()
        return answer


# --- Answers without an upgrade -------------------------------------------------------------------------------------


def test_a_balancer_sees_that_it_lives(node):
    status, headers, body = ask(node, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, body) == (200, b"ok\n")
    assert headers["connection"] == "close"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("/capture/x", method="POST"), 426),
        (b"GET /capture/x HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (request("/elsewhere"), 400),
        (request("/captured/x"), 400),
        (request("/capture/x?at_ms=-1"), 400),
        (request("/capture/x?at_ms=1e3"), 400),
        (request("/capture/x?at_ms=1234567890123"), 400),
        (b"\x16\x03\x01\x02\x00 hello over TLS\r\n\r\n", 400),
        (b"GET /capture/x HTTP/1.0\r\n\r\n", 400),
        (b"GET capture/x HTTP/1.1\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\n\r\n", 400),
        (b"GET /capture/x HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /capture/x HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (request("/capture/wrong"), 401),
        (request("/capture"), 401),
        (request("/capture/"), 401),
    ],
)
def test_what_is_no_engine_is_told_so(node, sent, status):
    assert ask(node, sent)[0] == status
    assert not Stream.objects.exists()


def test_who_has_no_token_is_told_how_to_bring_one(node):
    _, headers, body = ask(node, request("/capture/wrong"))
    assert headers["www-authenticate"].startswith("Basic ")
    assert body == b"The token is missing, wrong or expired\n"


def test_a_recording_that_was_stopped_is_a_conflict(node, token, recording):
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    with pytest.raises(InvalidStatus) as refused:
        dial(node.url(token))
    assert refused.value.response.status_code == 409
    assert refused.value.response.body == b"The recording is stopping and takes no audio\n"


def test_a_fault_of_ours_is_a_500_and_no_silence(monkeypatch, node, token):
    from recordings.capture import admission

    def broken(*args, **kwargs):
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr(admission, "admit", broken)
    status, _, body = ask(node, request(f"/capture/{token}"))
    assert (status, body) == (500, b"Something went wrong here\n")


def test_a_slow_head_is_answered(monkeypatch, node):
    monkeypatch.setattr(door, "HEAD_SECONDS", 0.3)
    with Wire(node.port) as wire:
        wire.send(b"GET /capture/x HTTP/1.1\r\n")
        assert wire.answer()[0] == 408
        assert wire.at_end()


@pytest.mark.parametrize("ended", [b"", b"\r\n\r\n"])
def test_a_huge_head_is_refused(node, token, ended):
    with Wire(node.port) as wire:
        wire.send(b"GET /capture/" + token.encode() + b" HTTP/1.1\r\nX-Long: " + b"x" * 16_400 + ended)
        assert wire.answer()[0] == 431
    assert not Stream.objects.exists()


def test_a_large_head_is_taken(node, token):
    with Wire(node.port) as wire:
        headers = wire.upgrade(f"/capture/{token}", headers=["X-Long: " + "x" * 15_000])
        assert headers["upgrade"].lower() == "websocket"


def test_an_engine_that_goes_while_it_waits_leaves_a_closed_row(node, token, recording):
    from django.db import transaction

    from recordings.models import Recording

    with Wire(node.port) as wire, transaction.atomic():
        Recording.objects.select_for_update().get(pk=recording.id)
        Recording.objects.filter(pk=recording.id).update(node_id="held")
        wire.send(request(f"/capture/{token}"))
        time.sleep(0.2)
        wire.reset()
        time.sleep(0.2)
    stream = eventually(lambda: Stream.objects.filter(closed_at__isnull=False).first(), what="the row's close")
    assert stream.frames_received == 0


def test_an_upgrade_that_is_none_is_closed(node, token):
    """No Sec-WebSocket-Key: the row was opened, and is closed again."""
    sent = f"GET /capture/{token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    with Wire(node.port) as wire:
        wire.send(sent.encode())
        assert wire.answer()[0] == 400
        assert wire.at_end()
    stream = eventually(lambda: Stream.objects.filter(closed_at__isnull=False).first(), what="the row's close")
    assert (stream.frames_received, stream.close_reason) == (0, "its upgrade was not a WebSocket's")


# --- The upgrade ----------------------------------------------------------------------------------------------------


def test_frames_right_behind_the_head_are_audio(node, token, kept):
    said = tone(20_000)
    with Wire(node.port) as wire:
        audio = b"".join(frame(BINARY, said[first : first + 320]) for first in range(0, len(said), 320))
        wire.send(request(f"/capture/{token}") + audio + close_frame(1000))
        assert wire.answer()[0] == 101
        assert wire.receive_close()[0] == 1000
    kept.closed()
    assert kept.heard() == said


def test_the_head_may_be_cut_at_every_byte(node):
    """One connection per byte: each half is a segment of its own."""
    sent = request("/capture/not-a-token")
    for cut in range(1, len(sent)):
        with Wire(node.port) as wire:
            wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.send(sent[:cut])
            time.sleep(0.001)
            wire.send(sent[cut:])
            assert wire.answer()[0] == 401, cut


def test_the_head_may_come_byte_by_byte(node, token, kept):
    with Wire(node.port) as wire:
        for byte in request(f"/capture/{token}"):
            wire.send(bytes([byte]))
        assert wire.answer()[0] == 101
        wire.send(frame(BINARY, tone(160)) + close_frame(1000))
        wire.receive_close()
    kept.closed()
    assert kept.heard() == tone(160)


@pytest.mark.parametrize(
    ("offered", "answered"), [(["media"], "media"), (["x", "audio.drachtio.org"], "audio.drachtio.org"), ([], None)]
)
def test_the_subprotocol_is_answered(node, token, offered, answered):
    with connect(node.url(token), subprotocols=offered or None) as engine:
        assert engine.subprotocol == answered


# --- Pure parts -----------------------------------------------------------------------------------------------------


def test_a_head_is_read():
    method, handshake = parse(
        b"GET /capture/t?rate=16000&x=%C3%A9&empty= HTTP/1.1\r\nHOST: h\r\nX-A: 1\r\nx-a:2\r\n"
        b"Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c"
    )
    assert method == "GET"
    assert handshake.path == "/capture/t"
    assert handshake.query == {"rate": "16000", "x": "é", "empty": ""}
    assert handshake.headers["x-a"] == "1, 2"
    assert handshake.subprotocols == ("a", "b", "c")


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"GET /" + tail + b" HTTP/1.1\r\na: b"))
def test_no_head_makes_the_parser_fall_over(head):
    refused = []
    try:
        method, handshake = parse(head)
    except StreamRefused as refusal:
        refused.append(refusal.fault)
    else:
        assert method == head.split(b" ")[0].decode("latin-1")
        assert handshake.path.startswith("/") or head.split(b" ")[1].startswith(b"//")
    assert refused in ([], ["request"])

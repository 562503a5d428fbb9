import errno
import os
import random
import socket as sockets
import struct
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from calls.models import Call
from recordings import lifecycle
from recordings.audio import pcm
from recordings.capture import connection as connections
from recordings.capture import spool as spools
from recordings.states import EndReason, State
from tests.builders import BUILDER, tone
from tests.recordings.capture.engines import speak
from tests.recordings.capture.nodes import eventually
from tests.recordings.capture.wires import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Wire,
    close_frame,
    frame,
)

pytestmark = pytest.mark.sqlite


@pytest.fixture
def wire(node, token):
    with Wire(node.port) as wire:
        wire.upgrade(f"/capture/{token}")
        yield wire


def hang_up(wire):
    wire.send(close_frame(1000))
    assert wire.receive_close()[0] == 1000
    assert wire.at_end()


# --- Audio ----------------------------------------------------------------------------------------------------------


def test_what_is_said_is_what_is_kept(node, token, kept):
    said = tone(3 * 8000 + 17)
    with connect(node.url(token)) as socket:
        assert socket.response.headers["X-Recording-Id"] == str(kept.id)
        speak(socket, said)
    (stream,) = kept.closed()
    assert kept.heard() == said
    assert stream.frames_received == 3 * 8000 + 17
    assert stream.close_reason == "closed with 1000"
    row = kept.end()
    assert (row.status, row.end_reason, row.duration_ms) == (State.ENDED, EndReason.HANGUP, 3002)


def test_two_channels_are_two_tracks(node, token, kept):
    caller, callee = tone(9000, seed=1), tone(9000, seed=2)
    joined = pcm.join_channels([pcm.decode(side, pcm.Encoding.L16) for side in (caller, callee)]).tobytes()
    with connect(node.url(token, channels=2)) as socket:
        speak(socket, joined, frame_bytes=640)
    kept.closed()
    assert kept.heard("inbound") == caller
    assert kept.heard("outbound") == callee


def test_asterisk_speaks_ulaw(node, token, kept):
    said = bytes(random.Random(1).randbytes(12_345))
    with connect(node.url(token), subprotocols=["media"]) as socket:
        assert socket.subprotocol == "media"
        socket.send("MEDIA_START connection_id:c channel:PJSIP/1 channel_id:1700.1 format:ulaw")
        speak(socket, said, frame_bytes=160)
    kept.closed()
    assert kept.heard() == pcm.decode(said, pcm.Encoding.ULAW).tobytes()
    assert kept.stream().protocol == "asterisk"


def test_messages_may_be_cut_anywhere(wire, kept):
    """Fragments, odd sizes, empty messages, a ping in between: the bytes are the same."""
    said, dice, at = tone(20_000), random.Random(2), 0
    while at < len(said):
        size = dice.choice([0, 1, 3, 125, 126, 319, 320, 5001])
        piece, at = said[at : at + size], at + size
        cut = dice.randint(0, len(piece))
        if dice.random() < 0.5:
            wire.send(frame(BINARY, piece[:cut], fin=False) + frame(PING, b"x") + frame(CONTINUATION, piece[cut:]))
        else:
            wire.send(frame(BINARY, piece))
    hang_up(wire)
    kept.closed()
    assert kept.heard() == said


def test_an_odd_byte_at_the_end_is_no_frame(wire, kept):
    said = tone(801)
    wire.send(frame(BINARY, said + b"\x7f"))
    hang_up(wire)
    assert kept.closed()[0].frames_received == 801
    assert kept.heard() == said


def test_frames_split_over_reads_come_together(wire, kept):
    said = tone(400)
    for byte in frame(BINARY, said) + frame(BINARY, said)[:60]:
        wire.send(bytes([byte]))
    wire.close()
    assert kept.closed()[0].frames_received == 400, "the second frame never became whole"
    assert kept.heard() == said


# --- Text -----------------------------------------------------------------------------------------------------------


def test_text_is_kept_with_the_call_and_closes_nothing(node, wire, recording, kept):
    wire.send(frame(TEXT, b'{"uuid": "fs-', fin=False) + frame(CONTINUATION, b'77", "caller": "+49301"}'))
    wire.send(frame(TEXT, b"x" * 65_536) + frame(TEXT, "\0\ud83d".encode("utf-8", "surrogatepass")))
    said = tone(320)
    wire.send(frame(BINARY, said))
    hang_up(wire)
    kept.closed()
    call = Call.objects.get(uuid=recording.reference_id)
    assert (call.engine_ref, call.metadata["caller"]) == ("fs-77", "+49301")
    assert call.from_number == "+15550100", "what was known before stays"
    assert kept.heard() == said


@pytest.mark.parametrize("fragments", [[65_537], [65_000, 537]])
def test_a_text_above_64_kib_closes_with_1009(wire, kept, fragments):
    said = tone(100)
    wire.send(frame(BINARY, said))
    for number, size in enumerate(fragments):
        last = number == len(fragments) - 1
        wire.send(frame(CONTINUATION if number else TEXT, b"x" * size, fin=last))
    assert wire.receive_close()[0] == 1009
    kept.closed()
    assert kept.heard() == said
    assert kept.row.end_reason == EndReason.ENGINE_ERROR


def test_a_flood_of_texts_closes_with_1008(wire, kept):
    wire.send(frame(TEXT, b"{}") * (2 * connections.MESSAGES_PER_SWEEP + 2))
    code, reason = wire.receive_close()
    assert (code, reason) == (1008, "too many messages that are no audio")
    kept.closed(count=1)
    assert kept.row.end_reason == EndReason.ENGINE_ERROR


def test_a_talkative_engine_is_no_flood(wire, kept):
    for _ in range(5):
        wire.send(frame(TEXT, b"{}") * 100)
        time.sleep(0.26)
    hang_up(wire)
    assert kept.closed()[0].close_reason == "closed with 1000"


def test_keys_are_not_kept(node, token, recording, kept):
    """They may be a card's number."""
    with connect(node.url(token), subprotocols=["media"]) as socket:
        socket.send("MEDIA_START channel_id:1700.1 format:slin")
        socket.send("DTMF_END digit:7")
        socket.send("SOMETHING_NEW digit:8")
        socket.send(tone(160))
    kept.closed()
    call = Call.objects.get(uuid=recording.reference_id)
    assert call.engine_ref == "1700.1"
    assert "7" not in call.metadata.values()
    assert kept.heard() == tone(160)


def test_an_unknown_codec_closes_with_1003(node, token, kept):
    with connect(node.url(token), subprotocols=["media"]) as socket:
        socket.send("MEDIA_START channel_id:1 format:opus")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd.code == 1003
    assert "opus" in closed.value.rcvd.reason
    kept.closed()
    assert "opus" in kept.row.end_detail


def test_audio_before_the_format_is_refused(node, token, kept):
    with Wire(node.port) as wire:
        wire.upgrade(f"/capture/{token}", headers=["Sec-WebSocket-Protocol: media"])
        wire.send(frame(BINARY, bytes(160)))
        assert wire.receive_close()[0] == 1003
    assert kept.closed()[0].frames_received == 0


# --- RFC 6455 -------------------------------------------------------------------------------------------------------


def test_a_ping_is_answered(wire):
    wire.send(frame(PING, b"are you there"))
    assert wire.receive() == (PONG, b"are you there")


def test_a_compressed_frame_closes_with_1002(wire, kept):
    said = tone(160)
    wire.send(frame(BINARY, said) + frame(BINARY, b"squeezed", rsv1=True))
    assert wire.receive_close()[0] == 1002
    kept.closed()
    assert kept.heard() == said


def test_a_frame_without_a_mask_closes_with_1002(wire, kept):
    wire.send(frame(BINARY, b"bare", masked=False))
    assert wire.receive_close()[0] == 1002
    assert kept.closed()[0].frames_received == 0


def test_a_frame_that_is_too_large_closes_with_1009(node, wire, kept):
    said = tone(160)
    wire.send(frame(BINARY, said) + frame(BINARY, bytes(1_048_577))[:2000])
    assert wire.receive_close()[0] == 1009
    assert "larger than 1048576 bytes" in kept.closed()[0].close_reason
    assert kept.heard() == said
    assert kept.row.end_reason == EndReason.ENGINE_ERROR


def test_fragments_that_are_too_large_together_close_with_1009(settings, start_node, token, kept):
    settings.CAPTURE_MAX_MESSAGE_BYTES = 65_536
    with Wire(start_node().port) as wire:
        wire.upgrade(f"/capture/{token}")
        wire.send(frame(BINARY, bytes(40_000), fin=False) + frame(CONTINUATION, bytes(40_000)))
        assert wire.receive_close()[0] == 1009
    assert kept.closed()[0].frames_received == 20_000


def test_the_largest_message_is_taken(wire, kept):
    said = tone(524_288)
    wire.send(frame(BINARY, said))
    hang_up(wire)
    assert kept.closed()[0].frames_received == 524_288
    assert kept.heard() == said


# --- How it ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "orderly"), [(1000, True), (None, True), (1001, False), (1011, False), (4000, False)])
def test_only_an_orderly_close_stops_the_recording(wire, kept, code, orderly):
    wire.send(frame(BINARY, tone(160)))
    wire.send(frame(8) if code is None else close_frame(code, "bye"))
    assert wire.receive_close()[0] == (code or 1000)
    (stream,) = kept.closed()
    assert stream.close_reason == (f"closed with {code}: bye" if code else "closed without a code")
    row = kept.row
    assert row.status == (State.STOPPING if orderly else State.RECORDING)
    assert row.due_at is not None, "the reconciler looks again, at the reconnect or at the end"


@pytest.mark.parametrize("together", [False, True])
def test_a_connection_that_breaks_waits_for_its_engine(node, token, kept, together):
    """A reset that the loop hears of in one event with the audio before it is noticed as one that comes alone is."""
    said = tone(800)
    with Wire(node.port) as wire:
        wire.upgrade(f"/capture/{token}")
        wire.send(frame(BINARY, said))
        eventually(lambda: kept.row.status == State.RECORDING)
        if together:
            node.loop.call_soon_threadsafe(time.sleep, 0.3)
            time.sleep(0.05)
        wire.send(frame(BINARY, said))
        time.sleep(0.05)
        wire.reset()
        (stream,) = kept.closed()
    assert (stream.close_reason, stream.frames_received) == ("the connection broke", 1600)
    assert kept.heard() == said * 2
    assert kept.row.status == State.RECORDING


def test_a_connection_that_ends_without_a_close_waits_for_its_engine(wire, kept):
    wire.send(frame(BINARY, tone(800)))
    wire.close()
    assert kept.closed()[0].close_reason == "the connection broke"
    assert kept.row.status == State.RECORDING
    assert kept.heard() == tone(800)


def test_an_idle_socket_is_closed(settings, start_node, token, kept):
    settings.CAPTURE_IDLE_SECONDS = 0.6
    with Wire(start_node().port) as wire:
        wire.upgrade(f"/capture/{token}")
        for _ in range(4):  # audio keeps it
            time.sleep(0.3)
            wire.send(frame(BINARY, tone(160)))
        assert kept.stream().closed_at is None
        assert wire.receive_close() == (1000, "no audio for 0.6 s")
    kept.closed()
    assert kept.row.status == State.STOPPING


def test_a_stop_closes_the_socket_and_keeps_what_the_kernel_held(node, wire, recording, kept):
    said = tone(160)
    wire.send(frame(BINARY, said))
    eventually(lambda: kept.row.status == State.RECORDING)
    assert lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    wire.send(frame(BINARY, said))
    assert wire.receive_close() == (1000, "stopped")
    kept.closed()
    assert kept.heard() == said * 2
    assert kept.end().end_reason == EndReason.REQUESTED


# --- The disk -------------------------------------------------------------------------------------------------------


def test_a_full_disk_closes_with_1011_and_keeps_what_was_before(monkeypatch, wire, kept):
    """The disk takes one odd half of a write and then nothing; a moment later it would take more."""
    said, write, room = tone(4160), os.write, [8001]

    def scarce(file, data):
        if room[0] is None:
            return write(file, data)
        if not room[0]:
            room[0] = None
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = write(file, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(spools.os, "write", scarce)
    for first in range(0, 8320, 320):
        wire.send(frame(BINARY, said[first : first + 320]))
        time.sleep(0.002)
    code, reason = wire.receive_close()
    assert (code, reason) == (1011, "the spool takes no more: No space left on device")
    (stream,) = kept.closed()
    assert stream.frames_received == 4000
    assert kept.heard() == said[:8000]
    assert kept.row.status == State.RECORDING, "the engine may come back, to this node or another"


# --- ?silence=1 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "zero", "size"), [(None, b"\0", 320), ("ulaw", b"\xff", 160), ("alaw", b"\xd5", 160)]
)
def test_silence_comes_back_where_it_was_asked_for(node, token, codec, zero, size):
    subprotocols = ["media"] if codec else None
    with connect(node.url(token, silence=1), subprotocols=subprotocols) as socket:
        if codec:
            socket.send(f"MEDIA_START channel_id:1 format:{codec}")
        began = time.monotonic()
        heard = [socket.recv(timeout=5) for _ in range(10)]
        assert time.monotonic() - began < 1
    assert heard == [zero * size] * 10


def test_nothing_comes_back_unasked(node, token):
    with connect(node.url(token)) as socket:
        socket.send(tone(160))
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)


# --- The kernel's mark ----------------------------------------------------------------------------------------------


def mark_of(node, kept):
    held = node.connection(kept.stream())._socket
    return held.getsockopt(sockets.SOL_SOCKET, sockets.SO_RCVLOWAT)


def test_the_mark_is_set_while_audio_flows_and_taken_back_in_a_pause(node, token, kept):
    with connect(node.url(token)) as socket:
        assert mark_of(node, kept) == 1
        speak(socket, tone(8000), speed=1.0)
        assert mark_of(node, kept) == 3280  # 200 ms: 3,200 bytes of audio and ten frame headers
        eventually(lambda: mark_of(node, kept) == 1, within=1.5)
        socket.ping().wait(1)
        speak(socket, tone(4800), speed=1.0)
        assert mark_of(node, kept) == 3280
    kept.closed()
    assert kept.heard() == tone(8000) + tone(4800)


def test_a_close_smaller_than_the_mark_is_noticed(node, token, kept):
    with Wire(node.port) as wire:
        wire.upgrade(f"/capture/{token}")
        for _ in range(40):
            wire.send(frame(BINARY, tone(160)))
            time.sleep(0.018)
        assert mark_of(node, kept) == 3280
        began = time.monotonic()
        wire.send(close_frame(1000))
        assert wire.receive_close()[0] == 1000
        assert time.monotonic() - began < 1
    kept.closed()
    assert kept.heard() == tone(160) * 40


def test_audio_behind_which_a_ping_came_is_in_the_spool_at_the_next_sweep(node, wire, kept):
    wire.send(frame(BINARY, tone(160)) + frame(PING))
    assert wire.receive() == (PONG, b"")
    eventually(lambda: node.connection(kept.stream()).session.received == 320, within=1)


# --- Faster than storage --------------------------------------------------------------------------------------------


def send_until_it_waits(wire, said):
    """How much of it went out before the server no longer read and the kernel's buffers were full."""
    for sent in range(0, len(said), 32_000):
        time.sleep(0.002)
        try:
            wire.send(frame(BINARY, said[sent : sent + 32_000]))
        except TimeoutError:
            return sent
    return len(said)


def test_a_socket_waits_while_storage_is_behind_and_then_goes_on(monkeypatch, node, token, kept, storage_away):
    monkeypatch.setattr(connections, "BACKLOG_HIGH", 400_000)
    monkeypatch.setattr(connections, "BACKLOG_LOW", 100_000)
    storage_away.now = True
    said = tone(4_000_000)
    with Wire(node.port) as wire:
        wire.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 65_536)
        wire.upgrade(f"/capture/{token}")
        wire.socket.settimeout(1.0)
        sent = send_until_it_waits(wire, said)
        assert sent < len(said), "the server reads on although storage is behind"
        held = node.connection(kept.stream())
        assert held._waiting
        stood = held.session.received
        time.sleep(0.6)
        assert held.session.received == stood
        assert kept.stream().closed_at is None, "a socket that waits is not idle"
        storage_away.now = False
        eventually(lambda: not held._waiting)
    (stream,) = kept.closed()
    assert stream.frames_received * 2 >= sent - 32_000
    heard = kept.heard()
    assert heard == said[: len(heard)]


def test_a_close_code_is_two_bytes(wire, kept):
    wire.send(frame(8, struct.pack("!B", 3)))
    assert wire.receive_close()[0] == 1002
    assert kept.closed()[0].close_reason == "the connection broke"

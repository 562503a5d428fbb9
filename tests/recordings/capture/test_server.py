import asyncio
import logging
import shutil
import threading
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import transaction
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from recordings import assembly, lifecycle
from recordings.capture import ledger, server, session, tokens
from recordings.capture.protocols import MediaFormat
from recordings.capture.server import CaptureServer
from recordings.capture.spool import Header, NodeFolder, StreamSpool
from recordings.models import CaptureNode, Recording, Stream
from recordings.states import EndReason, State
from tests import builders
from tests.builders import BUILDER, tone
from tests.recordings.capture.engines import Kept, dial, speak
from tests.recordings.capture.nodes import Loop, close_connections_of, eventually
from tests.recordings.capture.wires import Wire, request
from workspaces.keys import mint_stream_key, revoke

pytestmark = pytest.mark.sqlite

MONO = MediaFormat("l16", 8000, 1, ("mixed",))


def refused(url):
    """Status and sentence with which a new engine is turned away."""
    with pytest.raises(InvalidStatus) as refusal:
        dial(url)
    return refusal.value.response.status_code, refusal.value.response.body.decode().strip()


def another(recording):
    """Another recording of the same workspace, with its token."""
    other = builders.start(builders.make_call(recording.workspace))
    return other, tokens.mint(other.id)


# --- Taking streams -------------------------------------------------------------------------------------------------


def test_sockets_are_taken_from_the_moment_it_says_ready(start_node, token):
    with connect(start_node().url(token)) as socket:
        assert socket.response.status_code == 101


def test_many_streams_at_once_stay_apart(node, recording):
    calls = [another(recording) for _ in range(12)]
    sockets = [dial(node.url(token)) for _, token in calls]
    for number in range(40):
        for seed, socket in enumerate(sockets):
            socket.send(tone(6400, seed=seed)[320 * number : 320 * (number + 1)])
    for socket in sockets:
        socket.close()
    for seed, (other, _) in enumerate(calls):
        Kept(other).closed()
        assert Kept(other).heard() == tone(6400, seed=seed)


def test_legs_that_come_together_start_together_and_at_ms_has_its_say(node, token, kept):
    with connect(node.url(token, track="in")) as inbound, connect(node.url(token, track="out")) as outbound:
        speak(inbound, tone(1600))
        time.sleep(0.1)
        speak(outbound, tone(1600))
        eventually(lambda: [s.start_frame for s in kept.streams()] == [0, 0])
        with connect(node.url(token, track="x", at_ms=2500)) as third:
            speak(third, tone(800))
    starts = {stream.start_frame for stream in kept.closed(count=3)}
    assert starts == {0, 20_000}
    assert kept.end().duration_ms == 2600


def test_an_engine_that_comes_back_goes_on_in_the_same_recording(node, token, kept):
    first = dial(node.url(token))
    speak(first, tone(8000))
    first.close(1011)
    kept.closed()
    with connect(node.url(token)) as again:
        speak(again, tone(4000, seed=2))
    kept.closed(count=2)
    heard = kept.heard()
    assert heard[:16_000] == tone(8000)
    assert heard[-8000:] == tone(4000, seed=2)
    assert kept.end().status == State.ENDED


def test_an_engine_unasked_is_recorded_and_its_call_ends_with_it(node, cast):
    from calls.models import Call

    _, raw = mint_stream_key(cast.workspace)
    with connect(node.url(raw, call_id="fs-1", caller="%2B1")) as socket:
        speak(socket, tone(1600))
        recording = Recording.objects.get(pk=socket.response.headers["X-Recording-Id"])
    Kept(recording).closed()
    call = Call.objects.get(engine_ref="fs-1")
    assert (call.status, call.from_number) == ("hangup", "+1")
    assert Kept(recording).heard() == tone(1600)


def test_a_revoked_stream_key_closes_its_sockets(node, cast):
    key, raw = mint_stream_key(cast.workspace)
    with connect(node.url(raw)) as socket:
        revoke(key, actor=BUILDER)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd.reason == "stream key revoked"


def test_a_full_disk_takes_no_new_streams(settings, node, token, recording, kept):
    with connect(node.url(token)) as socket:
        settings.CAPTURE_MIN_FREE_BYTES = 1 << 60
        _, other = another(recording)
        eventually(lambda: node.server._refusal)
        status, sentence = refused(node.url(other))
        assert status == 503
        assert sentence.startswith("The recording server's disk is full (")
        speak(socket, tone(800))
        eventually(lambda: "disk is full" in CaptureNode.objects.get(pk=node.folder.node_id).trouble)
        settings.CAPTURE_MIN_FREE_BYTES = 0
        eventually(lambda: not node.server._refusal)
        dial(node.url(other)).close()
    kept.closed()
    assert kept.heard() == tone(800)


# --- The database ---------------------------------------------------------------------------------------------------


def test_a_database_that_does_not_answer_in_time_is_a_503_and_its_late_row_is_closed(
    monkeypatch, node, token, recording
):
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.4)
    with transaction.atomic():
        Recording.objects.select_for_update().get(pk=recording.id)
        Recording.objects.filter(pk=recording.id).update(node_id="held")
        status, sentence = refused(node.url(token))
        assert (status, sentence) == (503, "The database does not answer")
        assert not Stream.objects.exists()
    stream = eventually(lambda: Stream.objects.filter(closed_at__isnull=False).first(), what="the late row's close")
    assert (stream.frames_received, stream.close_reason) == (0, "the database answered too late")


def test_without_the_database_open_streams_go_on_and_new_ones_are_refused(
    monkeypatch, start_node, token, recording, kept, database_away
):
    monkeypatch.setattr(session, "LAST_RETRY_SECONDS", 0.5)
    monkeypatch.setattr(server, "BEAT_SECONDS", 0.2)
    node = start_node()
    _, other = another(recording)
    with connect(node.url(token)) as socket:
        speak(socket, tone(8000))
        eventually(lambda: kept.stream().frames_stored)
        database_away.now = True
        eventually(lambda: node.server._refusal)
        assert refused(node.url(other)) == (503, "The database does not answer")
        speak(socket, tone(16_000, seed=2))
    time.sleep(0.5)
    assert kept.stream().closed_at is None
    database_away.now = False
    kept.closed()
    assert kept.heard() == tone(8000) + tone(16_000, seed=2)
    eventually(lambda: not node.server._refusal)
    dial(node.url(other)).close()
    beat = CaptureNode.objects.get(pk=node.folder.node_id).heartbeat_at
    eventually(lambda: CaptureNode.objects.get(pk=node.folder.node_id).heartbeat_at > beat)


def test_a_database_that_fails_while_it_is_asked_is_a_503(monkeypatch, start_node, token, database_away):
    monkeypatch.setattr(server, "TICK_SECONDS", 60)  # before the node itself has noticed
    node = start_node()
    database_away.now = True
    assert refused(node.url(token)) == (503, "The database does not answer")
    database_away.now = False
    with connect(node.url(token)) as socket:
        assert socket.response.status_code == 101


def test_without_a_database_at_the_start_it_waits(start_node, database_away, token):
    database_away.now = True
    node = start_node(wait=False)
    time.sleep(0.3)
    assert node.port == 0
    database_away.now = False
    node.wait_ready()
    dial(node.url(token)).close()


def test_a_start_that_waits_can_be_stopped(start_node, database_away):
    database_away.now = True
    node = start_node(wait=False)
    time.sleep(0.3)
    node.sigterm()
    node.join()
    assert not node.alive


def test_storage_that_is_away_costs_nothing_but_time(monkeypatch, node, token, kept, storage_away):
    monkeypatch.setattr(session, "LAST_RETRY_SECONDS", 0.5)
    storage_away.now = True
    with connect(node.url(token)) as socket:
        speak(socket, tone(20_000))
    eventually(lambda: storage_away.puts >= 3)
    held = CaptureNode.objects.get(pk=node.folder.node_id)
    eventually(lambda: "streams wait" in CaptureNode.objects.get(pk=held.pk).trouble)
    assert kept.stream().frames_stored == 0
    assert not assembly.finish(kept.id), "it has not ended while audio waits"
    storage_away.now = False
    kept.closed()
    assert kept.heard() == tone(20_000)
    eventually(lambda: list(node.folder.stream_folders()) == [])
    eventually(lambda: CaptureNode.objects.get(pk=held.pk).trouble == "")


def test_it_hints_once_everything_is_stored(node, token, kept, hinted):
    with connect(node.url(token)) as socket:
        speak(socket, tone(800))
    eventually(lambda: ("recordings.tasks.finish", str(kept.id)) in hinted)
    kept.closed()
    assert kept.stream().frames_stored == 800


# --- What others left -----------------------------------------------------------------------------------------------


def leave(folder, recording, pcm, *, opened=True):
    """A stream as a killed process leaves it: its row open, its audio in the spool."""
    CaptureNode.objects.get_or_create(pk=folder.node_id, defaults={"host": "gone"})
    stream = Stream.objects.create(recording=recording, node_id=folder.node_id, protocol="test")
    if opened:
        header = Header(stream.id, recording.id, MONO, datetime.now(UTC))
        spool = StreamSpool.create(folder.stream_folder(stream.id), header)
        spool.append(pcm)
        spool.roll()
    return stream


def test_a_killed_node_finds_everything_again(start_node, recording, token, kept):
    """Killed with three streams open: one in full flow, one without audio yet, one whose last piece was stored."""
    quiet, quiet_token = another(recording)
    first = start_node()
    flowing, waiting = dial(first.url(token)), dial(first.url(quiet_token))
    speak(flowing, tone(12_345))
    eventually(lambda: first.connection(kept.stream()).session.received == 2 * 12_345)
    first.crash()
    again = start_node()
    assert again.folder.node_id == first.folder.node_id
    (stream,) = kept.closed()
    assert stream.close_reason == ledger.DIED
    assert kept.heard() == tone(12_345)
    assert kept.row.status == State.RECORDING
    (empty,) = Kept(quiet).closed()
    assert (empty.frames_received, empty.close_reason) == (0, ledger.DIED)
    eventually(lambda: list(again.folder.stream_folders()) == [])
    for socket in (flowing, waiting):
        socket.close()


def test_a_row_whose_audio_was_all_stored_closes_with_what_it_has(start_node, recording, kept, capture_settings):
    folder = NodeFolder.claim(capture_settings.CAPTURE_DIR)
    stream = leave(folder, recording, b"", opened=False)
    ledger.first_audio(stream.id, at=datetime.now(UTC), labels=("mixed",))
    Stream.objects.filter(pk=stream.id).update(frames_stored=4000)
    folder.release()
    start_node()
    assert kept.closed()[0].frames_received == 4000


def test_a_kill_between_the_last_piece_and_the_spools_end_changes_nothing(monkeypatch, start_node, token, kept):
    """The folder is half removed, the row closed: the next process neither loses nor adds a frame."""
    node = start_node()

    def stuck(*args, **kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "rmtree", stuck)
    with connect(node.url(token)) as socket:
        speak(socket, tone(6000))
    kept.closed()
    eventually(lambda: not (node.folder.stream_folders()[0] / "stream.json").exists())
    node.crash()
    monkeypatch.undo()
    again = start_node()
    eventually(lambda: list(again.folder.stream_folders()) == [])
    assert kept.closed()[0].frames_received == 6000
    assert kept.end().generation == 1


def test_another_nodes_folder_is_adopted_once_its_process_is_gone(
    monkeypatch, start_node, recording, kept, capture_settings
):
    monkeypatch.setattr(server, "ADOPT_SECONDS", 0.2)
    ours = start_node()
    theirs = NodeFolder.claim(capture_settings.CAPTURE_DIR)
    assert theirs.path.name == "node-2"
    leave(theirs, recording, tone(7000))
    empty = leave(theirs, another(recording)[0], b"", opened=False)
    time.sleep(0.6)
    assert kept.stream().frames_stored == 0, "a living process keeps its own"
    theirs.release()
    kept.closed()
    assert kept.heard() == tone(7000)
    eventually(lambda: Stream.objects.get(pk=empty.pk).closed_at)
    eventually(lambda: list(theirs.stream_folders()) == [])
    assert ours.alive
    back = eventually(lambda: NodeFolder._try(theirs.path), what="the lock of the adopted folder")
    assert back.node_id == theirs.node_id
    back.release()


def test_an_adoption_that_fails_is_tried_again(
    monkeypatch, start_node, recording, kept, capture_settings, database_away, caplog
):
    monkeypatch.setattr(server, "ADOPT_SECONDS", 0.2)
    start_node()
    theirs = NodeFolder.claim(capture_settings.CAPTURE_DIR)
    leave(theirs, recording, tone(3000))
    with caplog.at_level(logging.WARNING):
        database_away.now = True
        theirs.release()
        eventually(lambda: "abandoned streams wait for the next round" in caplog.text)
    database_away.now = False
    kept.closed()
    assert kept.heard() == tone(3000)


def test_what_cannot_be_read_stays_and_keeps_nobody_waiting(start_node, recording, kept, capture_settings, caplog):
    folder = NodeFolder.claim(capture_settings.CAPTURE_DIR)
    torn, whole = leave(folder, another(recording)[0], tone(100)), leave(folder, recording, tone(5000))
    (folder.stream_folder(torn.id) / "stream.json").write_text('{"stream": "')
    (folder.path / "streams" / "lost+found").mkdir()
    folder.release()
    with caplog.at_level(logging.ERROR):
        start_node()
        kept.closed()
    assert kept.heard() == tone(5000)
    eventually(lambda: Stream.objects.get(pk=torn.id).closed_at, what="the row of the torn stream closes")
    assert (folder.stream_folder(torn.id) / f"{0:020d}.raw").stat().st_size == 200
    assert "cannot be read" in caplog.text
    assert whole.id != torn.id


def test_audio_that_comes_back_after_the_end_amends(start_node, recording, kept, capture_settings, hinted):
    folder = NodeFolder.claim(capture_settings.CAPTURE_DIR)
    leave(folder, recording, tone(8000))
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    assert lifecycle.end_lost(recording.id, actor=BUILDER)
    assert kept.row.duration_ms == 0
    folder.release()
    start_node()
    row = eventually(lambda: Recording.objects.filter(pk=recording.id, generation=2).first(), what="the amendment")
    assert (row.status, row.duration_ms, row.end_reason) == (State.ENDED, 1000, EndReason.CAPTURE_LOST)
    assert kept.heard() == tone(8000)
    assert ("recordings.tasks.assemble", str(recording.id)) in hinted


# --- The end --------------------------------------------------------------------------------------------------------


def test_a_node_that_stops_keeps_its_calls_and_takes_no_new_ones(settings, node, token, recording, kept):
    settings.CAPTURE_DRAIN_SECONDS = 30
    _, other = another(recording)
    with Wire(node.port) as early, connect(node.url(token)) as socket:  # in this order: who came first is accepted too
        node.sigterm()
        eventually(node.server._stopping.is_set)
        time.sleep(0.1)
        early.send(request(f"/capture/{other}"))
        assert early.answer()[0] == 503, "accepted before, asked after"
        with pytest.raises(OSError, match=r"refused|reset"):
            dial(node.url(other))
        speak(socket, tone(8000), speed=2)
        assert node.alive
    node.join()
    (stream,) = kept.closed()
    assert stream.close_reason == "closed with 1000"
    assert kept.heard() == tone(8000)


def test_a_successor_takes_the_port_while_the_old_one_drains(settings, node, token, recording, kept):
    settings.CAPTURE_DRAIN_SECONDS = 30
    other, other_token = another(recording)
    with connect(node.url(token)) as socket:
        node.sigterm()
        eventually(node.server._stopping.is_set)
        folder = NodeFolder.claim(settings.CAPTURE_DIR)
        assert folder.path.name == "node-2"
        folder.release()
        successor = CaptureServer(NodeFolder.claim(settings.CAPTURE_DIR), host="127.0.0.1", port=node.port)
        ports = []

        async def serve():
            asyncio.get_running_loop().call_later(1.5, successor._stopping.set)
            await successor.run(ready=ports.append)

        loop = Loop()
        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
        eventually(lambda: ports)
        with connect(node.url(other_token)) as new:
            speak(new, tone(800, seed=2))
        speak(socket, tone(800))
        thread.join()
        for pool in (successor._doors, successor._work, successor._pulse):
            close_connections_of(pool)
        loop.close()
    node.join()
    kept.closed()
    assert kept.heard() == tone(800)
    assert Kept(other).heard() == tone(800, seed=2)


def test_at_the_deadline_calls_are_closed_with_1012(settings, node, token, kept):
    settings.CAPTURE_DRAIN_SECONDS = 0.5
    with connect(node.url(token)) as socket:
        speak(socket, tone(4000))
        node.sigterm()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "the recording server restarts")
    node.join()
    (stream,) = kept.closed()
    assert stream.close_reason == "the recording server restarts"
    assert kept.heard() == tone(4000)
    assert kept.row.status == State.RECORDING, "the engine may come back to the successor"


def test_what_could_not_be_stored_before_the_end_waits_for_the_next_process(
    monkeypatch, start_node, token, kept, storage_away
):
    monkeypatch.setattr(server, "LAST_STORES_SECONDS", 0.5)
    storage_away.now = True
    node = start_node()
    with connect(node.url(token)) as socket:
        speak(socket, tone(9000))
    node.stop()
    storage_away.now = False
    start_node()
    kept.closed()
    assert kept.heard() == tone(9000)


def test_a_life_that_fails_leaves_its_audio_in_the_spool(monkeypatch, node, token, kept, caplog):
    async def broken(self, *args, **kwargs):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(session.Session, "_stand", broken)
    with caplog.at_level(logging.ERROR), connect(node.url(token)) as socket:
        speak(socket, tone(800))
        eventually(lambda: "its audio stays in the spool" in caplog.text)
        eventually(lambda: StreamSpool.adopt(node.folder.stream_folder(kept.stream().id)).size == 1600)
    assert kept.stream().closed_at is None


def test_a_stream_that_nobody_knows_keeps_its_audio(start_node, capture_settings, monkeypatch):
    """Its row went with a database that was put back from a copy: the audio is not thrown away."""
    monkeypatch.setattr(session, "LAST_RETRY_SECONDS", 0.3)
    folder = NodeFolder.claim(capture_settings.CAPTURE_DIR)
    header = Header(uuid4(), uuid4(), MONO, datetime.now(UTC))
    spool = StreamSpool.create(folder.stream_folder(header.stream), header)
    spool.append(tone(100))
    spool.roll()
    folder.release()
    node = start_node()
    eventually(lambda: "streams wait" in CaptureNode.objects.get(pk=node.folder.node_id).trouble)
    assert spool.read(0, 200) == tone(100)

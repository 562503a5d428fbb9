"""The sweep: each thing that may be due, once whoever sweeps, and a recording's whole life by sweeps alone."""

from datetime import timedelta

import pytest

from calls import engines, webhooks
from calls.errors import EngineRefused
from calls.models import Call, DeliveryState, Event, WebhookDelivery, WebhookEndpoint
from recordings import assembly, lifecycle, reconcile, storage, tasks
from recordings.capture import ledger
from recordings.capture.ledger import Close
from recordings.capture.tokens import recording_of
from recordings.errors import StorageError
from recordings.models import AudioFile, CaptureNode, Chunk, Recording, Stream, Transition
from recordings.states import EndReason
from tests.builders import (
    BUILDER,
    close,
    ended_recording,
    make_call,
    open_stream,
    running_recording,
    start,
    store,
    tone,
)
from tests.workspaces.crowd import at_once
from workspaces import keys
from workspaces.clock import now
from workspaces.models import AuditEntry, RateWindow

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


class Notebook:
    """An engine that notes what it is asked, or refuses."""

    def __init__(self):
        self.asked = []
        self.halted = []
        self.refuses = ""

    def begin(self, call, *, stream_url):
        if self.refuses:
            raise EngineRefused(self.refuses)
        self.asked.append((call.pk, stream_url))

    def halt(self, call):
        self.halted.append(call.pk)


@pytest.fixture
def engine(monkeypatch, settings):
    notebook = Notebook()
    monkeypatch.setitem(engines.ENGINES, "external", notebook)
    settings.MEDIA_ENGINE = "external"
    settings.WAVSTREAM_URL = "ws://capture.example:8765"
    return notebook


def due(recording, **values):
    """As if the reconciler had to look now."""
    Recording.objects.filter(pk=recording.pk).update(due_at=now() - timedelta(seconds=1), **values)


def row(recording):
    return Recording.objects.get(pk=recording.pk)


def seconds_until_due(recording):
    return (row(recording).due_at - now()).total_seconds()


# --- Asking and halting -------------------------------------------------------------------------------------------


def test_the_engine_is_asked_once_in_ten_seconds(call, engine):
    recording = start(call)
    for _ in range(3):
        reconcile.ask(recording.id)
    [(asked, url)] = engine.asked
    assert asked == call.pk
    base, token = url.rsplit("/", 1)
    assert base == "ws://capture.example:8765/capture"
    assert recording_of(token) == recording.id
    Recording.objects.update(asked_at=now() - timedelta(seconds=9.5))
    reconcile.ask(recording.id)
    assert len(engine.asked) == 1
    Recording.objects.update(asked_at=now() - reconcile.ASK_AGAIN)
    reconcile.ask(recording.id)
    assert len(engine.asked) == 2


def test_of_two_who_ask_at_once_one_asks(call, engine):
    recording = start(call)
    Recording.objects.update(asked_at=now() - reconcile.ASK_AGAIN)
    moments = [reconcile.ask(recording.id) for _ in range(2)]
    assert len(moments) == 2
    assert len(engine.asked) == 1


def test_what_streams_or_is_over_is_not_asked_for(cast, call, engine):
    running, _ = running_recording(call, tone(80))
    connected = start(make_call(cast.workspace))
    Stream.objects.create(recording=connected, node=CaptureNode.objects.get())
    stopped = start(make_call(cast.workspace))
    lifecycle.stop(stopped.id, reason=EndReason.REQUESTED, actor=BUILDER)
    for recording in (running, connected, stopped):
        reconcile.ask(recording.id)
    assert engine.asked == []


def test_an_engine_that_refuses_ends_it_in_its_own_words(call, session, engine):
    recording = start(call)
    engine.refuses = "no such channel"
    reconcile.ask(recording.id)
    assert (row(recording).status, row(recording).end_reason) == ("ended", "engine_error")
    assert row(recording).end_detail == "no such channel"
    assert Event.objects.get(type="recording.ended").payload["end_reason"] == "engine_error"


def test_an_engine_that_refuses_after_a_stop_changes_nothing(call, engine, monkeypatch):
    recording = start(call)

    def refuse(call, *, stream_url):
        lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
        raise EngineRefused("the call is gone")

    monkeypatch.setattr(engine, "begin", refuse)
    reconcile.ask(recording.id)
    assert (row(recording).status, row(recording).end_reason) == ("stopping", "requested")


def test_the_engine_is_told_of_the_end(call, engine):
    reconcile.halt(start(call).id)
    assert engine.halted == [call.pk]


# --- Each case that is due ----------------------------------------------------------------------------------------


def test_what_is_not_due_is_left_alone(call, engine):
    start(call)
    assert reconcile.sweep()["recordings"] == 0
    assert engine.asked == []


def test_initiating_is_asked_for_again_and_looked_at_again(call, engine):
    recording = start(call)
    due(recording)
    assert reconcile.sweep()["recordings"] == 1
    assert len(engine.asked) == 1
    assert 4 < seconds_until_due(recording) <= 5
    assert row(recording).status == "initiating"


@pytest.mark.parametrize(("age", "status"), [(29, "initiating"), (30, "ended")])
def test_initiating_for_too_long_ends_without_audio(call, engine, settings, age, status):
    settings.CAPTURE_START_TIMEOUT = 30
    recording = start(call)
    due(recording, tm_create=now() - timedelta(seconds=age), asked_at=now() - timedelta(seconds=age))
    reconcile.sweep()
    assert row(recording).status == status
    assert row(recording).end_reason == ("no_audio" if status == "ended" else "")


def test_an_engine_that_nobody_could_ask_yet_has_its_time_from_then_on(call, engine, settings):
    """No worker ran, and no sweep: the recording waits, and gives up one time-out after the engine was asked."""
    settings.CAPTURE_START_TIMEOUT = 30
    recording = start(call)
    due(recording, tm_create=now() - timedelta(hours=1))
    reconcile.sweep()
    assert row(recording).status == "initiating"
    assert len(engine.asked) == 1
    assert 29 < seconds_until_due(recording) <= 30
    due(recording)
    reconcile.sweep()
    assert (row(recording).status, row(recording).end_reason) == ("ended", "no_audio")


def test_initiating_for_too_long_with_a_silent_socket_stops_and_ends_with_it(call, engine):
    recording = start(call)
    stream = Stream.objects.create(recording=recording, node=CaptureNode.objects.create(host="test"))
    due(recording, tm_create=now() - timedelta(minutes=1))
    reconcile.sweep()
    assert (row(recording).status, row(recording).end_reason) == ("stopping", "no_audio")
    assert ledger.to_close(stream.node_id) == {stream.pk: "stopped"}
    ledger.closed(stream.pk, Close("stopped", orderly=True), frames=0)
    due(recording)
    reconcile.sweep()
    assert row(recording).status == "ended"


@pytest.mark.parametrize(
    ("close_reason", "end_reason"), [("1006", EndReason.HANGUP), (ledger.DIED, EndReason.CAPTURE_LOST)]
)
def test_the_time_to_reconnect_is_over(call, settings, close_reason, end_reason):
    settings.CAPTURE_RECONNECT_SECONDS = 10
    recording, stream = running_recording(call, tone(800))
    ledger.closed(stream.pk, Close(close_reason, orderly=False), frames=800)
    assert 9 < seconds_until_due(recording) <= 10
    assert reconcile.sweep()["recordings"] == 0
    due(recording)
    assert reconcile.sweep()["recordings"] == 1
    assert (row(recording).status, row(recording).end_reason) == ("stopping", end_reason)
    assert Transition.objects.last().cause == "no_reconnect"
    assert Call.objects.get().status == "progressing"  # it was not ours to hang up


def test_why_the_last_socket_closed_decides(call):
    recording, first = running_recording(call, tone(800))
    second = open_stream(recording)
    ledger.closed(second.pk, Close("1006", orderly=False), frames=0)
    ledger.closed(first.pk, Close(ledger.DIED, orderly=False), frames=800)
    Stream.objects.filter(pk=second.pk).update(closed_at=now() - timedelta(seconds=5))
    due(recording)
    reconcile.sweep()
    assert row(recording).end_reason == "capture_lost"


def test_a_socket_that_came_back_in_time(call):
    recording, stream = running_recording(call, tone(800))
    ledger.closed(stream.pk, Close("1006", orderly=False), frames=800)
    open_stream(recording)
    due(recording)
    reconcile.sweep()
    assert (row(recording).status, row(recording).due_at) == ("recording", None)


def test_a_call_known_only_by_its_sockets_is_over_with_them(cast, call):
    recording, stream = running_recording(call, tone(800))
    key, _ = keys.mint_stream_key(cast.workspace)
    Stream.objects.update(stream_key=key)
    ledger.closed(stream.pk, Close("1006", orderly=False), frames=800)
    due(recording)
    reconcile.sweep()
    assert (row(recording).status, row(recording).end_reason) == ("stopping", "hangup")
    assert (Call.objects.get().status, Call.objects.get().hangup_reason) == ("hangup", "no_reconnect")


def test_stopping_is_finished_or_looked_at_again(call):
    recording, stream = running_recording(call, tone(800))
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    due(recording)
    reconcile.sweep()
    assert row(recording).status == "stopping"
    assert 4 < seconds_until_due(recording) <= 5
    close(stream)
    due(recording)
    reconcile.sweep()
    assert row(recording).status == "ended"


def test_ended_is_handed_to_the_workers(call, hinted, django_capture_on_commit_callbacks):
    recording = ended_recording(call, tone(800))
    due(recording)
    with django_capture_on_commit_callbacks(execute=True):
        reconcile.sweep()
    assert hinted == [("recordings.tasks.assemble", str(recording.id))]
    assert not AudioFile.objects.exists()  # a sweep does no long work
    assert 25 < seconds_until_due(recording) <= 30  # the lease


@pytest.mark.parametrize(("silence", "stops"), [(14, False), (16, True)])
def test_a_silent_node_stops_what_it_records(call, settings, silence, stops):
    settings.CAPTURE_NODE_SILENT_AFTER = 15
    recording, _ = running_recording(call, tone(800))
    heard = now() - timedelta(seconds=silence)
    CaptureNode.objects.update(heartbeat_at=heard, host="cap-7")
    assert reconcile.sweep()["silent nodes"] == stops
    assert row(recording).status == ("stopping" if stops else "recording")
    if stops:
        assert row(recording).end_reason == "capture_lost"
        assert row(recording).end_detail == f"The recording server cap-7 is silent since {heard:%H:%M:%S} UTC"
        assert Transition.objects.last().cause == "node_silent"
        assert reconcile.sweep()["silent nodes"] == 0


def test_a_stuck_delivery_is_hinted(cast, hinted, django_capture_on_commit_callbacks):
    endpoint = WebhookEndpoint.objects.create(workspace=cast.workspace, url="https://x.example/", secret="whsec_eA==")
    for number in range(2):
        event = Event.objects.create(workspace=cast.workspace, type=f"test.{number}")
        WebhookDelivery.objects.create(event=event, endpoint=endpoint, due_at=now() - timedelta(seconds=1))
    WebhookDelivery.objects.filter(event=event).update(status=DeliveryState.DELIVERED, due_at=None)
    stuck = WebhookDelivery.objects.get(status=DeliveryState.PENDING)
    assert webhooks.due(10) == [stuck.id]
    with django_capture_on_commit_callbacks(execute=True):
        assert reconcile.sweep()["deliveries"] == 1
    assert hinted == [("calls.tasks.deliver", str(stuck.id))]


def test_a_sweep_seals_the_audit_log_and_clears_old_windows(call):
    recording = ended_recording(call)
    lifecycle.delete(recording, actor=BUILDER)
    unsealed = AuditEntry.objects.filter(sequence=None).count()
    RateWindow.objects.create(key="old", window=0, count=1)
    done = reconcile.sweep()
    assert done["audit entries"] == unsealed > 0
    assert done["rate windows"] == 1
    assert not AuditEntry.objects.filter(sequence=None).exists()
    assert not RateWindow.objects.filter(key="old").exists()


def test_one_that_fails_does_not_hold_up_the_others_and_comes_up_again(cast, engine, caplog, monkeypatch):
    stopping = []
    for _ in range(3):
        recording = start(make_call(cast.workspace))
        lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
        stopping.append(recording)
    Recording.objects.update(due_at=now() - timedelta(seconds=1))
    finish = assembly.finish

    def failing(recording_id):
        if recording_id == stopping[0].id:
            raise StorageError("the disk is gone")
        return finish(recording_id)

    monkeypatch.setattr(assembly, "finish", failing)
    assert reconcile.sweep()["recordings"] == 2
    assert [row(recording).status for recording in stopping] == ["stopping", "ended", "ended"]
    assert str(stopping[0].id) in caplog.text
    assert "the disk is gone" in caplog.text
    assert reconcile.sweep()["recordings"] == 0  # under its lease
    monkeypatch.undo()
    due(stopping[0])
    assert reconcile.sweep()["recordings"] == 1
    assert row(stopping[0]).status == "ended"


def test_a_sweep_takes_the_oldest_first_and_not_more_than_it_can_carry(cast, monkeypatch):
    monkeypatch.setattr(reconcile, "BATCH", 2)
    recordings = [start(make_call(cast.workspace)) for _ in range(3)]
    for age, recording in enumerate(recordings):
        lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
        Recording.objects.filter(pk=recording.pk).update(due_at=now() - timedelta(seconds=60 + age))
    assert reconcile.sweep()["recordings"] == 2
    assert [row(recording).status for recording in recordings] == ["stopping", "ended", "ended"]
    assert reconcile.sweep()["recordings"] == 1


@pytest.mark.django_db(transaction=True)
def test_sweeps_in_parallel_have_one_effect(cast, engine, hinted):
    waiting, gone, stopping = [], [], []
    for kind in (waiting, gone, stopping):
        for _ in range(6):
            call = make_call(cast.workspace)
            kind.append(start(call))
    Recording.objects.filter(pk__in=[recording.pk for recording in gone]).update(
        tm_create=now() - timedelta(minutes=5), asked_at=now() - timedelta(minutes=5)
    )
    for recording in stopping:
        lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    Recording.objects.update(due_at=now() - timedelta(seconds=1))
    done = at_once(4, lambda _: reconcile.sweep())
    assert sum(sweep["recordings"] for sweep in done) == 18
    assert len(engine.asked) == 6
    assert {row(recording).status for recording in waiting} == {"initiating"}
    assert {row(recording).end_reason for recording in gone} == {"no_audio"}
    assert {row(recording).status for recording in stopping} == {"ended"}
    assert Event.objects.filter(type="recording.ended").count() == 12


# --- By sweeps alone ----------------------------------------------------------------------------------------------


def test_with_every_hint_lost_a_recording_still_ends_and_is_assembled(call, session, engine):
    """No task ever runs but those that the sweep itself hints for what has ended."""
    recording = lifecycle.start(call, actor=BUILDER)
    due(recording)
    reconcile.sweep()
    assert len(engine.asked) == 1
    stream = open_stream(row(recording))
    store(stream, tone(8000))
    ledger.closed(stream.pk, Close("1006", orderly=False), frames=8000)
    due(recording)
    reconcile.sweep()
    assert row(recording).status == "stopping"
    due(recording)
    reconcile.sweep()
    assert row(recording).status == "ended"
    assert row(recording).due_at is not None
    sweep_with_its_hints()
    assert AudioFile.objects.get(rendition="track-0").frames == 8000
    AudioFile.objects.update(tm_create=now() - assembly.KEEP_CHUNKS)
    assert Chunk.objects.exists()
    due(recording)
    sweep_with_its_hints()
    assert not Chunk.objects.exists()
    assert row(recording).due_at is None


def sweep_with_its_hints():
    """A sweep whose own hints reach their tasks."""
    from calls import hints

    with pytest.MonkeyPatch.context() as patch:
        heard = []
        patch.setattr(reconcile, "hint", lambda task, subject: heard.append((task, str(subject))))
        reconcile.sweep()
        assert hints.hint is not reconcile.hint
    for task, subject in heard:
        getattr(tasks, task.removeprefix("recordings.tasks."))(subject)


def test_with_the_hint_of_an_amendment_lost_it_is_assembled_all_the_same(call):
    recording, stream = running_recording(call, tone(800, seed=1))
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    lifecycle.end_lost(recording.id, actor=BUILDER)
    assembly.assemble(recording.id)
    store(Stream.objects.get(pk=stream.pk), tone(800, seed=2))
    ledger.settled(recording.id, late=True)
    sweep_with_its_hints()
    file = AudioFile.objects.get(rendition="track-0", generation=2)
    assert storage.read(file.key, 44, 9999) == tone(800, seed=1) + tone(800, seed=2)


def test_the_tasks_hand_an_id_to_the_domain(cast, call, engine):
    recording = start(call)
    tasks.begin(str(recording.id))
    assert len(engine.asked) == 1
    store(stream := open_stream(recording), tone(800))
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    tasks.halt(str(recording.id))
    assert engine.halted == [call.pk]
    tasks.finish(str(recording.id))
    assert row(recording).status == "stopping"
    close(stream)
    due(recording)
    tasks.reconcile()
    assert row(recording).status == "ended"
    tasks.assemble(str(recording.id))
    assert AudioFile.objects.get(rendition="track-0").frames == 800

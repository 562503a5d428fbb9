"""The page of one recording: what happened in plain sentences, facts, and strangers' text that stays text."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.lifecycle import register_conference
from calls.models import Call
from recordings import lifecycle, playback
from recordings.models import AudioFile, CaptureNode, Recording, Stream
from recordings.states import EndReason
from tests import builders
from workspaces.audit import Actor
from workspaces.models import Role

pytestmark = pytest.mark.django_db
SYSTEM = Actor.named("Tapedeck")


def text_of(desk, recording):
    reply = desk.page("recordings_recording", recording)
    assert reply.status_code == 200
    return reply.content.decode()


def stopped(cast, reason, *, detail="", sound=True):
    call = builders.make_call(cast.workspace)
    recording = builders.start(call)
    if sound:
        stream = builders.open_stream(recording)
        builders.store(stream, builders.tone(8_000))
    lifecycle.stop(recording.pk, reason=reason, actor=SYSTEM, cause=reason, detail=detail)
    for stream in recording.streams.all():
        builders.close(stream)
    assert lifecycle.end(recording.pk, actor=SYSTEM)
    return recording


@pytest.mark.parametrize(
    ("reason", "detail", "sentences"),
    [
        (EndReason.REQUESTED, "", ["Stopped by Tapedeck."]),
        (EndReason.HANGUP, "", ["The caller or the agent hung up."]),
        (EndReason.SILENCE, "", ["Nobody spoke for a while", "Change it in the flow&#x27;s step."]),
        (EndReason.KEY, "#", ["Key # was pressed, which stops the recording."]),
        (EndReason.KEY, "", ["A key stopped it."]),
        (EndReason.MAX_DURATION, "", ["It reached its limit of 0:01. The call went on.", "Raise the limit"]),
        (EndReason.NO_AUDIO, "", ["sent no sound for 30 s", "Nothing was lost here."]),
        (EndReason.ENGINE_ERROR, "486 Busy", ["refused: “486 Busy”.", "Check the engine&#x27;s settings."]),
        (EndReason.ENGINE_ERROR, "", ["Test refused."]),
    ],
)
def test_every_reason_is_a_sentence_with_a_next_step(desk, cast, reason, detail, sentences):
    text = text_of(desk, stopped(cast, reason, detail=detail))
    for sentence in sentences:
        assert sentence in text
    assert f'title="{reason}"' in text


def test_a_lost_node_is_named_with_what_is_left(desk, cast):
    recording, _ = builders.running_recording(builders.make_call(cast.workspace), builders.tone(8_000))
    CaptureNode.objects.update(host="capture-7")
    lifecycle.stop(recording.pk, reason=EndReason.CAPTURE_LOST, actor=SYSTEM)
    lifecycle.end_lost(recording.pk, actor=SYSTEM)
    text = text_of(desk, recording)
    assert "The recording server capture-7 stopped at" in text
    assert "has not come back. The first 0:01 can be played." in text
    assert "what is on its disk is added by itself" in text


def test_no_sound_says_why_in_the_players_place(desk, cast):
    recording = builders.start(builders.make_call(cast.workspace))
    text = text_of(desk, recording)
    assert "No sound yet" in text
    lifecycle.give_up(recording.pk, reason=EndReason.NO_AUDIO, actor=SYSTEM)
    text = text_of(desk, recording)
    assert "No sound reached us for this call" in text
    assert "The engine sent no sound for 30 s." in text
    assert "Ask whoever runs the engine" in text
    assert "data-player" not in text


def test_lost_without_a_stream_and_stopped_before_sound(desk, cast):
    silent = stopped(cast, EndReason.REQUESTED, sound=False)
    assert "It stopped before any sound had come." in text_of(desk, silent)
    lost = builders.start(builders.make_call(cast.workspace))
    lifecycle.give_up(lost.pk, reason=EndReason.CAPTURE_LOST, actor=SYSTEM)
    assert "The recording server went away and has not come back. No sound is left." in text_of(desk, lost)


def test_the_story_of_a_whole_recording(desk, recording):
    text = text_of(desk, recording)
    places = [
        text.index(title)
        for title in ("Asked to record", "First sound", "Asked to stop", "Ended, ready to play", "Who listened")
    ]
    assert places == sorted(places)
    assert "Everything that arrived was stored: 16,000 of 16,000 frames." in text
    assert "Through one stream from Test, 8 kHz" in text


def test_what_came_back_later_is_told(desk, recording):
    lifecycle.amend(recording.pk, actor=SYSTEM)
    text = text_of(desk, recording)
    assert "More sound was added" in text
    assert "Version" in text


def test_a_running_one_that_is_deleted_stops_and_is_told_so(desk, cast):
    recording, _ = builders.running_recording(builders.make_call(cast.workspace), builders.tone(8_000))
    lifecycle.delete(recording, actor=Actor.user(cast.staff), reason="No consent.")
    text = text_of(desk, recording)
    assert "Asked to stop" in text
    assert "By sam: “No consent.”" in text


def test_facts(desk, cast, call, recording, endpoint):
    from calls.models import Event, WebhookDelivery

    session = builders.make_session(cast.app, call=call)
    Call.objects.filter(pk=call.pk).update(engine_ref="PJSIP/17")
    other = builders.ended_recording(call)
    AudioFile.objects.create(
        recording=recording, rendition="wav", generation=1, key="k", size=32_044, frames=16_000, sha256="ab" * 32
    )
    event = Event.objects.create(workspace=cast.workspace, type="recording.ended", subject_id=recording.pk)
    delivery = WebhookDelivery.objects.create(event=event, endpoint=endpoint, status="failed", attempts=11, error="503")
    playback.record_access("listen", recording, Actor.user(cast.staff))
    text = text_of(desk, recording)
    for fact in [
        *(str(recording.pk), str(call.uuid), f"/admin/calls/call/{call.pk}/change/", session.pk, "PJSIP/17"),
        *(f"/admin/recordings/recording/{other.pk}/change/", "channel 0", "channel 1", "16000 of 16000 frames"),
        *("abababab", "31.3", "https://crm.example.com/hook", f"/webhookdelivery/{delivery.pk}/change/", "Failed"),
        *("<bdi>sam</bdi>", "no end is set"),
    ]:
        assert fact in text, fact


def test_an_open_stream_is_told_as_one(desk, cast):
    recording, _ = builders.running_recording(builders.make_call(cast.workspace), builders.tone(8_000))
    text = text_of(desk, recording)
    assert ", open" in text
    assert "8000 of – frames" in text
    stream = Stream.objects.get(recording=recording)
    Stream.objects.filter(pk=stream.pk).update(closed_at=stream.opened_at, close_reason="1011 <b>gone</b>")
    assert "closed: <bdi>1011 &lt;b&gt;gone&lt;/b&gt;</bdi>" in text_of(desk, recording)


def test_a_recording_whose_call_is_unknown(desk, recording):
    from workspaces.ids import new_id

    Recording.objects.filter(pk=recording.pk).update(reference_id=new_id())
    assert "Unknown call" in text_of(desk, recording)


def test_the_number_of_queries_does_not_grow_with_the_history(desk, cast, recording):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            text_of(desk, recording)
        return len(queries)

    text_of(desk, recording)
    few = cost()
    for _ in range(30):
        playback.record_access("download", recording, SYSTEM)
        Stream.objects.create(recording=recording, node=CaptureNode.objects.first())
    assert cost() == few
    assert few <= 22


@pytest.mark.parametrize("role", Role)
def test_what_a_role_sees(desk, recording, role):
    text = text_of(desk.of(role), recording)
    bosses = role in {Role.OWNER, Role.ADMINISTRATOR, Role.SUPERVISOR}
    assert ("data-player" in text) is (role != Role.AUDITOR)
    assert ("Your role does not listen" in text) is (role == Role.AUDITOR)
    assert ("Who listened" in text) is (bosses or role == Role.AUDITOR)
    assert ("download=1" in text) is bosses


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'


def test_strangers_text_stays_text(desk, cast, endpoint):
    call = builders.make_call(cast.workspace, from_number=EVIL, to_number=EVIL, metadata={EVIL: EVIL}, engine_ref=EVIL)
    recording, stream = builders.running_recording(call, builders.tone(8_000))
    lifecycle.stop(recording.pk, reason=EndReason.ENGINE_ERROR, actor=Actor("key", name=EVIL), detail=EVIL)
    Stream.objects.filter(pk=stream.pk).update(close_reason=EVIL, closed_at=stream.opened_at, protocol="<script>x")
    lifecycle.delete(recording, actor=Actor("key", name=EVIL), reason=EVIL)
    playback.record_access("link", recording, Actor("link", name=EVIL), {EVIL: EVIL})
    cast.workspace.name = EVIL
    cast.workspace.save()
    entry = recording.workspace
    pages = [
        desk.page("recordings_recording", recording),
        desk.page("calls_call", call),
        desk.page("workspaces_workspace", entry),
        desk.list("recordings_recording", "?deleted=with"),
        desk.list("calls_call"),
        desk.list("workspaces_auditentry"),
        desk.list("recordings_recording", f"?q={EVIL}"),
    ]
    for reply in pages:
        text = reply.content.decode()
        assert reply.status_code == 200
        assert "<script>alert" not in text
        assert "<script>x" not in text
        assert "<img src=x" not in text
        assert "49<" not in text


def test_a_conferences_recording_says_its_name(desk, cast):
    conference = register_conference(cast.workspace, name="Monday <b>round</b>")
    recording = builders.start(conference)
    shown = desk.page("recordings_recording", recording).content.decode()
    assert "Monday &lt;b&gt;round&lt;/b&gt;" in shown
    assert "Conference" in desk.list("recordings_recording").content.decode()

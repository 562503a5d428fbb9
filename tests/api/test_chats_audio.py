"""`chats`: the whole call on one timeline, who may have it, and what is no recording to it."""

from datetime import timedelta

import numpy as np
import pytest

from calls.lifecycle import move, register_conference
from calls.models import Chat
from recordings import assembly, joining, lifecycle
from recordings.audio.pcm import RATE
from recordings.models import Chunk, Recording
from tests import builders
from workspaces.clock import now
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

MISSING = (404, {"detail": "Recording not found"})
PRIVATE = (403, {"detail": "This chat is private to its participants"})


@pytest.fixture
def call(cast):
    return builders.make_call(cast.workspace)


@pytest.fixture
def chat(cast, call):
    return Chat.objects.create(workspace=cast.workspace, call=call)


def recorded(call, *channels, at=0.0, **values):
    """A recording that ended, of which frame 0 is heard `at` seconds after a fixed moment."""
    recording = builders.ended_recording(call, *channels, **values)
    start = call.tm_create + timedelta(seconds=at)
    Recording.objects.filter(pk=recording.pk).update(tm_start=start)
    recording.refresh_from_db()
    return recording


def pcm_of(reply):
    whole = b"".join(reply)
    assert reply.status_code in {200, 206}, whole
    assert reply.headers["Content-Length"] == str(len(whole))
    return whole[44:]


def both(chats, chat, **values):
    """What both addresses answer, which is to be the same error."""
    replies = [chats(chat, what, **values) for what in ("audio.wav", "download-url")]
    assert len({(reply.status_code, reply.content) for reply in replies}) == 1
    return replies[0].status_code, replies[0].json()


# --- The timeline -------------------------------------------------------------------------------------------------


def test_two_recordings_with_a_gap_stand_at_their_times(chats, chat, call):
    first, second = builders.tone(12_000, seed=1), builders.tone(8_000, seed=2)
    recorded(call, second, at=5)
    recorded(call, first, at=0)
    assert pcm_of(chats(chat)) == first + bytes(2 * (5 * RATE - 12_000)) + second


def test_a_start_between_two_frames_is_rounded_to_the_nearest(chats, chat, call):
    first, second = builders.tone(8000, seed=1), builders.tone(8000, seed=2)
    recorded(call, first)
    recorded(call, second, at=1.000_100)
    assert pcm_of(chats(chat)) == first + bytes(2) + second


def test_overlaps_are_mixed_and_clipped(chats, chat, call):
    loud = (np.full(8000, 20_000, dtype="<i2")).tobytes()
    recorded(call, loud)
    recorded(call, loud, at=0.5)
    heard = np.frombuffer(pcm_of(chats(chat)), dtype="<i2")
    assert heard.tolist() == [20_000] * 4000 + [32_767] * 4000 + [20_000] * 4000


@pytest.mark.parametrize("assembled", [False, True], ids=["from chunks", "from files"])
def test_a_conference_of_three_is_the_saturating_sum_of_three(cast, chats, assembled):
    voices = [np.random.default_rng(seed).integers(-30_000, 30_000, 20_000, dtype="<i2") for seed in (1, 2, 3)]
    conference = register_conference(cast.workspace)
    recording = builders.ended_recording(conference, *(voice.tobytes() for voice in voices))
    if assembled:
        assembly.assemble(recording.pk)
        Chunk.objects.all().delete()
    chat = Chat.objects.create(workspace=cast.workspace, conference=conference)
    expected = np.clip(np.sum(voices, axis=0, dtype=np.int64), -32_768, 32_767)
    assert np.array_equal(np.frombuffer(pcm_of(chats(chat)), dtype="<i2"), expected)


def test_segments_are_heard_only_where_no_full_call_covers_them(chats, chat, call):
    full, segment = builders.tone(8000, seed=1), builders.tone(32_000, seed=2)
    recorded(call, full, at=1)
    recorded(call, segment, at=0, recording_type="segment", node_id="ask")
    recorded(call, builders.tone(4000, seed=3), at=1.25, recording_type="segment", node_id="inside")
    heard = pcm_of(chats(chat))
    assert heard == segment[:16_000] + full + segment[32_000:]
    assert AuditEntry.objects.filter(verb="listen").count() == 2  # the third is not heard


def test_two_segments_share_their_sound_and_are_heard_once(chats, chat, call):
    whole = builders.tone(16_000)
    recorded(call, whole[:24_000], recording_type="segment", node_id="a")
    recorded(call, whole[16_000:], at=1, recording_type="segment", node_id="b")
    assert pcm_of(chats(chat)) == whole


@pytest.mark.parametrize("seconds", [13, 40])
def test_every_range_is_the_same_slice_of_the_whole(chats, chat, call, seconds):
    recorded(call, builders.tone(70_000, seed=1), builders.tone(70_000, seed=2))
    recorded(call, builders.tone(9000, seed=3), at=seconds)
    whole = b"".join(chats(chat))
    assert len(whole) == 44 + 2 * (seconds * RATE + 9000)
    for first, last in ((0, 1), (43, 45), (100_001, 150_002), (139_990, 141_000), (len(whole) - 5, len(whole))):
        part = chats(chat, Range=f"bytes={first}-{last - 1}")
        assert (part.status_code, b"".join(part)) == (206, whole[first:last])
        assert part.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(whole)}"


def test_the_etag_is_the_same_before_the_copy_is_made_and_after(chats, chat, call):
    recorded(call, builders.tone(12_000))
    before = chats(chat)
    chats(chat, "download-url")
    after = chats(chat)
    assert before.headers["ETag"] == after.headers["ETag"]
    assert b"".join(before) == b"".join(after)
    assert after.headers["Content-Type"] == "audio/wav"
    assert after.headers["Content-Disposition"] == f'inline; filename="chat-{chat.pk}.wav"'
    assert chats(chat, **{"If-None-Match": before.headers["ETag"]}).status_code == 304
    refused = chats(chat, **{"If-Match": '"another"'})
    assert (refused.status_code, refused.json()) == (412, {"detail": "The file is another one"})
    recorded(call, builders.tone(12_000), at=3)
    assert chats(chat).headers["ETag"] != before.headers["ETag"]


def test_once_stored_it_is_served_from_there(chats, chat, call):
    audio = builders.tone(12_000)
    recording = recorded(call, audio)
    chats(chat, "download-url")
    for chunk in recording.tracks.get().chunks.all():
        builders.storage.delete(chunk.key)
    assert pcm_of(chats(chat)) == audio


def test_every_recording_that_is_heard_is_on_record(cast, chats, chat, call):
    heard = [recorded(call, builders.tone(8000), at=at) for at in (0, 2)]
    for _ in range(2):
        chats(chat, Range="bytes=0-9")
    entries = AuditEntry.objects.filter(verb="listen")
    assert {entry.subject_id for entry in entries} == {str(recording.pk) for recording in heard}
    assert [(entry.actor_type, entry.data) for entry in entries] == [("key", {"chat": chat.pk})] * 2


# --- What is no recording -----------------------------------------------------------------------------------------


def test_the_call_may_go_on_once_its_recording_has_ended(chats, chat, call):
    audio = builders.tone(8000)
    recorded(call, audio)
    assert pcm_of(chats(chat)) == audio
    move(call, to="hangup", actor=builders.BUILDER)
    assert pcm_of(chats(chat)) == audio


def test_nothing_while_something_of_it_is_recorded(chats, chat, call):
    recorded(call, builders.tone(8000))
    waiting = builders.start(call)
    assert both(chats, chat) == MISSING
    builders.finish(waiting)
    assert chats(chat).status_code == 200
    running, _ = builders.running_recording(call, builders.tone(8000))
    assert both(chats, chat) == MISSING
    builders.finish(running)
    assert chats(chat).status_code == 200


def test_recording_switched_off_in_the_workspace(cast, chats, chat, call):
    recorded(call, builders.tone(8000))
    cast.workspace.recording_enabled = False
    cast.workspace.save()
    assert both(chats, chat) == MISSING


def test_too_short(chats, chat, call, settings):
    assert both(chats, chat) == MISSING
    recorded(call, builders.tone(7999))
    assert both(chats, chat) == MISSING
    settings.CHAT_MIN_SECONDS = 0.5
    assert chats(chat).status_code == 200
    settings.CHAT_MIN_SECONDS = 0.0
    Recording.objects.update(frames=0)
    assert both(chats, chat) == MISSING


def test_no_voice_chat_however_many_there_are(cast, chats):
    Chat.objects.create(workspace=cast.workspace, visibility="direct")
    assert both(chats, Chat.objects.create(workspace=cast.workspace)) == MISSING


def test_deleted_and_expired_recordings_are_not_in_it(chats, chat, call):
    kept = builders.tone(8000, seed=1)
    recorded(call, kept)
    deleted, expired = recorded(call, builders.tone(8000), at=2), recorded(call, builders.tone(8000), at=4)
    lifecycle.delete(deleted, actor=builders.BUILDER)
    Recording.objects.filter(pk=expired.pk).update(expires_at=now())
    assert pcm_of(chats(chat)) == kept
    Recording.objects.update(expires_at=now())
    assert both(chats, chat) == MISSING


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775807", "9" * 60, "-" + "9" * 60])
def test_chats_that_nobody_has(chats, number):
    assert both(chats, number) == MISSING


@pytest.mark.parametrize("number", ["x", "1.5", "1e3", "0x10", "--1", "1_000", "%20", "١", "1%00"])
def test_a_chat_id_is_an_integer(chats, number):
    status, body = both(chats, number)
    message = "Input should be a valid integer, unable to parse string as an integer"
    assert (status, body) == (422, {"detail": [{"loc": ["path", "chat_id"], "msg": message, "type": "int_parsing"}]})


def test_the_workspace_in_the_path_is_the_keys_own(cast, chats, chat, call):
    recorded(call, builders.tone(8000))
    for workspace in (cast.other_workspace.pk, "01890000-0000-7000-8000-000000000000", "x", cast.workspace.slug):
        assert both(chats, chat, workspace=workspace) == MISSING
    assert both(chats, chat, key=cast.stranger_key) == MISSING
    assert both(chats, chat, key=cast.stranger_key, workspace=cast.other_workspace.pk) == MISSING
    assert chats(chat, workspace=str(cast.workspace.pk).upper()).status_code == 200


# --- Private chats ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visibility", ["direct", "manager_owned"])
def test_a_private_chat_is_for_its_participants(cast, chats, chat, call, visibility):
    recorded(call, builders.tone(8000))
    Chat.objects.filter(pk=chat.pk).update(visibility=visibility)
    mine = cast.key("chats:read", member=cast.staff_member)
    assert both(chats, chat) == PRIVATE
    assert both(chats, chat, key=mine) == PRIVATE
    assert both(chats, chat, key=cast.stranger_key, workspace=cast.other_workspace.pk) == MISSING
    assert not AuditEntry.objects.filter(verb__in=["listen", "link"]).exists()
    chat.participants.add(cast.staff_member)
    assert chats(chat, key=mine).status_code == chats(chat, "download-url", key=mine).status_code == 200
    assert both(chats, chat) == PRIVATE


def test_another_chat_of_the_same_call_that_is_private_closes_both(cast, chats, chat, call):
    recorded(call, builders.tone(8000))
    Chat.objects.create(workspace=cast.workspace, call=call, visibility="direct")
    assert both(chats, chat) == PRIVATE


def test_a_private_chat_without_a_recording_is_private_all_the_same(cast, chats):
    assert both(chats, Chat.objects.create(workspace=cast.workspace, visibility="direct")) == PRIVATE


# --- Faults -------------------------------------------------------------------------------------------------------


def test_a_fault_of_ours_says_nothing_of_itself(chats, chat, call, monkeypatch, caplog):
    recorded(call, builders.tone(8000))

    def broken(_):
        raise ValueError("the secret of the house")

    monkeypatch.setattr(joining, "join", broken)
    assert both(chats, chat) == (500, {"detail": "An internal server error occurred"})
    assert "the secret of the house" in caplog.text

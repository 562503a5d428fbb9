"""`downloads`: which recording a number means, streamed once and stored afterwards, and faults in shape."""

import numpy as np
import pytest
from django.test import Client

from calls.lifecycle import register_conference
from calls.models import Chat
from recordings import encoding, lifecycle, storage
from recordings.audio import mp3
from recordings.models import AudioFile, Recording
from tests import builders
from tests.recordings.audio.mp3s import decoded, frames, likeness
from tests.workspaces.crowd import at_once
from workspaces.clock import now
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def speechlike(frames_in, *, seed=1):
    """A tone that glides: an encoder at 32 kbit/s keeps it, and no two seeds are alike."""
    t = np.arange(frames_in) / 8000
    return (8000 * np.sin(2 * np.pi * (200 * seed + 40 * t) * t)).astype("<i2").tobytes()


@pytest.fixture
def call(cast):
    return builders.make_call(cast.workspace)


@pytest.fixture
def get(client, cast):
    def get(number, *, method="get", key=None, **headers):
        ours = {"Authorization": f"Bearer {key or cast.owner_key}", "Content-Type": "application/json"} | headers
        return getattr(client, method)(f"/v1/call/recording/{number}.mp3", headers=ours)

    return get


def body(reply):
    assert reply.status_code == 200, reply.content
    return b"".join(reply)


def missing(reply):
    return (reply.status_code, reply.json()) == (404, {"error": "Not Found", "message": "Recording not found"})


# --- The bytes ----------------------------------------------------------------------------------------------------


def test_the_first_time_it_is_streamed_and_then_it_comes_from_storage(get, call):
    left, right = speechlike(40_000, seed=2), bytes(80_000)
    builders.ended_recording(call, left, right)
    first = get(call.pk)
    assert first.headers["Content-Type"] == "audio/mpeg"
    assert first.headers["Content-Disposition"] == 'attachment; filename="recording.mp3"'
    assert first.streaming
    assert "Content-Length" not in first.headers
    made = body(first)
    frames(made)
    assert likeness(decoded(made)[0], left) > 0.99
    file = AudioFile.objects.get(rendition="mp3")
    assert (file.content_type, file.size, file.frames) == ("audio/mpeg", len(made), 40_000)
    assert storage.read(file.key, 0, file.size + 1) == made
    again = get(call.pk)
    assert again.headers["Content-Length"] == str(len(made))
    assert again.headers["ETag"] == f'"{file.sha256[:32]}"'
    assert body(again) == made


def test_the_stored_file_is_what_is_served_afterwards(get, call):
    recording = builders.ended_recording(call, speechlike(8000))
    body(get(call.pk))
    for chunk in recording.tracks.get().chunks.all():
        storage.delete(chunk.key)
    assert frames(body(get(call.pk))) == 16


def test_a_range_of_what_was_never_asked_for_makes_the_file_first(get, call):
    builders.ended_recording(call, speechlike(16_000))
    part = get(call.pk, Range="bytes=288-575")
    whole = body(get(call.pk))
    assert (part.status_code, b"".join(part)) == (206, whole[288:576])
    assert part.headers["Content-Range"] == f"bytes 288-575/{len(whole)}"
    etag = part.headers["ETag"]
    assert get(call.pk, **{"If-None-Match": etag}).status_code == 304
    assert get(call.pk, **{"If-Match": '"another"'}).json()["error"] == "Precondition Failed"
    assert body(get(call.pk, Range="bytes=0-9", **{"If-Range": '"another"'})) == whole


def test_head_of_what_is_not_made_yet_tells_no_length_and_makes_nothing(get, call):
    builders.ended_recording(call, speechlike(8000))
    head = get(call.pk, method="head")
    assert (head.status_code, head.headers["Content-Type"]) == (200, "audio/mpeg")
    assert "Content-Length" not in head.headers
    assert not AudioFile.objects.exists()
    assert not AuditEntry.objects.filter(verb="download").exists()


def test_what_nobody_reads_to_its_end_leaves_nothing(get, call):
    builders.ended_recording(call, speechlike(200_000))
    reply = get(call.pk)
    assert next(iter(reply))
    del reply
    assert not AudioFile.objects.exists()
    assert frames(body(get(call.pk))) == -(-200_000 // 576) + 2


def test_at_16_khz_where_the_setting_says_so(get, call, settings):
    settings.MP3_SAMPLE_RATE = 16_000
    builders.ended_recording(call, speechlike(8000))
    assert frames(body(get(call.pk)), rate=16_000) > 27


def test_an_amended_recording_is_encoded_anew(get, call):
    recording = builders.ended_recording(call, speechlike(8000, seed=1))
    before = get(call.pk, Range="bytes=0-")
    lifecycle.amend(recording.id, actor=builders.BUILDER)
    AudioFile.objects.filter(generation=2).delete()
    after = get(call.pk, Range="bytes=0-")
    assert [file.generation for file in AudioFile.objects.filter(rendition="mp3").order_by("generation")] == [1, 2]
    assert b"".join(before) == b"".join(after)  # nothing came: the same sound


def test_each_download_is_on_record(get, cast, call):
    recording = builders.ended_recording(call, speechlike(8000))
    for _ in range(2):
        body(get(call.pk))
    entries = AuditEntry.objects.filter(subject_id=str(recording.id), verb="download")
    assert [entry.data for entry in entries] == [{"format": "mp3"}] * 2


# --- Which recording ----------------------------------------------------------------------------------------------


def served(get, call):
    """The recording that was downloaded, by the record of it."""
    body(get(call.pk))
    return AuditEntry.objects.filter(verb="download").latest("id").subject_id


def test_the_newest_ended_full_call(get, call):
    builders.ended_recording(call, speechlike(8000))
    newest = builders.ended_recording(call, speechlike(8000))
    builders.ended_recording(call, speechlike(8000), recording_type="segment", node_id="ask")
    builders.running_recording(call, speechlike(8000))
    assert served(get, call) == str(newest.id)


def test_one_that_ended_in_silence_does_not_hide_the_sound_of_another(get, call):
    heard = builders.ended_recording(call, speechlike(8000))
    builders.ended_recording(call)
    assert served(get, call) == str(heard.id)


def test_a_segment_only_where_there_is_nothing_else(get, call):
    segment = builders.ended_recording(call, speechlike(8000), recording_type="segment", node_id="ask")
    assert served(get, call) == str(segment.id)
    recording, _ = builders.running_recording(call, speechlike(8000))
    assert missing(get(call.pk))
    builders.finish(recording)
    assert served(get, call) == str(recording.id)


def test_no_recording_no_sound_not_ended_deleted_or_expired_are_all_not_found(get, cast):
    calls = [builders.make_call(cast.workspace) for _ in range(5)]
    builders.ended_recording(calls[1])
    builders.running_recording(calls[2], speechlike(8000))
    lifecycle.delete(builders.ended_recording(calls[3], speechlike(8000)), actor=builders.BUILDER)
    expired = builders.ended_recording(calls[4], speechlike(8000))
    Recording.objects.filter(pk=expired.pk).update(expires_at=now())
    assert all(missing(get(call.pk)) for call in calls)
    assert all(missing(get(call.pk, method="get", Range="bytes=0-")) for call in calls)
    assert not AudioFile.objects.exists()


# --- The id -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    ["x", "1.5", "1e3", "0x10", "+1", "--1", "-", "1_000", "%20", "١", "1%00", "9223372036854775808", "9" * 5000],
)
def test_what_is_no_integer_of_64_bits_is_a_bad_request(get, number):
    reply = get(number)
    assert (reply.status_code, reply.json()) == (400, {"error": "Bad Request", "message": "id must be an integer"})


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775807", "-9223372036854775807"])
def test_integers_that_nobody_has_are_not_found(get, number):
    assert missing(get(number))


def test_leading_zeros_are_the_same_number(get, call):
    builders.ended_recording(call, speechlike(8000))
    assert frames(body(get(f"000{call.pk}")))


def test_who_may_not_ask_learns_nothing_about_the_id(client, cast, call):
    builders.ended_recording(call, speechlike(8000))
    for number in (call.pk, 987654321, "x"):
        reply = client.get(f"/v1/call/recording/{number}.mp3")
        assert (reply.status_code, reply.json()["message"]) == (401, "API key is missing")
        reply = client.get(
            f"/v1/call/recording/{number}.mp3", headers={"Authorization": f"Bearer {cast.scopeless_key}"}
        )
        assert reply.status_code == 401


@pytest.mark.parametrize("scheme", ["Basic", "", "Bearer:"])
def test_another_scheme_is_no_key(client, cast, call, scheme):
    reply = client.get(
        f"/v1/call/recording/{call.pk}.mp3", headers={"Authorization": f"{scheme} {cast.owner_key}".strip()}
    )
    assert reply.json() == {"error": "Unauthorized", "message": "API key is missing"}


def test_the_schemes_case_and_the_content_type_do_not_count(client, cast, call):
    builders.ended_recording(call, speechlike(8000))
    reply = client.get(f"/v1/call/recording/{call.pk}.mp3", headers={"Authorization": f"bearer {cast.owner_key}"})
    assert frames(body(reply))


# --- Faults -------------------------------------------------------------------------------------------------------


class Faulty:
    """An encoder that fails at its first block."""

    def __init__(self, **rate):
        pass

    def encode(self, pcm):
        raise mp3.EncodingFailed("the audio could not be encoded: Error")

    def finish(self):
        return b""


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}], ids=["streamed", "in a range"])
def test_an_encoder_that_fails_is_a_500_in_shape(get, call, monkeypatch, caplog, headers):
    builders.ended_recording(call, speechlike(8000))
    monkeypatch.setattr(mp3, "Mp3Encoder", Faulty)
    reply = get(call.pk, **headers)
    assert reply.status_code == 500
    assert reply.json() == {"error": "Internal Server Error", "message": "Internal server error"}
    assert not AuditEntry.objects.filter(verb="download").exists()
    assert "EncodingFailed" in caplog.text


def test_a_stored_file_that_is_short_is_a_500_in_shape(get, call):
    builders.ended_recording(call, speechlike(8000))
    body(get(call.pk))
    AudioFile.objects.filter(rendition="mp3").update(size=10**6)
    reply = get(call.pk)
    assert (reply.status_code, reply.json()["message"]) == (500, "The audio cannot be read at the moment")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-"}], ids=["streamed", "in ranges"])
def test_fifty_at_once_make_one_object(cast, call, settings, headers):
    recording = builders.ended_recording(call, speechlike(40_000))

    def fetch(_):
        reply = Client().get(
            f"/v1/call/recording/{call.pk}.mp3", headers={"Authorization": f"Bearer {cast.owner_key}"} | headers
        )
        return reply.status_code, b"".join(reply)

    replies = at_once(50, fetch)
    assert {status for status, _ in replies} == {206 if headers else 200}
    [made] = {content for _, content in replies}
    assert frames(made)
    file = AudioFile.objects.get(rendition="mp3")
    folder = settings.STORAGE_ROOT / "w" / str(cast.workspace.id) / "r" / str(recording.id)
    assert [path.name for path in folder.iterdir() if path.is_file()] == [file.key.rpartition("/")[2]]
    assert encoding.stored(recording) == file


def test_a_conferences_number_means_its_recording(get, cast):
    conference = register_conference(cast.workspace)
    builders.ended_recording(conference, speechlike(16_000))
    assert body(get(conference.number)).startswith(b"\xff")
    assert missing(get(conference.number, key=cast.stranger_key))


def test_a_private_chats_recording_is_not_found(get, cast, call):
    builders.ended_recording(call, speechlike(16_000))
    chat = Chat.objects.create(workspace=cast.workspace, call=call, visibility="direct")
    assert missing(get(call.id))
    chat.participants.add(cast.staff_member)
    assert body(get(call.id, key=cast.key("all", member=cast.staff_member)))

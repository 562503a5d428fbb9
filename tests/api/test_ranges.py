"""Ranges, validators and HEAD against a recording that has ended and one that runs."""

import random

import pytest

from recordings import playback, ranges
from recordings.audio import wav
from recordings.models import Recording
from tests import builders
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

FRAMES = 20_000
SIZE = 44 + 2 * FRAMES
LEFT, RIGHT = builders.tone(FRAMES, seed=1), builders.tone(FRAMES, seed=2)


@pytest.fixture
def ended(cast):
    return builders.ended_recording(builders.make_call(cast.workspace), LEFT, RIGHT)


@pytest.fixture
def running(cast):
    """A recording that runs, with its one socket's stream."""
    return builders.running_recording(builders.make_call(cast.workspace), LEFT)


@pytest.fixture
def get(flat):
    def get(recording, method="get", **headers):
        return flat(method, f"/api/recordings/{recording.id}", **{k.replace("_", "-"): v for k, v in headers.items()})

    return get


def body_of(reply):
    return b"".join(reply)


def random_form(rng):
    """A Range header of any kind, and the bytes [first, last) that it means: None is the whole, () none of it."""
    first, last = rng.randrange(SIZE * 5 // 4), rng.randrange(SIZE * 5 // 4)
    kind = rng.choice(["closed", "open", "suffix", "malformed", "several"])
    if kind == "closed":
        if last < first:
            return f"bytes={first}-{last}", None
        return f"bytes={first}-{last}", (first, min(last + 1, SIZE)) if first < SIZE else ()
    if kind == "open":
        return f"Bytes = {first}-".replace(" = ", "="), (first, SIZE) if first < SIZE else ()
    if kind == "suffix":
        return f"bytes=-{first}", (max(SIZE - first, 0), SIZE) if first else ()
    if kind == "several":
        return f"bytes={first % SIZE}-, -1", None
    return rng.choice(
        [f"items={first}-", f"bytes={first}", "bytes=", f"bytes={first}-x", "bytes=--1", f"bytes {first}-"]
    ), None


def test_two_hundred_random_forms_against_the_whole(get, ended):
    whole = body_of(get(ended))
    assert len(whole) == SIZE
    rng = random.Random(20)
    seen = set()
    for _ in range(200):
        header, part = random_form(rng)
        reply = get(ended, Range=header)
        seen.add(reply.status_code)
        if part is None:
            assert (reply.status_code, body_of(reply)) == (200, whole), header
            assert "Content-Range" not in reply.headers
        elif part == ():
            assert (reply.status_code, reply.headers["Content-Range"]) == (416, f"bytes */{SIZE}"), header
        else:
            first, last = part
            assert (reply.status_code, body_of(reply)) == (206, whole[first:last]), header
            assert reply.headers["Content-Range"] == f"bytes {first}-{last - 1}/{SIZE}"
            assert reply.headers["Content-Length"] == str(last - first)
    assert seen == {200, 206, 416}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("bytes=0-0", 206),
        (f"bytes={SIZE - 1}-", 206),
        (f"bytes=0-{'9' * 5000}", 206),
        (f"bytes=-{'9' * 5000}", 206),
        ("bytes=,, 0-9 ,", 206),
        ("bytes=000044-000045", 206),
        (f"bytes={'9' * 5000}-", 416),
        ("bytes=-0", 416),
        (f"bytes={SIZE}-, {SIZE + 5}-", 416),
        ("bytes=5-4", 200),
        ("bytes=٤-٥", 200),
        ("bytes=+1-2", 200),
        ("bytes=1 - 2", 200),
        (f"bytes=0-1,{SIZE}-", 200),
        ("bytes=0-1,5-4", 200),
        (" ", 200),
    ],
)
def test_edges(get, ended, header, status):
    reply = get(ended, Range=header)
    assert reply.status_code == status


def test_head_answers_for_the_whole_and_is_not_a_listen(get, ended):
    reply = get(ended, "head", Range="bytes=0-9")
    assert (reply.status_code, reply.content) == (200, b"")
    assert (reply.headers["Content-Length"], reply.headers["Accept-Ranges"]) == (str(SIZE), "bytes")
    assert reply.headers["ETag"] == f'"{ended.id}-1"'
    assert not AuditEntry.objects.filter(subject_id=ended.id).exists()


@pytest.mark.parametrize("form", ["{etag}", "W/{etag}", '"x", {etag}', "*"])
def test_if_none_match(get, ended, form):
    etag = get(ended, "head").headers["ETag"]
    reply = get(ended, If_None_Match=form.format(etag=etag), Range="bytes=0-9")
    assert (reply.status_code, reply.content, reply.headers["ETag"]) == (304, b"", etag)
    assert reply.headers["Cache-Control"] == "private, no-store"
    assert not AuditEntry.objects.filter(subject_id=ended.id).exists()
    assert get(ended, If_None_Match='"another"').status_code == 200


def test_if_match(get, ended):
    etag = get(ended, "head").headers["ETag"]
    assert get(ended, If_Match=f'"x", {etag}').status_code == 200
    assert get(ended, If_Match="*").status_code == 200
    for other in ('"another"', f"W/{etag}"):
        reply = get(ended, If_Match=other)
        assert (reply.status_code, reply.json()["code"]) == (412, "PRECONDITION_FAILED")


@pytest.mark.parametrize(
    ("form", "status"),
    [("{etag}", 206), ("W/{etag}", 200), ('"another"', 200), ("Fri, 20 Nov 2026 10:00:00 GMT", 200)],
)
def test_if_range_compares_strongly(get, ended, form, status):
    etag = get(ended, "head").headers["ETag"]
    assert get(ended, Range="bytes=0-9", If_Range=form.format(etag=etag)).status_code == status


def test_while_it_runs_the_header_is_constant_and_there_is_no_validator(get, running):
    recording, stream = running
    first = get(recording)
    assert (first.status_code, first.headers["Content-Length"]) == (200, str(SIZE))
    assert "ETag" not in first.headers
    whole = body_of(first)
    assert whole[:44] == wav.header(None)
    assert whole[44:] == LEFT
    builders.store(stream, RIGHT)
    assert body_of(get(recording))[: len(whole)] == whole
    assert body_of(get(builders.finish(recording)))[44 : len(whole)] == whole[44:]


def test_while_it_runs_a_range_is_a_snapshot(get, running):
    recording, stream = running
    reply = get(recording, Range="bytes=44-", If_Range='"whatever"')
    assert (reply.status_code, reply.headers["Content-Range"]) == (206, f"bytes 44-{SIZE - 1}/*")
    assert (reply.headers["Content-Length"], body_of(reply)) == (str(SIZE - 44), LEFT)
    builders.store(stream, RIGHT)
    assert body_of(get(recording, Range="bytes=44-")) == LEFT + RIGHT
    assert get(recording, Range=f"bytes={SIZE}-{SIZE + 9}").headers["Content-Range"] == f"bytes {SIZE}-{SIZE + 9}/*"
    beyond = get(recording, Range=f"bytes={SIZE + len(RIGHT)}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{SIZE + len(RIGHT)}")


def test_fifty_random_snapshots_equal_the_final_bytes(get, running):
    recording, _ = running
    rng = random.Random(8)
    parts = []
    for _ in range(50):
        first = rng.randrange(44, SIZE)
        last = rng.randrange(first, SIZE)
        parts.append((first, last, body_of(get(recording, Range=f"bytes={first}-{last}"))))
    whole = body_of(get(builders.finish(recording)))
    assert all(part == whole[first : last + 1] for first, last, part in parts)


def test_a_range_reaches_to_what_every_socket_has_delivered(get, cast):
    recording = builders.start(builders.make_call(cast.workspace))
    ahead = builders.open_stream(recording, ago=60)
    builders.store(ahead, LEFT)
    behind = builders.open_stream(recording, ago=57)
    builders.store(behind, RIGHT[:1000])
    reach = behind.start_frame + behind.frames_stored
    assert reach > FRAMES  # it connected three seconds later
    assert get(recording).headers["Content-Length"] == str(44 + 2 * FRAMES)
    builders.close(ahead)
    assert get(recording).headers["Content-Length"] == str(44 + 2 * reach)


def test_a_recording_without_audio_is_a_file_of_no_frames(get, cast):
    ended = builders.ended_recording(builders.make_call(cast.workspace))
    assert body_of(get(ended)) == wav.header(0)
    begun = builders.start(builders.make_call(cast.workspace))
    assert body_of(get(begun)) == wav.header(None)


def test_the_whole_and_a_range_are_one_listen_and_each_download_is_one(flat, ended):
    for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=10-19"}):
        flat("get", f"/api/recordings/{ended.id}", **headers)
    flat("get", f"/api/recordings/{ended.id}/stream")
    assert AuditEntry.objects.filter(verb="listen", subject_id=ended.id).count() == 1
    for _ in range(2):
        flat("get", f"/api/recordings/{ended.id}/download")
    assert AuditEntry.objects.filter(verb="download", subject_id=ended.id).count() == 2


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("recording.wav", 'attachment; filename="recording.wav"'),
        ('a"b\\c/d\r\ne.wav', 'attachment; filename="a_b_c_d__e.wav"'),
        ("Müller.wav", "attachment; filename=\"M_ller.wav\"; filename*=utf-8''M%C3%BCller.wav"),
        ("", 'attachment; filename="recording.wav"'),
    ],
)
def test_file_names_are_inert(name, header):
    assert ranges.disposition_of(name, attachment=True) == header
    assert ranges.disposition_of(name, attachment=False) == header.replace("attachment", "inline", 1)


def test_nothing_is_on_record_where_the_audio_cannot_be_read(ended):
    audio = playback.open_audio(Recording.objects.get(pk=ended.pk))
    heard = []
    reply = ranges.answer(audio, method="GET", headers={}, before_body=lambda: heard.append(1))
    assert heard == [1]
    assert body_of(reply)[44:] != b""
    ranges.answer(audio, method="HEAD", headers={}, before_body=lambda: heard.append(2))
    assert heard == [1]

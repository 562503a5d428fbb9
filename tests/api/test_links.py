"""`recording_url` and minted links: no key needed, ranges, and a bare 404 for whatever cannot be."""

from datetime import timedelta

import pytest

from recordings import playback
from recordings.models import Chunk, Recording
from tests import builders
from workspaces.audit import SYSTEM
from workspaces.clock import now
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

AUDIO = builders.tone(9000)
SIZE = 44 + len(AUDIO)


@pytest.fixture
def recording(cast):
    return builders.ended_recording(builders.make_call(cast.workspace), AUDIO)


@pytest.fixture(params=["recording_url", "link"])
def path(request, recording, settings):
    """The path of either kind of address of the recording."""
    if request.param == "link":
        url, life = playback.mint_link(recording, seconds=60, actor=SYSTEM)
        assert life == 60
        AuditEntry.objects.filter(subject_id=recording.pk).delete()
    else:
        url = playback.recording_url(recording)
    assert url.startswith(settings.PUBLIC_URL)
    return url.removeprefix(settings.PUBLIC_URL)


def is_bare(reply, status=404):
    return (reply.status_code, reply.content) == (status, b"") and not (
        {"Location", "Content-Type"} & set(reply.headers)
    )


def test_the_whole_without_any_header(client, path):
    reply = client.get(path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "audio/wav")
    assert reply.headers["Content-Length"] == str(SIZE)
    assert reply.headers["Cache-Control"] == "private, no-store"
    assert b"".join(reply)[44:] == AUDIO


def test_ranges_and_head(client, path):
    part = client.get(path, headers={"Range": "bytes=44-143"})
    assert (part.status_code, b"".join(part)) == (206, AUDIO[:100])
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(SIZE))
    outside = client.get(path, headers={"Range": f"bytes={SIZE}-"})
    assert is_bare(outside, 416)
    assert outside.headers["Content-Range"] == f"bytes */{SIZE}"
    assert client.get(path, headers={"If-None-Match": head.headers["ETag"]}).status_code == 304
    assert is_bare(client.get(path, headers={"If-Match": '"another"'}), 412)


def test_reading_prolongs_nothing_and_leaves_one_entry(client, path, recording):
    before = Recording.objects.values("url_expires_at", "expires_at", "tm_update").get(pk=recording.pk)
    for _ in range(3):
        b"".join(client.get(path))
    assert Recording.objects.values("url_expires_at", "expires_at", "tm_update").get(pk=recording.pk) == before
    entry = AuditEntry.objects.get(subject_id=recording.pk)
    assert (entry.verb, entry.actor_type) == ("listen", "link")
    assert entry.actor_id
    assert entry.actor_id not in path


def test_other_methods(client, path):
    for method in ("post", "put", "patch", "delete", "options"):
        reply = getattr(client, method)(path)
        assert is_bare(reply, 405)
        assert reply.headers["Allow"] == "GET, HEAD"


def test_deleted(client, path, recording):
    builders.lifecycle.delete(recording, actor=SYSTEM)
    for method in ("get", "head", "post"):
        assert is_bare(getattr(client, method)(path))


def test_past_the_recordings_own_expiry(client, path, recording):
    Recording.objects.filter(pk=recording.pk).update(expires_at=now() - timedelta(seconds=1))
    assert is_bare(client.get(path))


def test_any_change_to_the_token(client, path):
    start = path.rindex("/") + 1
    for position in (start, start + 5, start + 30):
        changed = "A" if path[position] != "A" else "B"
        assert is_bare(client.get(path[:position] + changed + path[position + 1 :]))
    for other in (path.removesuffix(".wav"), path + "/", path.replace(".wav", ".mp3"), "/r/", "/links/a/b.wav"):
        for method in ("get", "post"):
            assert is_bare(getattr(client, method)(other))


@pytest.mark.parametrize("token", ["x", "%00", "é", "a:b:c", "A" * 54, "A" * 5000, "%F0%9F%8E%A7", "...."])
def test_what_is_no_token(client, token):
    assert is_bare(client.get(f"/r/{token}.wav"))
    assert is_bare(client.get(f"/links/{token}.wav"))


def test_one_kind_is_not_the_other(client, path):
    other = path.replace("/r/", "/links/") if path.startswith("/r/") else path.replace("/links/", "/r/")
    assert is_bare(client.get(other))


def test_audio_that_cannot_be_read(client, path, recording):
    builders.storage.delete(Chunk.objects.filter(track__recording=recording).first().key)
    reply = client.get(path)
    assert is_bare(reply, 503)
    assert reply.headers["Retry-After"]
    assert not AuditEntry.objects.filter(subject_id=recording.pk).exists()


def test_the_log_holds_no_token(client, path, recording, caplog):
    builders.storage.delete(Chunk.objects.filter(track__recording=recording).first().key)
    client.get(path)
    client.post(path)
    client.get(path, headers={"Range": f"bytes={SIZE}-"})
    token = path[path.rindex("/") + 1 :].removesuffix(".wav")
    assert caplog.text
    assert token not in caplog.text


def test_the_url_lives_for_the_retention_and_not_longer(client, recording, settings):
    assert recording.url_expires_at - recording.tm_update == pytest.approx(
        timedelta(hours=24), abs=timedelta(seconds=5)
    )
    path = playback.recording_url(recording).removeprefix(settings.PUBLIC_URL)
    Recording.objects.filter(pk=recording.pk).update(url_expires_at=now() - timedelta(seconds=1))
    assert is_bare(client.get(path))


def test_the_url_opens_with_the_end_and_not_before(client, cast, settings):
    running, _ = builders.running_recording(builders.make_call(cast.workspace), AUDIO)
    path = playback.recording_url(running).removeprefix(settings.PUBLIC_URL)
    assert is_bare(client.get(path))
    builders.finish(running)
    assert client.get(path).status_code == 200


def test_a_link_ends_when_its_time_is_over(client, recording, settings, monkeypatch):
    url, _ = playback.mint_link(recording, seconds=60, actor=SYSTEM)
    later = now() + timedelta(seconds=61)
    monkeypatch.setattr(playback, "now", lambda: later)
    assert is_bare(client.get(url.removeprefix(settings.PUBLIC_URL)))

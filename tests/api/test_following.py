"""`file.wav` of a session: followed while it runs, capped, audited, and the newest that is kept."""

import socket
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from recordings.api.kit.following import Follower, seats
from recordings.api.kit.problems import TooManyFollowers
from recordings.audio import wav
from recordings.models import Recording
from recordings.playback import open_audio
from tests import builders
from workspaces import keys
from workspaces.audit import SYSTEM
from workspaces.clock import now
from workspaces.models import ApiKey, AuditEntry

ONE, TWO, THREE = (builders.tone(8000, seed=seed) for seed in (1, 2, 3))


@pytest.fixture(autouse=True)
def empty_seats():
    assert seats.taken == 0
    yield
    assert seats.taken == 0


@pytest.fixture
def session(cast):
    return builders.make_session(cast.app)


@pytest.fixture
def get(sessions, session):
    return lambda method="get", **headers: sessions(
        method, f"/api/v1/sessions/{session.pk}/recording/file.wav", **headers
    )


def hang_up(reply):
    """What the server does when the listener has gone, without closing the test's own database connection."""
    for close in reply._resource_closers:
        close()


def take(blocks, size):
    """The next `size` bytes."""
    taken = b""
    while len(taken) < size:
        taken += next(blocks)
    return taken


@pytest.mark.django_db
@pytest.mark.sqlite
class TestFollowing:
    def test_to_the_end_with_a_constant_header(self, get, session):
        recording, stream = builders.running_recording(session.call, ONE)
        reply = get()
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, "audio/wav")
        assert "Content-Length" not in reply.headers
        assert "ETag" not in reply.headers
        assert reply.headers["Cache-Control"] == "private, no-store"
        blocks = iter(reply)
        assert take(blocks, 44 + len(ONE)) == wav.header(None) + ONE
        builders.store(stream, TWO)
        assert take(blocks, len(TWO)) == TWO
        builders.store(stream, THREE)
        builders.finish(recording)
        assert b"".join(blocks) == THREE

    def test_from_before_the_first_audio(self, get, session):
        recording = builders.start(session.call)
        blocks = iter(get())
        assert next(blocks) == wav.header(None)
        builders.store(builders.open_stream(recording), ONE)
        builders.finish(recording)
        assert b"".join(blocks) == ONE

    def test_a_range_is_a_snapshot(self, get, session):
        builders.running_recording(session.call, ONE)
        reply = get(Range="bytes=44-")
        assert (reply.status_code, b"".join(reply)) == (206, ONE)
        assert reply.headers["Content-Range"] == f"bytes 44-{43 + len(ONE)}/*"

    def test_a_malformed_range_is_followed(self, get, session):
        recording, _ = builders.running_recording(session.call, ONE)
        reply = get(Range="bytes=x")
        builders.finish(recording)
        assert (reply.status_code, b"".join(reply)) == (200, wav.header(None) + ONE)

    def test_head_takes_no_seat_and_is_no_listen(self, get, session, settings):
        settings.LIVE_FOLLOWERS_MAX = 1
        recording, _ = builders.running_recording(session.call, ONE)
        for _ in range(2):
            reply = get("head")
            assert (reply.status_code, b"".join(reply)) == (200, b"")
            assert "Content-Length" not in reply.headers
        assert not AuditEntry.objects.filter(subject_id=recording.pk).exists()

    def test_beyond_the_cap_503(self, get, session, settings):
        settings.LIVE_FOLLOWERS_MAX = 1
        recording, _ = builders.running_recording(session.call, ONE)
        first = get()
        refused = get()
        assert (refused.status_code, refused.json()) == (503, {"success": False, "error": "Too many live listeners"})
        assert int(refused.headers["Retry-After"]) >= 1
        hang_up(first)  # nobody has read a byte of it
        second = get()
        assert second.status_code == 200
        take(iter(second), 44)
        hang_up(second)
        third = get()
        builders.finish(recording)
        b"".join(third)  # read to its end, which gives the seat back as well
        assert seats.taken == 0
        hang_up(third)

    def test_no_cap_where_it_is_off(self, session, settings):
        settings.LIVE_FOLLOWERS_MAX = 0
        recording, _ = builders.running_recording(session.call, ONE)
        followers = [Follower(open_audio(recording), allowed=lambda: True) for _ in range(20)]
        assert seats.taken == 20
        settings.LIVE_FOLLOWERS_MAX = 20
        with pytest.raises(TooManyFollowers):
            Follower(open_audio(recording), allowed=lambda: True)
        for follower in followers:
            follower.close()
            follower.close()

    def test_it_is_on_record(self, get, session, cast):
        recording, _ = builders.running_recording(session.call, ONE)
        hang_up(get())
        entry = AuditEntry.objects.get(subject_id=recording.pk)
        assert (entry.verb, entry.actor_type, entry.workspace) == ("listen", "key", cast.workspace)

    def test_a_delete_ends_it(self, get, session):
        recording, stream = builders.running_recording(session.call, ONE)
        blocks = iter(get())
        take(blocks, 44 + len(ONE))
        builders.lifecycle.delete(recording, actor=SYSTEM)
        builders.store(stream, TWO)
        assert b"".join(blocks) == b""

    def test_a_revoked_key_ends_it(self, get, session, cast):
        _, stream = builders.running_recording(session.call, ONE)
        blocks = iter(get())
        take(blocks, 44 + len(ONE))
        keys.revoke(ApiKey.objects.get(prefix=cast.owner_key.split("_")[1]), actor=SYSTEM)
        builders.store(stream, TWO)
        assert b"".join(blocks) == b""

    def test_audio_that_cannot_be_read_is_503_and_takes_no_seat(self, get, session):
        recording, stream = builders.running_recording(session.call, ONE)
        builders.storage.delete(stream.chunks.get().key)
        reply = get()
        assert (reply.status_code, reply.json()["error"]) == (503, "Recording storage unavailable")
        assert not AuditEntry.objects.filter(subject_id=recording.pk).exists()

    def test_the_newest_is_served_whole_once_it_has_ended(self, get, session):
        builders.ended_recording(session.call, ONE)
        builders.ended_recording(session.call, TWO)
        reply = get()
        assert (reply.status_code, b"".join(reply)) == (200, wav.header(8000) + TWO)
        assert reply.headers["ETag"]

    def test_none_yet_deleted_or_past_its_retention_is_404(self, get, session):
        def missing():
            reply = get()
            return (reply.status_code, reply.json()) == (404, {"success": False, "error": "Recording not found"})

        assert missing()
        builders.lifecycle.delete(builders.ended_recording(session.call, ONE), actor=SYSTEM)
        assert missing()
        kept = builders.ended_recording(session.call, TWO)
        assert get().status_code == 200
        Recording.objects.filter(pk=kept.pk).update(url_expires_at=now() - timedelta(seconds=1))
        assert missing()

    def test_a_segment_is_not_the_sessions_recording(self, get, session):
        builders.ended_recording(session.call, ONE, recording_type="segment")
        assert get().status_code == 404


@pytest.mark.django_db(transaction=True)
class TestOverSockets:
    def test_a_client_that_goes_away_gives_its_seat_back(self, live_server, cast):
        session = builders.make_session(cast.app)
        recording, stream = builders.running_recording(session.call, ONE)
        address = urlsplit(live_server.url)
        with socket.create_connection((address.hostname, address.port)) as listener:
            listener.sendall(
                f"GET /api/v1/sessions/{session.pk}/recording/file.wav HTTP/1.1\r\nHost: localhost\r\n"
                f"X-App-ID: {cast.app.app_id}\r\nX-API-Key: {cast.owner_key}\r\n\r\n".encode()
            )
            assert listener.recv(12) == b"HTTP/1.1 200"
            assert seats.taken == 1
        deadline = time.monotonic() + 20
        while seats.taken and time.monotonic() < deadline:  # it is found out by writing, so there must be audio
            builders.store(stream, TWO)
            time.sleep(0.1)
        assert seats.taken == 0
        builders.finish(recording)

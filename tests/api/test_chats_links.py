"""`chats`: links to the one stored copy, when it is made anew, and when a link dies."""

import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from django.test import Client

from calls.models import Chat
from recordings import joining, lifecycle, playback, storage
from recordings.errors import StorageError
from recordings.models import JoinedFile, Recording
from recordings.storage import FileStore
from tests import builders
from tests.recordings.storage.conftest import _new_bucket, simulated, use_s3  # noqa: F401 - fixtures are imported to be asked for
from tests.workspaces.crowd import at_once
from workspaces.clock import now
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

AUDIO = builders.tone(12_000)


@pytest.fixture
def call(cast):
    return builders.make_call(cast.workspace)


@pytest.fixture
def chat(cast, call):
    return Chat.objects.create(workspace=cast.workspace, call=call)


@pytest.fixture
def recording(call):
    return builders.ended_recording(call, AUDIO)


@pytest.fixture
def link(chats, chat, recording):
    def link(query=""):
        reply = chats(chat, "download-url" + query)
        assert reply.status_code == 200, reply.content
        return reply.json()

    return link


@pytest.fixture
def fetch(client, settings):
    """GET of a link without any key."""

    def fetch(url, **headers):
        assert url.startswith(f"{settings.PUBLIC_URL}/links/")
        return client.get(url.removeprefix(settings.PUBLIC_URL), headers=headers)

    return fetch


@pytest.fixture
def puts(monkeypatch):
    """The keys of every object that is put from now on."""
    keys, put = [], FileStore.put

    def counted(self, key, blocks):
        keys.append(key)
        return put(self, key, blocks)

    monkeypatch.setattr(FileStore, "put", counted)
    return keys


# --- The reply ----------------------------------------------------------------------------------------------------


def test_the_reply_to_the_letter(link, chat, cast, recording, fetch):
    before = datetime.now(UTC)
    body = link()
    assert list(body) == [
        *("url", "download_url", "expires_in", "expires_at"),
        *("content_type", "file_size", "file_name"),
    ]
    assert body["download_url"] == body["url"]
    assert (body["expires_in"], body["content_type"], body["file_size"], body["file_name"]) == (
        *(3600, "audio/wav", 44 + len(AUDIO)),
        f"chat-{chat.pk}.wav",
    )
    until = datetime.strptime(body["expires_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(until - before - timedelta(seconds=3600)) < timedelta(seconds=5)
    reply = fetch(body["url"])
    assert b"".join(reply)[44:] == AUDIO
    assert reply.headers["Content-Disposition"] == f'attachment; filename="chat-{chat.pk}.wav"'
    [file] = JoinedFile.objects.all()
    assert file.key.startswith(f"w/{cast.workspace.pk}/")
    entry = AuditEntry.objects.get(verb="link")
    assert (entry.actor_type, entry.subject_id) == ("key", str(recording.pk))
    assert entry.data == {"chat": chat.pk, "seconds": 3600}


@pytest.mark.parametrize(("asked", "given"), [("1", 1), ("0007", 7), ("100", 100), ("101", 100), ("9" * 40, 100)])
def test_what_is_asked_is_capped_and_not_refused(link, settings, asked, given):
    settings.DOWNLOAD_URL_MAX_SECONDS = 100
    assert link(f"?expires_in={asked}")["expires_in"] == given
    assert link()["expires_in"] == 100


@pytest.mark.parametrize("asked", ["0", "-1", "-" + "9" * 30])
def test_below_one(chats, chat, recording, asked):
    reply = chats(chat, f"download-url?expires_in={asked}")
    message = "Input should be greater than or equal to 1"
    assert reply.status_code == 422
    assert reply.json() == {"detail": [{"loc": ["query", "expires_in"], "msg": message, "type": "greater_than_equal"}]}


@pytest.mark.parametrize("asked", ["", "x", "1.5", "1e3", "%00", "٣", "1%202"])
def test_no_number(chats, chat, recording, asked):
    reply = chats(chat, f"download-url?expires_in={asked}")
    assert reply.status_code == 422
    [detail] = reply.json()["detail"]
    assert (detail["loc"], detail["type"]) == (["query", "expires_in"], "int_parsing")
    assert not JoinedFile.objects.exists()


def test_it_never_outlives_the_first_recording_that_expires(link, call, recording, fetch):
    Recording.objects.filter(pk=recording.pk).update(expires_at=now() + timedelta(seconds=90))
    builders.ended_recording(call, AUDIO)
    body = link()
    assert 85 <= body["expires_in"] <= 90
    Recording.objects.filter(pk=recording.pk).update(expires_at=now())
    assert fetch(body["url"]).status_code == 404


def test_a_recording_about_to_expire_has_no_link(chats, chat, recording):
    Recording.objects.filter(pk=recording.pk).update(expires_at=now() + timedelta(seconds=0.9))
    assert chats(chat, "download-url").status_code == 404
    assert not AuditEntry.objects.filter(verb="link").exists()


# --- The link -----------------------------------------------------------------------------------------------------


def test_ranges_of_the_link_and_who_listened(link, fetch, recording):
    url = link()["url"]
    part = fetch(url, Range="bytes=44-143")
    assert (part.status_code, b"".join(part)) == (206, AUDIO[:100])
    entry = AuditEntry.objects.get(verb="listen")
    assert (entry.actor_type, entry.subject_id) == ("link", str(recording.pk))


def test_a_link_ends_when_its_time_is_over(link, fetch, monkeypatch):
    url = link("?expires_in=60")["url"]
    later = now() + timedelta(seconds=61)
    monkeypatch.setattr(playback, "now", lambda: later)
    assert fetch(url).status_code == 404


def test_a_link_dies_with_any_recording_that_is_heard(link, fetch, call):
    url = link()["url"]
    second = builders.ended_recording(call, AUDIO)
    with_second = link()["url"]
    assert fetch(with_second).status_code == 200
    lifecycle.delete(second, actor=builders.BUILDER)
    assert fetch(with_second).status_code == 404
    assert fetch(url).status_code == 200
    Recording.objects.filter(pk=second.pk).delete()
    assert fetch(with_second).status_code == 404


def test_a_copy_that_cannot_be_read(link, fetch, caplog):
    url = link()["url"]
    storage.delete(JoinedFile.objects.get().key)
    caplog.set_level(logging.ERROR)
    reply = fetch(url)
    assert (reply.status_code, reply.content) == (503, b"")
    assert urlsplit(url).path.rpartition("/")[2].removesuffix(".wav") not in caplog.text


# --- The copy -----------------------------------------------------------------------------------------------------


def test_the_first_request_puts_and_later_ones_only_mint(link, puts):
    links = [link() for _ in range(3)]
    assert puts == [JoinedFile.objects.get().key]
    assert AuditEntry.objects.filter(verb="link").count() == len(links)


def test_another_recording_an_amendment_and_a_deletion_each_make_another_copy(link, puts, call, recording, fetch):
    link()
    second = builders.ended_recording(call, AUDIO)
    link()
    lifecycle.amend(second.pk, actor=builders.BUILDER)
    link()
    lifecycle.delete(recording, actor=builders.BUILDER)
    alone = link()
    made = [key for key in puts if "/j/" in key]
    assert len(set(made)) == len(made) == JoinedFile.objects.count() == 4
    assert b"".join(fetch(alone["url"]))[44:] == AUDIO


@pytest.mark.django_db(transaction=True)
def test_fifty_who_ask_first_at_once_make_one_copy(cast, chat, recording, puts, settings):
    address = f"/api/v2/w/{cast.workspace.pk}/recordings/chat/{chat.pk}/download-url"

    def ask(_):
        return Client().get(address, headers={"Authorization": f"Bearer {cast.owner_key}"})

    replies = at_once(50, ask)
    assert [reply.status_code for reply in replies] == [200] * 50
    assert puts == [JoinedFile.objects.get().key]
    folder = settings.STORAGE_ROOT / "w" / str(cast.workspace.pk) / "j" / str(recording.reference_id)
    assert [path.name for path in folder.iterdir()] == [puts[0].rpartition("/")[2]]
    fetched = Client().get(replies[-1].json()["url"].removeprefix(settings.PUBLIC_URL))
    assert b"".join(fetched)[44:] == AUDIO


def test_a_store_that_fails_gives_the_lease_back(chats, chat, recording, monkeypatch, link):
    with monkeypatch.context() as broken:

        def refuse(key, blocks):
            raise StorageError("the disk is full")

        broken.setattr(storage, "put_blocks", refuse)
        reply = chats(chat, "download-url")
    assert (reply.status_code, reply.json()) == (503, {"detail": "An internal server error occurred"})
    assert JoinedFile.objects.get().tm_made is None
    assert link()["file_size"] == 44 + len(AUDIO)


@pytest.fixture
def abandoned(recording):
    """A copy that another process began, whose lease is still good."""
    joined = joining.join([recording])
    joining._claim(joined)
    return joined


def test_who_comes_second_waits_and_is_told_when_it_takes_too_long(chats, chat, abandoned, puts, monkeypatch):
    monkeypatch.setattr(joining, "WAIT_SECONDS", 0.1)
    reply = chats(chat, "download-url")
    assert (reply.status_code, reply.json()) == (503, {"detail": "An internal server error occurred"})
    assert reply.headers["Retry-After"]
    assert puts == []


def test_a_lease_that_ran_out_is_taken_over_and_a_half_told_copy_replaced(link, abandoned, fetch):
    key = JoinedFile.objects.get().key
    storage.put(key, b"another version's bytes")
    JoinedFile.objects.update(leased_until=now())
    assert b"".join(fetch(link()["url"]))[44:] == AUDIO
    assert JoinedFile.objects.get().key == key


def test_the_lease_is_renewed_while_the_copy_is_made(link, abandoned, monkeypatch):
    monkeypatch.setattr(joining, "RENEW_SECONDS", 0.0)
    JoinedFile.objects.update(leased_until=now())
    before = now()
    link()
    assert JoinedFile.objects.get().leased_until > before + joining.LEASE - timedelta(seconds=1)


# --- What the sweep takes -----------------------------------------------------------------------------------------


def exists(key):
    try:
        return bool(storage.read(key, 0, 1))
    except StorageError:
        return False


def test_the_sweep_removes_copies_in_which_something_hidden_is_heard(link, call, recording):
    link()
    first = JoinedFile.objects.get()
    second = builders.ended_recording(call, AUDIO)
    link()
    both = JoinedFile.objects.exclude(pk=first.pk).get()
    assert joining.sweep() == 0
    lifecycle.delete(second, actor=builders.BUILDER)
    assert joining.sweep() == 0  # it was here within the hour
    assert joining.drop_hidden() == 1
    assert (exists(first.key), exists(both.key)) == (True, False)
    Recording.objects.update(expires_at=now())
    assert joining.drop_hidden() == 1
    assert not JoinedFile.objects.exists()


def test_the_sweep_removes_what_a_newer_copy_has_replaced_once_no_link_to_it_lives(link, call, recording, settings):
    link()
    old = JoinedFile.objects.get()
    builders.ended_recording(call, AUDIO)
    link()
    assert joining.sweep() == 0
    JoinedFile.objects.exclude(pk=old.pk).update(tm_made=now() - timedelta(hours=1))
    JoinedFile.objects.filter(pk=old.pk).update(tm_made=now() - timedelta(hours=2))
    settings.DOWNLOAD_URL_MAX_SECONDS = 3601
    assert joining._drop_replaced() == 0
    settings.DOWNLOAD_URL_MAX_SECONDS = 3599
    assert joining._drop_replaced() == 1
    assert not exists(old.key)
    assert JoinedFile.objects.count() == 1


def test_the_sweep_removes_what_was_begun_and_never_made(abandoned):
    assert joining.drop_hidden() == 0
    JoinedFile.objects.update(leased_until=now() - timedelta(days=2))
    assert joining.drop_hidden() == 1
    assert not JoinedFile.objects.exists()


# --- In a bucket --------------------------------------------------------------------------------------------------


def test_in_a_bucket_the_link_is_the_stores_own(cast, chats, chat, call, simulated, use_s3):  # noqa: F811 - they are fixtures
    use_s3(_new_bucket(simulated, "AKIATEST", "secret"))
    recording = builders.ended_recording(call, AUDIO)
    body = chats(chat, "download-url?expires_in=100").json()
    assert body["url"].startswith(simulated)
    assert f"w/{cast.workspace.pk}/j/" in urlsplit(body["url"]).path
    assert (body["expires_in"], parse_qs(urlsplit(body["url"]).query)["X-Amz-Expires"]) == (100, ["100"])
    with urlopen(body["url"]) as reply:
        assert reply.read()[44:] == AUDIO
        assert reply.headers["Content-Disposition"] == f'attachment; filename="chat-{chat.pk}.wav"'
        assert reply.headers["Content-Type"] == "audio/wav"
    assert AuditEntry.objects.get(verb="link").subject_id == str(recording.pk)


def test_in_a_bucket_a_link_lives_a_week_at_the_most(chats, chat, call, simulated, use_s3, settings):  # noqa: F811 - they are fixtures
    use_s3(_new_bucket(simulated, "AKIATEST", "secret"))
    settings.DOWNLOAD_URL_MAX_SECONDS = 10_000_000
    builders.ended_recording(call, AUDIO)
    assert chats(chat, "download-url?expires_in=9000000").json()["expires_in"] == 604_800

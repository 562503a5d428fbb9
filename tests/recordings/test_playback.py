"""Any range of a recording at any moment, what may be heard of one that runs, its links, and who listened."""

import base64
import random
from datetime import timedelta

import numpy as np
import pytest

from recordings import assembly, lifecycle, playback, rendering, storage
from recordings.audio import wav
from recordings.audio.pcm import RATE
from recordings.capture import ledger
from recordings.errors import ObjectMissing
from recordings.models import AudioFile, Chunk, Recording, Stream, Track
from recordings.states import EndReason
from tests.builders import (
    BUILDER,
    close,
    ended_recording,
    finish,
    open_stream,
    running_recording,
    start,
    store,
    tone,
)
from workspaces import audit
from workspaces.audit import Actor
from workspaces.clock import now
from workspaces.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LONG = 200_000  # frames: several blocks of 65,536


def mixed(*tracks):
    total = sum(np.frombuffer(track, "<i2").astype(np.int32) for track in tracks)
    return total.clip(-32_768, 32_767).astype("<i2").tobytes()


def read(audio, first, last):
    return b"".join(audio.read(first, last))


def drop_chunks(recording):
    """Assembled, an hour passes, the chunks go."""
    assembly.assemble(recording.id)
    AudioFile.objects.update(tm_create=now() - assembly.KEEP_CHUNKS)
    assembly.assemble(recording.id)
    assert not Chunk.objects.filter(track__recording=recording).exists()


# --- Ranges -------------------------------------------------------------------------------------------------------


def test_any_range_before_and_after_assembly_and_after_the_chunks_went(call):
    left, right = tone(LONG, seed=1), tone(LONG, seed=2)
    recording = ended_recording(call, left, right)
    whole = wav.header(LONG) + mixed(left, right)
    chance = random.Random(7)
    edges = [(0, 0), (0, 1), (0, 44), (43, 45), (44, 45), (45, 46), (len(whole) - 1, len(whole)), (0, len(whole))]
    for step in (lambda: None, lambda: assembly.assemble(recording.id), lambda: drop_chunks(recording)):
        step()
        audio = playback.open_audio(recording)
        assert (audio.available, audio.size, audio.complete) == (len(whole), len(whole), True)
        for first, last in edges + [sorted(chance.sample(range(len(whole) + 1), 2)) for _ in range(40)]:
            blocks = list(audio.read(first, last))
            assert b"".join(blocks) == whole[first:last]
            assert max(map(len, blocks), default=0) <= 131_072


def test_any_range_of_a_running_recording_and_its_header_never_changes(call):
    pcm = tone(30_000)
    recording, stream = running_recording(call, pcm[:40_000])
    early = playback.open_audio(recording)
    assert (early.complete, early.size, early.etag, early.frames) == (False, None, None, 20_000)
    whole = wav.header(None) + pcm
    assert early.available == 44 + 40_000
    assert read(early, 0, early.available) == whole[: early.available]
    assert read(early, 31_111, 39_999) == whole[31_111:39_999]
    store(stream, pcm[40_000:])
    later = playback.open_audio(recording)
    assert later.available == len(whole)
    assert read(later, early.available, later.available) == whole[early.available :]
    assert later.header == early.header == wav.header(None)
    finish(recording)
    ended = playback.open_audio(recording)
    assert ended.header == wav.header(30_000)
    assert ended.etag == f'"{recording.id}-1"'
    assert read(ended, 44, ended.available) == pcm


def test_a_recording_without_a_sound_is_a_wav_of_no_frames(call):
    audio = playback.open_audio(ended_recording(call))
    assert (audio.frames, audio.size) == (0, 44)
    assert read(audio, 0, 44) == wav.header(0)


def test_a_range_beyond_the_end_is_an_error_of_the_caller(call):
    audio = playback.open_audio(ended_recording(call, tone(800)))
    with pytest.raises(ValueError, match="no range"):
        read(audio, 0, audio.available + 1)


@pytest.mark.parametrize("first", [0, 44, 131_117])
def test_a_download_runs_on_while_its_chunks_go(call, first):
    left, right = tone(LONG, seed=1), tone(LONG, seed=2)
    recording = ended_recording(call, left, right)
    whole = wav.header(LONG) + mixed(left, right)
    blocks = playback.open_audio(recording).read(first, len(whole))
    begun = next(blocks) + next(blocks)
    assert len(begun) < len(whole) - first
    drop_chunks(recording)
    assert begun + b"".join(blocks) == whole[first:]


def test_a_running_download_follows_through_the_end_and_assembly(call):
    pcm = tone(LONG)
    recording, _ = running_recording(call, pcm)
    audio = playback.open_audio(recording)
    blocks = audio.read(0, audio.available)
    begun = next(blocks) + next(blocks)
    finish(recording)
    drop_chunks(recording)
    assert begun + b"".join(blocks) == wav.header(None) + pcm


def store_late(stream, pcm):
    """As capture does it after the end, and once more for whoever comes second."""
    row = Stream.objects.select_related("recording").get(pk=stream.pk)
    [track] = row.channels.values_list("track_id", flat=True)
    place = ledger.Place(row.recording.workspace_id, row.recording_id, row.start_frame, (track,))
    key = storage.file_key(workspace=place.workspace, recording=place.recording, name="late.pcm")
    kept = storage.put(key, pcm)
    for _ in range(2):
        ledger.stored(row.pk, place, first=row.frames_stored, frames=len(pcm) // 2, objects=[kept])
    assert Stream.objects.get(pk=stream.pk).frames_stored == row.frames_stored + len(pcm) // 2


@pytest.mark.parametrize("assembled", [False, True])
def test_a_download_of_the_first_generation_ends_without_the_amendment(call, assembled):
    pcm, early, late = tone(LONG, seed=1), tone(8000, seed=2), tone(LONG - 8000, seed=3)
    recording, _ = running_recording(call, pcm)
    second = open_stream(recording)
    Stream.objects.update(start_frame=0)
    second.refresh_from_db()
    store(second, early)
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    lifecycle.end_lost(recording.id, actor=BUILDER)
    first = mixed(pcm, early + bytes(len(late)))
    audio = playback.open_audio(Recording.objects.get())
    blocks = audio.read(0, audio.available)
    begun = next(blocks) + next(blocks)
    if assembled:
        assembly.assemble(recording.id)
    store_late(second, late)
    again = playback.open_audio(Recording.objects.get())
    assert (again.etag, read(again, 44, again.available)) == (audio.etag, first)
    lifecycle.amend(recording.id, actor=BUILDER)
    amended = playback.open_audio(Recording.objects.get())
    assert amended.etag != audio.etag
    if assembled:
        drop_chunks(recording)
    else:
        assembly.assemble(recording.id)
    assert begun + b"".join(blocks) == wav.header(LONG) + first
    assert read(amended, 44, amended.available) == mixed(pcm, early + late)


def test_a_piece_that_is_gone_for_good_is_an_error_and_no_silence(call, monkeypatch):
    recording = ended_recording(call, tone(24_000))
    storage.delete(Chunk.objects.order_by("start_frame")[1].key)
    plans = []
    plan = rendering.timeline_of
    monkeypatch.setattr(rendering, "timeline_of", lambda *span: plans.append(span) or plan(*span))
    audio = playback.open_audio(recording)
    with pytest.raises(ObjectMissing):
        read(audio, 0, audio.available)
    assert len(plans) == 1 + rendering.REPLANS
    assert read(audio, 44, 44 + 16_000) == tone(24_000)[:16_000]


# --- What may be heard of one that runs ---------------------------------------------------------------------------


def test_the_slowest_of_two_sockets_decides(call):
    recording = start(call)
    fast, slow = open_stream(recording, ago=60), open_stream(recording, ago=60)
    Stream.objects.filter(pk=slow.pk).update(start_frame=0)
    slow.refresh_from_db()
    store(fast, tone(24_000, seed=1))
    store(slow, tone(8_000, seed=2))
    audio = playback.open_audio(recording)
    assert audio.frames == 8000
    both = mixed(tone(24_000, seed=1)[:16_000], tone(8_000, seed=2))
    assert read(audio, 44, audio.available) == both
    close(slow)
    assert playback.open_audio(recording).frames == 24_000


def test_a_socket_that_closed_holds_back_what_is_still_to_be_stored(call):
    recording = start(call)
    open_one, closed = open_stream(recording, ago=60), open_stream(recording, ago=60)
    Stream.objects.filter(pk=closed.pk).update(start_frame=0)
    closed.refresh_from_db()
    store(open_one, tone(24_000))
    store(closed, tone(8_000))
    Stream.objects.filter(pk=closed.pk).update(closed_at=now(), frames_received=16_000)
    assert playback.open_audio(recording).frames == 8000
    store(Stream.objects.get(pk=closed.pk), tone(8_000))
    assert playback.open_audio(recording).frames == 24_000


def test_a_socket_without_audio_yet_holds_back_only_where_it_may_still_begin(call):
    """Whatever comes of it is anchored at its arrival, so only the last moments are open."""
    recording, stream = running_recording(call, tone(40 * RATE))
    assert playback.open_audio(recording).frames == 40 * RATE
    Stream.objects.create(recording=recording, node=stream.node)
    ago = 41.0
    Recording.objects.update(tm_start=now() - timedelta(seconds=ago))
    held = ago - playback.LATE_ANCHOR.total_seconds()
    assert held - 0.1 <= playback.open_audio(recording).frames / RATE <= held + 5
    assert playback.open_audio(recording).frames < 40 * RATE
    Recording.objects.update(tm_start=now() - timedelta(seconds=60))
    assert playback.open_audio(recording).frames == 40 * RATE


@pytest.mark.parametrize("began", [False, True])
def test_before_any_audio_there_is_nothing_to_hear(call, began):
    recording = start(call)
    if began:
        lifecycle.audio_arrived(recording.id, at=now(), actor=BUILDER)
    Stream.objects.create(recording=recording, node=open_stream(start_other(call)).node)
    audio = playback.open_audio(recording)
    assert (audio.frames, audio.available, audio.complete) == (0, 44, False)
    assert read(audio, 0, 44) == wav.header(None)


def start_other(call):
    return start(call, recording_type="segment")


def test_a_later_track_is_heard_where_it_begins(call):
    recording = start(call)
    first = open_stream(recording, ago=60)
    second = open_stream(recording, ago=59)
    store(first, tone(16_000, seed=1))
    store(second, tone(16_000, seed=2))
    finish(recording)
    at = second.start_frame
    silent = bytes(2 * at)
    audio = playback.open_audio(recording)
    assert read(audio, 44, audio.available) == mixed(tone(16_000, seed=1) + silent, silent + tone(16_000, seed=2))
    assert Track.objects.count() == 2


# --- Links --------------------------------------------------------------------------------------------------------


def token_of(url):
    return url.rsplit("/", 1)[1].removesuffix(".wav")


@pytest.fixture
def ended(call):
    return ended_recording(call, tone(800))


MINTERS = {
    "recording_url": (playback.recording_url, playback.recording_of_url),
    "link": (lambda recording: playback.mint_link(recording, seconds=60, actor=BUILDER)[0], playback.recording_of_link),
}


@pytest.fixture(params=MINTERS)
def minted(request, ended):
    """A token and what opens it."""
    mint, opens = MINTERS[request.param]
    return token_of(mint(ended)), opens


def test_a_token_opens_its_recording(minted, ended):
    token, opens = minted
    assert opens(token) == ended


def test_a_token_that_is_wrong_in_any_way_opens_nothing(minted, ended):
    token, opens = minted
    other = base64.urlsafe_b64encode(ended.id.bytes + bytes(24)).decode().rstrip("=")
    for wrong in ("", "=", "x", token[:-1], token[1:], token + "x", token + token, "ä", "\0", "a" * 54, other):
        assert opens(wrong) is None, wrong
    for place in range(len(token)):
        flipped = token[:place] + chr(ord(token[place]) ^ 1) + token[place + 1 :]
        assert opens(flipped) is None, flipped


@pytest.mark.parametrize("moment", ["tm_delete", "expires_at"])
def test_a_token_of_what_is_deleted_or_expired_opens_nothing(minted, ended, moment):
    token, opens = minted
    Recording.objects.update(**{moment: now()})
    assert opens(token) is None


def test_a_token_is_of_this_installation(minted, settings):
    token, opens = minted
    settings.SECRET_KEY = "another key, of another installation, as long"
    assert opens(token) is None


def test_a_recording_url_opens_only_what_has_ended_and_only_so_long(call):
    recording, _ = running_recording(call, tone(800))
    token = token_of(playback.recording_url(recording))
    assert playback.recording_of_url(token) is None
    finish(recording)
    assert playback.recording_of_url(token) == recording
    Recording.objects.update(url_expires_at=now())
    assert playback.recording_of_url(token) is None


def test_the_recording_url_is_of_public_url_or_of_the_operators_store(ended, settings):
    settings.PUBLIC_URL = "https://tapedeck.example"
    assert playback.recording_url(ended).startswith("https://tapedeck.example/r/")
    settings.RECORDING_BASE_URL = "https://cdn.example/x"
    below = f"https://cdn.example/x/w/{ended.workspace_id}/r/{ended.id}"
    assert playback.recording_url(ended) == f"{below}/recording.wav"
    ended.generation = 3
    assert playback.recording_url(ended) == f"{below}/recording-3.wav"


def test_a_link_opens_what_still_runs(call):
    recording, _ = running_recording(call, tone(800))
    url, life = playback.mint_link(recording, seconds=60, actor=BUILDER)
    assert life == 60
    assert playback.recording_of_link(token_of(url)) == recording


def test_a_links_life_is_cut_to_the_maximum_and_to_the_recordings(ended, settings, monkeypatch):
    settings.DOWNLOAD_URL_MAX_SECONDS = 100
    moment = now()
    monkeypatch.setattr(playback, "now", lambda: moment)
    url, life = playback.mint_link(ended, seconds=3600, actor=BUILDER)
    assert life == 100
    ended.expires_at = moment + timedelta(seconds=30)
    assert playback.mint_link(ended, seconds=3600, actor=BUILDER)[1] == 30
    monkeypatch.setattr(playback, "now", lambda: moment + timedelta(seconds=98))
    assert playback.recording_of_link(token_of(url)) == ended
    monkeypatch.setattr(playback, "now", lambda: moment + timedelta(seconds=101))
    assert playback.recording_of_link(token_of(url)) is None


# --- Who listened -------------------------------------------------------------------------------------------------


def entries(verb):
    return list(AuditEntry.objects.filter(verb=verb).order_by("id").values_list("actor_name", "subject_id", "data"))


def test_a_link_leaves_an_entry(ended):
    playback.mint_link(ended, seconds=60, actor=BUILDER)
    playback.mint_link(ended, seconds=30, actor=BUILDER)
    assert entries("link") == [("test", str(ended.id), {"seconds": 60}), ("test", str(ended.id), {"seconds": 30})]


def test_a_listener_is_noted_once_in_a_quarter_of_an_hour(ended, call, monkeypatch):
    moment = now().replace(minute=0, second=0, microsecond=0)
    monkeypatch.setattr(audit, "now", lambda: moment)
    other = start_other(call)
    for _ in range(3):
        playback.record_access("listen", ended, BUILDER, {"via": "player"})
    playback.record_access("listen", ended, Actor.named("somebody else"))
    playback.record_access("listen", other, BUILDER)
    assert entries("listen") == [
        ("test", str(ended.id), {"via": "player"}),
        ("somebody else", str(ended.id), {}),
        ("test", str(other.id), {}),
    ]
    AuditEntry.objects.update(at=moment)  # as if the row's own clock had stood there
    monkeypatch.setattr(audit, "now", lambda: moment + timedelta(minutes=14, seconds=59))
    playback.record_access("listen", ended, BUILDER)
    assert len(entries("listen")) == 3
    monkeypatch.setattr(audit, "now", lambda: moment + timedelta(minutes=15))
    playback.record_access("listen", ended, BUILDER)
    assert len(entries("listen")) == 4


def test_every_download_is_noted(ended):
    for _ in range(2):
        playback.record_access("download", ended, BUILDER)
    assert len(entries("download")) == 2

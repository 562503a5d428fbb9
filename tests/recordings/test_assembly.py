"""From chunks to files: the right bytes, whatever is killed on the way, and nothing dropped that no file holds."""

from datetime import timedelta
from hashlib import sha256

import numpy as np
import pytest

from recordings import assembly, lifecycle, playback, rendering, storage
from recordings.audio import wav
from recordings.audio.pcm import RATE
from recordings.errors import ObjectConflict, ObjectMissing, StorageError
from recordings.models import AudioFile, CaptureNode, Chunk, Recording, Stream, Track
from recordings.states import EndReason
from tests.builders import BUILDER, close, ended_recording, finish, open_stream, running_recording, start, store, tone
from tests.workspaces.crowd import at_once
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def stop(recording):
    assert lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)


def pass_an_hour():
    AudioFile.objects.update(tm_create=now() - assembly.KEEP_CHUNKS)


def heard(recording):
    audio = playback.open_audio(Recording.objects.get(pk=recording.pk))
    return b"".join(audio.read(0, audio.available))


def content(file):
    return storage.read(file.key, 0, file.size + 100)


def check_file(file, pcm):
    data = wav.header(len(pcm) // 2) + pcm
    assert content(file) == data
    assert (file.size, file.frames, file.sha256) == (len(data), len(pcm) // 2, sha256(data).hexdigest())


class Stumbling:
    """The store of the tests, whose nth call raises, before or after it has done what it was asked."""

    def __init__(self, *, at, after):
        self.real = storage.store()
        self.at = at
        self.after = after
        self.calls = 0

    def _act(self, act, *args):
        self.calls += 1
        if self.calls != self.at:
            return act(*args)
        if self.after:
            act(*args)
        raise StorageError("killed here")

    def put(self, key, blocks):
        return self._act(self.real.put, key, blocks)

    def read(self, key, offset, length):
        return self._act(self.real.read, key, offset, length)

    def delete(self, key):
        return self._act(self.real.delete, key)


# --- finish -------------------------------------------------------------------------------------------------------


def test_finish_waits_until_all_is_stored_then_ends_once(call):
    recording, stream = running_recording(call, tone(800))
    assert assembly.finish(recording.id) is False
    assert Recording.objects.get().status == "recording"
    stop(recording)
    Recording.objects.update(due_at=None)
    assert assembly.finish(recording.id) is False
    row = Recording.objects.get()
    assert row.status == "stopping"
    assert row.due_at > now()
    close(stream)
    assert assembly.finish(recording.id) is True
    assert Recording.objects.get().status == "ended"
    assert assembly.finish(recording.id) is False


def test_finish_waits_for_a_node_only_so_long(call, settings):
    recording, stream = running_recording(call, tone(800))
    store(other := open_stream(recording), tone(80))
    stop(recording)
    long_ago = now() - timedelta(seconds=settings.CAPTURE_LOST_AFTER + 1)
    CaptureNode.objects.filter(pk=stream.node_id).update(heartbeat_at=long_ago)
    assert assembly.finish(recording.id) is False  # the other's node lives
    CaptureNode.objects.filter(pk=other.node_id).update(heartbeat_at=long_ago)
    assert assembly.finish(recording.id) is True
    row = Recording.objects.get()
    assert (row.status, row.end_reason) == ("ended", "capture_lost")


@pytest.fixture
def base_url(settings):
    settings.RECORDING_BASE_URL = "https://cdn.example/audio"


def object_at(url):
    """What the operator's own server answers for this address."""
    return storage.read(url.removeprefix("https://cdn.example/audio/"), 0, 1 << 22)


@pytest.mark.parametrize("lost", [False, True])
def test_with_a_base_url_the_mixed_wav_stands_before_the_end(call, base_url, monkeypatch, lost):
    recording, stream = running_recording(call, tone(RATE, seed=1), tone(RATE, seed=2))
    stop(recording)
    if lost:
        CaptureNode.objects.update(heartbeat_at=now() - timedelta(days=1))
    else:
        close(stream)
    stood = []
    verb = "end_lost" if lost else "end"
    real = getattr(lifecycle, verb)

    def ending(recording_id, **values):
        recording = Recording.objects.get(pk=recording_id)
        stood.append((recording.status, object_at(playback.recording_url(recording))))
        return real(recording_id, **values)

    monkeypatch.setattr(lifecycle, verb, ending)
    assert assembly.finish(recording.id)
    assert stood == [("stopping", heard(recording))]
    file = AudioFile.objects.get(rendition="wav")
    check_file(file, heard(recording)[44:])


def test_a_mixed_wav_that_came_too_early_is_made_anew_while_nobody_knows_of_it(call, base_url, monkeypatch):
    """Its node was given up, the process was killed before the end, and then the node came back with more."""
    recording, stream = running_recording(call, tone(800, seed=1))
    stop(recording)
    assembly.put_mixed(Recording.objects.get())
    store(Stream.objects.get(pk=stream.pk), tone(800, seed=2))
    close(Stream.objects.get(pk=stream.pk))
    assert assembly.finish(recording.id)
    file = AudioFile.objects.get(rendition="wav")
    check_file(file, tone(800, seed=1) + tone(800, seed=2))
    assert object_at(playback.recording_url(recording)) == heard(recording)


def test_of_an_ended_recording_nothing_is_ever_replaced(call, base_url):
    recording = ended_recording(call, tone(800))
    storage.put(rendering.mixed_key(recording), b"something else")
    with pytest.raises(ObjectConflict):
        assembly.put_mixed(recording)
    assert object_at(playback.recording_url(recording)) == b"something else"


def test_an_amended_recording_gets_its_mixed_wav_too(call, base_url):
    recording, stream = running_recording(call, tone(800, seed=1))
    stop(recording)
    CaptureNode.objects.update(heartbeat_at=now() - timedelta(days=1))
    assert assembly.finish(recording.id)
    store(Stream.objects.get(pk=stream.pk), tone(800, seed=2))
    close(Stream.objects.get(pk=stream.pk))
    lifecycle.amend(recording.id, actor=BUILDER)
    amended = Recording.objects.get()
    assembly.assemble(recording.id)
    assert object_at(playback.recording_url(amended)) == heard(amended)
    assert AudioFile.objects.filter(rendition="wav").count() == 2
    assembly.assemble(recording.id)
    assert AudioFile.objects.filter(rendition="wav").count() == 2


# --- assemble -----------------------------------------------------------------------------------------------------


def test_each_track_of_a_stereo_call_is_a_file_and_the_sound_stays_the_same(call):
    left, right = tone(20_000, seed=1), tone(20_000, seed=2)
    recording = ended_recording(call, left, right)
    before = heard(recording)
    assembly.assemble(recording.id)
    files = list(AudioFile.objects.exclude(track=None).order_by("rendition"))
    assert [(file.rendition, file.generation, file.track.position) for file in files] == [
        ("track-0", 1, 0),
        ("track-1", 1, 1),
    ]
    check_file(files[0], left)
    check_file(files[1], right)
    mixed = np.frombuffer(left, "<i2").astype(int) + np.frombuffer(right, "<i2")
    assert heard(recording) == before == wav.header(20_000) + mixed.clip(-32_768, 32_767).astype("<i2").tobytes()
    due = Recording.objects.get().due_at - max(file.tm_create for file in files)
    assert due == assembly.KEEP_CHUNKS
    assert Chunk.objects.count() == 6


def gap_and_two_streams(call):
    """A track that two sockets wrote, with silence between them."""
    recording = start(call)
    first = open_stream(recording, ago=60)
    store(first, tone(4000, seed=1))
    close(first)
    again = open_stream(recording, ago=57)
    Track.objects.filter(streams=again).delete()
    again.channels.create(track=Track.objects.get(), channel=0)
    store(again, tone(6000, seed=2))
    finish(recording)
    return recording, tone(4000, seed=1) + bytes(2 * (again.start_frame - 4000)) + tone(6000, seed=2)


def test_two_streams_on_one_track_with_silence_between_them(call):
    recording, pcm = gap_and_two_streams(call)
    assert heard(recording) == wav.header(len(pcm) // 2) + pcm
    assembly.assemble(recording.id)
    check_file(AudioFile.objects.get(rendition="track-0"), pcm)
    pass_an_hour()
    assembly.assemble(recording.id)
    assert not Chunk.objects.exists()
    assert heard(recording) == wav.header(len(pcm) // 2) + pcm


def test_what_has_not_ended_is_not_assembled(call):
    recording, _ = running_recording(call, tone(800))
    assembly.assemble(recording.id)
    stop(recording)
    assembly.assemble(recording.id)
    assert not AudioFile.objects.exists()


def test_one_that_ended_without_a_sound_has_nothing_to_assemble(call):
    recording = ended_recording(call)
    Recording.objects.update(due_at=now())
    assembly.assemble(recording.id)
    assert not AudioFile.objects.exists()
    assert Recording.objects.get().due_at is None


def test_assembling_twice_makes_nothing_anew(call):
    recording = ended_recording(call, tone(800))
    assembly.assemble(recording.id)
    made = list(AudioFile.objects.values())
    due = Recording.objects.get().due_at
    assembly.assemble(recording.id)
    assert list(AudioFile.objects.values()) == made
    assert Recording.objects.get().due_at == due


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("hinted")
def test_assembling_in_four_threads_at_once(call):
    recording, pcm = gap_and_two_streams(call)
    at_once(4, lambda _: assembly.assemble(recording.id))
    check_file(AudioFile.objects.get(rendition="track-0"), pcm)


def test_after_an_hour_the_chunks_go_objects_and_rows(call):
    recording = ended_recording(call, tone(20_000, seed=1), tone(20_000, seed=2))
    before = heard(recording)
    keys = list(Chunk.objects.values_list("key", flat=True))
    assembly.assemble(recording.id)
    pass_an_hour()
    assembly.assemble(recording.id)
    assert not Chunk.objects.exists()
    for key in keys:
        with pytest.raises(ObjectMissing):
            storage.read(key, 0, 1)
    assert heard(recording) == before
    assert Recording.objects.get().due_at is None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_to_the_store_it_goes_on(cast, monkeypatch, after):
    """Raises at each read, put and delete in turn, before or after the act; the next run leaves the same as one run."""
    from tests.builders import make_call

    for at in range(1, 40):
        recording = ended_recording(make_call(cast.workspace), tone(12_000, seed=1), tone(12_000, seed=2))
        before = heard(recording)
        stumbling = Stumbling(at=at, after=after)
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(storage, "store", lambda store=stumbling: store)
                if stumbling.calls < at:
                    run_into(stumbling, recording)
            assert heard(recording) == before
            assembly.assemble(recording.id)
            pass_an_hour()
            assembly.assemble(recording.id)
            assert heard(recording) == before
        files = AudioFile.objects.filter(recording=recording).exclude(track=None).order_by("rendition")
        check_file(files[0], tone(12_000, seed=1))
        check_file(files[1], tone(12_000, seed=2))
        assert not Chunk.objects.filter(track__recording=recording).exists()
        if stumbling.calls < at:
            assert at > 8
            return
    pytest.fail("it never got through without stumbling")


def run_into(store, recording):
    """A run to the end or to the call that raises, an hour passing in the middle."""
    try:
        assembly.assemble(recording.id)
        pass_an_hour()
        assembly.assemble(recording.id)
    except StorageError:
        assert store.calls >= store.at
    else:
        assert store.calls < store.at


def test_killed_between_an_object_and_its_row_and_amended_afterwards(call, monkeypatch):
    recording, stream = running_recording(call, tone(16_000, seed=1))
    stop(recording)
    assert lifecycle.end_lost(recording.id, actor=BUILDER)
    assembly.assemble(recording.id)
    pass_an_hour()
    storage.delete(Chunk.objects.first().key)
    store(Stream.objects.get(pk=stream.pk), tone(4000, seed=2))
    lifecycle.amend(recording.id, actor=BUILDER)
    assembly.assemble(recording.id)
    check_file(AudioFile.objects.get(rendition="track-0", generation=2), tone(16_000, seed=1) + tone(4000, seed=2))


def test_what_came_late_is_never_dropped_by_a_file_that_lacks_it(call):
    """It is stored before it is amended: between the two the old file is still the newest."""
    recording, stream = running_recording(call, tone(16_000, seed=1))
    stop(recording)
    assert lifecycle.end_lost(recording.id, actor=BUILDER)
    assembly.assemble(recording.id)
    pass_an_hour()
    store(Stream.objects.get(pk=stream.pk), tone(4000, seed=2))
    assembly.assemble(recording.id)
    assert [chunk.start_frame for chunk in Chunk.objects.all()] == [16_000]
    lifecycle.amend(recording.id, actor=BUILDER)
    whole = tone(16_000, seed=1) + tone(4000, seed=2)
    assert heard(recording) == wav.header(20_000) + whole
    assembly.assemble(recording.id)
    check_file(AudioFile.objects.get(rendition="track-0", generation=2), whole)
    check_file(AudioFile.objects.get(rendition="track-0", generation=1), tone(16_000, seed=1))
    pass_an_hour()
    assembly.assemble(recording.id)
    assert not Chunk.objects.exists()
    assert heard(recording) == wav.header(20_000) + whole


def test_a_file_that_lost_its_bytes_takes_no_chunk_with_it(call):
    recording = ended_recording(call, tone(8000))
    assembly.assemble(recording.id)
    pass_an_hour()
    storage.delete(AudioFile.objects.get(rendition="track-0").key)
    with pytest.raises(ObjectMissing):
        assembly.assemble(recording.id)
    assert Chunk.objects.count() == 1

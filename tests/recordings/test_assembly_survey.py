"""Health and peaks as assembly leaves them: right, made in one pass and once, whatever is killed on the way."""

from datetime import timedelta

import numpy as np
import pytest

from calls.models import Call
from recordings import assembly, lifecycle, storage, survey
from recordings.audio import peaks
from recordings.audio.peaks import COARSE, FINE, Layout, read_pairs
from recordings.audio.wav import WavSource
from recordings.errors import StorageError
from recordings.models import AudioFile, CaptureNode, Chunk, Recording, Stream, Transition
from recordings.states import EndReason
from tests.builders import BUILDER, close, ended_recording, finish, open_stream, running_recording, start, store
from tests.recordings.audio.test_health import DEMO
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def voice(name):
    with WavSource.open(DEMO / f"{name}.wav") as source:
        return source.read(0, source.frames)


AGENT, CUSTOMER = voice("agent"), voice("customer")
QUIET = bytes(len(AGENT))


def assembled(recording):
    assembly.assemble(recording.id)
    recording.refresh_from_db()
    return recording


def outline(recording):
    """The layout and the bytes of the recording's peaks."""
    file = AudioFile.objects.get(recording=recording, rendition="peaks", generation=recording.generation)
    data = storage.read(file.key, 0, file.size + 1)
    layout = Layout.parse(data[: peaks.HEADER_BYTES])
    assert (file.size, file.frames, file.content_type) == (layout.size, recording.frames, "application/octet-stream")
    return layout, data


def points(recording, zoom, *, track=0):
    layout, data = outline(recording)
    offset, length = layout.span(zoom, track=track, first=0, last=1 << 40)
    return read_pairs(data[offset : offset + length])


def test_an_ended_call_is_looked_at_once_it_is_assembled(call):
    recording = ended_recording(call, AGENT, CUSTOMER)
    assert recording.health is None
    assert assembled(recording).health == []
    layout, _ = outline(recording)
    assert (layout.tracks, layout.frames) == (2, len(AGENT) // 2)
    for track, pcm in enumerate((AGENT, CUSTOMER)):
        samples = np.frombuffer(pcm, dtype="<i2")
        for zoom in (FINE, COARSE):
            whole = samples[: samples.size // zoom * zoom].reshape(-1, zoom)
            made = points(recording, zoom, track=track)[: len(whole)]
            assert (made == np.stack([whole.min(axis=1), whole.max(axis=1)], axis=1)).all()


def test_what_is_wrong_is_on_the_recording(call):
    recording = assembled(ended_recording(call, QUIET, CUSTOMER))
    assert recording.health == [{"kind": "one_sided", "tracks": [0]}]


def test_without_sound_there_is_nothing_to_look_at(call):
    recording = assembled(ended_recording(call))
    assert recording.health is None
    assert not AudioFile.objects.exists()


def test_a_second_run_looks_at_nothing(call, monkeypatch):
    recording = assembled(ended_recording(call, AGENT))
    rows = list(AudioFile.objects.values())
    monkeypatch.setattr(storage, "read", lambda *_: pytest.fail("it was read again"))
    assert assembled(recording).health == []
    assert list(AudioFile.objects.values()) == rows


def test_the_tracks_are_read_once(call, monkeypatch):
    recording = ended_recording(call, AGENT, CUSTOMER)
    real, taken = storage.read, []

    def read(key, offset, length):
        taken.append(length)
        return real(key, offset, length)

    monkeypatch.setattr(storage, "read", read)
    assembled(recording)
    assert sum(taken) == len(AGENT) + len(CUSTOMER)


@pytest.mark.parametrize("refused", ["track-0", "track-1", "peaks"])
def test_killed_anywhere_the_next_run_leaves_the_same(call, monkeypatch, refused):
    recording = ended_recording(call, AGENT, QUIET)
    real = storage.put_blocks

    def put_blocks(key, blocks):
        if f"/{refused}-" in key:
            raise StorageError("killed here")
        return real(key, blocks)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "put_blocks", put_blocks)
        with pytest.raises(StorageError):
            assembly.assemble(recording.id)
    assert assembled(recording).health == [{"kind": "one_sided", "tracks": [1]}]
    assert outline(recording)[0].tracks == 2
    assert AudioFile.objects.count() == 3


def test_peaks_that_nobody_knows_of_are_made_anew(call):
    """Put by a version that drew them otherwise, which was killed before it wrote the row."""
    recording = ended_recording(call, AGENT)
    key = storage.file_key(workspace=recording.workspace_id, recording=recording.pk, name="peaks-1.bin")
    storage.put(key, b"TDPK of another form")
    assembled(recording)
    assert outline(recording)[0].tracks == 1


def test_an_amendment_in_between_leaves_it_to_the_next_run(call, monkeypatch):
    recording = ended_recording(call, AGENT)
    real = survey.Survey.findings

    def findings(self):
        if Recording.objects.get().generation == 1:
            lifecycle.amend(recording.id, actor=BUILDER)
        return real(self)

    monkeypatch.setattr(survey.Survey, "findings", findings)
    assert assembled(recording).health is None
    assert not AudioFile.objects.filter(rendition="peaks").exists()
    assert assembled(recording).health == []
    assert outline(recording)[0].frames == recording.frames


# --- Gaps ---------------------------------------------------------------------------------------------------------


def with_a_gap(call, *, first, silent):
    """A track of which `silent` frames from frame `first` on never came."""
    recording, stream = running_recording(call, AGENT[: first * 2])
    stream.frames_stored += silent
    stream.save(update_fields=["frames_stored"])
    store(stream, AGENT[(first + silent) * 2 :])
    return finish(recording)


def test_a_gap_has_its_place_and_length(call):
    recording = assembled(with_a_gap(call, first=80_000, silent=12_000))
    assert recording.health == [{"kind": "gap", "track": 0, "at_ms": 10_000, "ms": 1500}]


def test_a_gap_is_still_known_when_the_chunks_are_gone_and_more_audio_came(call):
    recording = assembled(with_a_gap(call, first=80_000, silent=12_000))
    AudioFile.objects.update(tm_create=now() - assembly.KEEP_CHUNKS)
    assembled(recording)
    assert not Chunk.objects.exists()
    stream = Stream.objects.get()
    before = stream.frames_stored
    stream.frames_stored += 8000  # a second that never came at all
    stream.save(update_fields=["frames_stored"])
    store(stream, AGENT[:32_000])
    Chunk.objects.update(generation=2)
    lifecycle.amend(recording.id, actor=BUILDER)
    assert assembled(recording).health == [
        {"kind": "gap", "track": 0, "at_ms": 10_000, "ms": 1500},
        {"kind": "gap", "track": 0, "at_ms": before // 8, "ms": 1000},
    ]
    assert outline(recording)[0].frames == recording.frames == before + 24_000


def test_a_gap_that_was_filled_later_is_none(call):
    recording = assembled(with_a_gap(call, first=80_000, silent=12_000))
    stream, track = Stream.objects.get(), recording.tracks.get()
    key = storage.chunk_key(
        workspace=recording.workspace_id, recording=recording.id, track=track.id, start_frame=80_000, sha256="0" * 64
    )
    storage.put(key, AGENT[160_000:184_000])
    Chunk.objects.create(
        track=track, stream=stream, start_frame=80_000, frames=12_000, key=key, sha256="0" * 64, generation=2
    )
    lifecycle.amend(recording.id, actor=BUILDER)
    assert assembled(recording).health == []


# --- Shorter than the call ----------------------------------------------------------------------------------------


def ended_after(call, seconds, *, closed_after=None, reason=EndReason.REQUESTED):
    """A recording of 40 s of sound that was asked for `seconds` before it was stopped."""
    recording = start(call)
    begun = now() - timedelta(hours=1)
    stream = open_stream(recording)
    store(stream, AGENT)
    lifecycle.stop(recording.id, reason=reason, actor=BUILDER)
    close(stream)
    lifecycle.end(recording.id, actor=BUILDER)
    Recording.objects.update(tm_create=begun)
    Transition.objects.filter(to_state="stopping").update(at=begun + timedelta(seconds=seconds))
    Stream.objects.update(closed_at=begun + timedelta(seconds=closed_after or seconds + 0.2))
    Call.objects.update(tm_hangup=begun + timedelta(seconds=90))
    return assembled(recording).health


def test_as_long_as_it_was_asked_for_is_well(call):
    assert ended_after(call, 41) == []


def test_shorter_than_it_was_asked_for_is_short(call):
    assert ended_after(call, 60) == [{"kind": "short", "ms": 20_000}]


def test_a_socket_that_broke_ended_the_call(call):
    """The recording waited for it to come back; nobody spoke meanwhile."""
    assert ended_after(call, 51, closed_after=40.5, reason=EndReason.HANGUP) == []


def test_where_the_capture_was_lost_the_call_went_on(call):
    assert ended_after(call, 55, closed_after=40, reason=EndReason.CAPTURE_LOST) == [{"kind": "short", "ms": 50_000}]


def test_one_that_was_never_stopped_expects_nothing(call):
    recording = assembled(finish(running_recording(call, AGENT)[0]))
    Transition.objects.filter(to_state="stopping").delete()
    AudioFile.objects.filter(rendition="peaks").delete()
    Recording.objects.update(tm_create=now() - timedelta(hours=1))
    assert assembled(recording).health == []


def test_two_nodes_make_tracks_that_begin_at_different_times(call):
    recording, _ = running_recording(call, AGENT)
    store(open_stream(recording, ago=50.0), CUSTOMER)
    finish(recording)
    assert CaptureNode.objects.count() == 2
    assert assembled(recording).health == []
    layout, _ = outline(recording)
    assert (layout.tracks, layout.frames) == (2, recording.frames)
    assert recording.frames > len(AGENT) // 2
    first_of_second = points(recording, COARSE, track=1)[:90]
    assert not first_of_second.any()
    assert points(recording, COARSE, track=1)[100:].any()

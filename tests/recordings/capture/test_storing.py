import random
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest

from recordings import storage
from recordings.audio import pcm, resampling
from recordings.capture import ledger
from recordings.capture.protocols import MediaFormat
from recordings.capture.spool import Header, StreamSpool
from recordings.capture.storing import StreamStore
from recordings.errors import StorageError
from recordings.models import CaptureNode, Chunk, Stream
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

LABELS = {1: ("mixed",), 2: ("inbound", "outbound")}


@pytest.fixture
def begin(cast, tmp_path):
    """A socket's spool and store, as they stand when its first audio has arrived."""

    def start(media, *, chunk_seconds=0.25):
        recording = builders.start(builders.make_call(cast.workspace))
        stream = Stream.objects.create(recording=recording, node=CaptureNode.objects.create(host="test"))
        moment = datetime.now(UTC)
        place = ledger.first_audio(stream.id, at=moment, labels=media.labels)
        spool = StreamSpool.create(tmp_path / str(stream.id), Header(stream.id, recording.id, media, moment))
        return spool, StreamStore(spool, place, chunk_seconds=chunk_seconds)

    return start


def voice(media, seconds, *, seed=1):
    """Wire bytes that change all the time, with some low frequencies in them."""
    frames = int(seconds * media.rate)
    dice = np.random.default_rng(seed)
    if media.encoding != "l16":
        return dice.integers(0, 256, frames * media.channels, dtype=np.uint8).tobytes()
    t = np.arange(frames * media.channels) / media.rate
    wave = 9000 * np.sin(2 * np.pi * 300 * t) + dice.normal(0, 2000, t.size)
    return wave.astype("<i2").tobytes()


def kept(spool):
    """PCM per track, label → bytes; fails where the pieces do not join without gap or overlap."""
    found = {}
    stream = Stream.objects.get(pk=spool.header.stream)
    for chunk in Chunk.objects.filter(stream=stream).select_related("track").order_by("track", "start_frame"):
        data = storage.read(chunk.key, 0, 1 << 24)
        assert len(data) == 2 * chunk.frames
        before = found.setdefault(chunk.track.label, b"")
        assert chunk.start_frame == (stream.start_frame or 0) + len(before) // 2
        found[chunk.track.label] = before + data
    for data in found.values():
        assert len(data) == 2 * stream.frames_stored
    return found


def whole(media, raw):
    """What audio/ makes of all of it in one go."""
    decoded = pcm.decode(raw[: len(raw) // media.frame_bytes * media.frame_bytes], pcm.Encoding(media.encoding))
    sides = pcm.split_channels(decoded, media.channels)
    frames = resampling.safe_frames(sides[0].size, rate=media.rate, final=True)
    return {
        label: resampling.resample(side, rate=media.rate, first=0, start=0, stop=frames)
        for label, side in zip(media.labels, sides, strict=True)
    }


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("encoding", "rate"),
    [
        *[("l16", rate) for rate in (8000, 11_025, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 64_000)],
        ("ulaw", 8000),
        ("alaw", 8000),
        ("ulaw", 16_000),
    ],
)
def test_pieces_are_what_the_whole_would_be(begin, encoding, rate, channels):
    media = MediaFormat(encoding, rate, channels, LABELS[channels])
    spool, store = begin(media)
    raw, dice, at = voice(media, 2.0) + b"\x01", random.Random(rate + channels), 0
    while at < len(raw):
        size = dice.randint(1, len(raw) // 9)
        spool.append(raw[at : at + size])
        at += size
        spool.roll()
        store.store(spool.size, final=False)
    store.store(spool.size, final=True)
    stored, expected = kept(spool), whole(media, raw)
    assert stored.keys() == expected.keys()
    for label, samples in expected.items():
        made = np.frombuffer(stored[label], "<i2")
        assert made.size == samples.size == store.frames(len(raw))
        off = np.abs(made.astype(int) - samples)
        assert off.max(initial=0) <= (0 if rate == 8000 else 1)  # 1: rounding that fell the other way
        assert (off > 0).mean() < 0.01
    assert Chunk.objects.count() >= channels * 4, "in pieces, not at the end"


def test_what_is_ready_before_the_end_stays_as_it_is(begin):
    """Pieces stored while audio comes are never made anew: their keys hold their hash."""
    media = MediaFormat("l16", 16_000, 1, LABELS[1])
    spool, store = begin(media)
    raw = voice(media, 2.0)
    spool.append(raw[: len(raw) // 2])
    store.store(spool.size, final=False)
    early = list(Chunk.objects.values_list("key", flat=True))
    spool.append(raw[len(raw) // 2 :])
    store.store(spool.size, final=True)
    assert early
    assert set(early) < set(Chunk.objects.values_list("key", flat=True))


@pytest.mark.parametrize("tail", [0, 1, 2, 3])
def test_a_tail_that_is_no_whole_frame_is_left(begin, tail):
    media = MediaFormat("l16", 8000, 2, LABELS[2])
    spool, store = begin(media)
    raw = voice(media, 0.3)
    spool.append(raw + bytes(tail))
    store.store(spool.size, final=True)
    assert kept(spool) == {label: samples.tobytes() for label, samples in whole(media, raw).items()}


def test_a_stream_of_no_bytes_stores_nothing(begin):
    _, store = begin(MediaFormat("l16", 8000, 1, LABELS[1]))
    store.store(0, final=True)
    assert store.frames(0) == 0
    assert not Chunk.objects.exists()


# --- What fails -----------------------------------------------------------------------------------------------------


class Trouble:
    """Makes the n-th call of what it stands before fail, before or after it was done."""

    def __init__(self, act, *, at, after):
        self.act, self.at, self.after, self.calls = act, at, after, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise StorageError("not now")
        done = self.act(*args, **kwargs)
        if self.calls == self.at and self.after:
            raise StorageError("done, but nobody heard")
        return done


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 6])
@pytest.mark.parametrize("where", ["put", "stored", "frames_stored", "drop"])
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_after_a_failure_at_any_step_it_goes_on_where_it_stood(monkeypatch, begin, where, at, after, rate):
    media = MediaFormat("l16", rate, 2, LABELS[2])
    spool, store = begin(media)
    owner = {"put": storage, "stored": ledger, "frames_stored": ledger, "drop": spool}[where]
    trouble = Trouble(getattr(owner, where), at=at, after=after)
    monkeypatch.setattr(owner, where, trouble)
    raw, failures = voice(media, 1.5), 0
    for first in range(0, len(raw), len(raw) // 5 + 1):
        spool.append(raw[first : first + len(raw) // 5 + 1])
        spool.roll()
        final = spool.size == len(raw)
        for _ in range(3):
            try:
                store.store(spool.size, final=final)
                break
            except StorageError:
                failures += 1
    assert failures == (1 if trouble.calls >= at else 0)
    assert trouble.calls >= at or where == "frames_stored", "the trouble was met"
    for label, samples in whole(media, raw).items():
        made = np.frombuffer(kept(spool)[label], "<i2")
        assert made.size == samples.size
        assert np.abs(made.astype(int) - samples).max() <= (0 if rate == 8000 else 1)


def test_two_that_store_the_same_stream_make_one(begin):
    """A process that was thought dead, and its adopter: each piece is rowed once, and both come to an end."""
    media = MediaFormat("l16", 8000, 1, LABELS[1])
    spool, store = begin(media)
    raw = voice(media, 1.0)
    spool.append(raw)
    other = StreamStore(spool, store._place, chunk_seconds=0.25)
    other.store(spool.size // 2, final=False)
    store.store(spool.size, final=True)
    other.store(spool.size, final=True)
    assert kept(spool) == {"mixed": raw}


def test_a_row_that_does_not_advance_is_told_rather_than_tried_for_ever(monkeypatch, begin):
    media = MediaFormat("l16", 8000, 1, LABELS[1])
    spool, store = begin(media)
    spool.append(voice(media, 0.5))
    monkeypatch.setattr(ledger, "stored", lambda *args, **kwargs: False)
    with pytest.raises(StorageError, match="stands at 0 and cannot go to 2000"):
        store.store(spool.size, final=True)
    assert spool.read(0, spool.size)


def test_a_stream_that_the_database_does_not_know_waits(begin):
    media = MediaFormat("l16", 8000, 1, LABELS[1])
    spool, store = begin(media)
    spool.append(voice(media, 0.5))
    spool.header = Header(uuid4(), spool.header.recording, media, spool.header.first_audio_at)
    with pytest.raises(StorageError, match="is not in the database; its audio waits in the spool"):
        store.store(spool.size, final=True)
    assert len(spool.read(0, spool.size)) == 8000


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_the_spool_forgets_only_what_is_stored_and_no_longer_needed(monkeypatch, begin, rate):
    media = MediaFormat("l16", rate, 1, LABELS[1])
    spool, store = begin(media)
    raw = voice(media, 3.0)
    step = len(raw) // 12
    for first in range(0, len(raw), step):
        spool.append(raw[first : first + step])
        spool.roll()
        store.store(spool.size, final=False)
        stored = ledger.frames_stored(spool.header.stream)
        needed = resampling.input_span(stored, stored, rate=rate)[0] * 2
        assert spool.read(needed, spool.size) == raw[needed : spool.size]
    assert len(list(spool.folder.glob("*.raw"))) < 12, "and it does forget"

    put = storage.put
    monkeypatch.setattr(storage, "put", Trouble(put, at=1, after=False))
    spool.append(raw[:step])
    left = sorted(spool.folder.glob("*.raw"))
    with pytest.raises(StorageError):
        store.store(spool.size, final=True)
    assert sorted(spool.folder.glob("*.raw")) == left

"""What every kind of store does alike."""

import os
from hashlib import sha256

import pytest

from recordings.errors import ObjectConflict, ObjectMissing, StorageError
from recordings.storage.fingerprint import PART_BYTES
from tests.workspaces.crowd import at_once

KEY = "w/1/r/2/c/3/000000000000-abc.pcm"


def test_what_is_put_can_be_read_in_any_part(any_store):
    kept = any_store.put(KEY, [b"tape", b"", b"deck"])
    assert (kept.key, kept.size, kept.sha256) == (KEY, 8, sha256(b"tapedeck").hexdigest())
    assert any_store.read(KEY, 0, 8) == b"tapedeck"
    assert any_store.read(KEY, 4, 2) == b"de"
    assert any_store.read(KEY, 6, 100) == b"ck"
    assert any_store.read(KEY, 8, 1) == any_store.read(KEY, 100, 1) == any_store.read(KEY, 3, 0) == b""


def test_an_empty_object(any_store):
    assert any_store.put(KEY, []).size == 0
    assert any_store.read(KEY, 0, 10) == b""


def test_a_large_object_in_odd_blocks(any_store):
    data = os.urandom(PART_BYTES + 700_001)
    kept = any_store.put(KEY, (data[at : at + 700_001] for at in range(0, len(data), 700_001)))
    assert (kept.size, kept.sha256) == (len(data), sha256(data).hexdigest())
    for first, last in [(0, 10), (1_048_570, 1_048_580), (PART_BYTES - 1, PART_BYTES + 1), (700_000, 3_500_000)]:
        assert any_store.read(KEY, first, last - first) == data[first:last]
    assert any_store.read(KEY, len(data) - 3, 100) == data[-3:]


@pytest.mark.parametrize("size", [3, PART_BYTES + 3])
def test_the_same_bytes_again_are_a_success_and_other_bytes_change_nothing(any_store, size):
    data = os.urandom(size)
    first = any_store.put(KEY, [data])
    assert any_store.put(KEY, [data[:2], data[2:]]) == first
    for other in (data[:-1] + bytes([data[-1] ^ 1]), data + b"!", b"", data[:-1]):
        with pytest.raises(ObjectConflict):
            any_store.put(KEY, [other])
    assert any_store.read(KEY, 0, size + 1) == data


def test_of_eight_puts_at_once_one_stands(any_store):
    def act(number):
        try:
            return any_store.put(KEY, [b"%02d" % (number % 4)] * 1000).sha256
        except ObjectConflict:
            return None

    kept = [digest for digest in at_once(8, act) if digest]
    assert set(kept) == {sha256(any_store.read(KEY, 0, 3000)).hexdigest()}
    assert len(kept) == 2


@pytest.mark.parametrize("key", ["", "/", "/etc/passwd", "a//b", "a/", "../x", "a/../../x", ".", "a\\b", "a\0b"])
def test_what_is_no_key_is_refused(any_store, key):
    for act in (
        lambda: any_store.put(key, [b"x"]),
        lambda: any_store.read(key, 0, 1),
        lambda: any_store.delete(key),
    ):
        with pytest.raises(StorageError, match="is no storage key"):
            act()


def test_an_absent_object(any_store):
    for length in (1, 0, 5_000_000):
        with pytest.raises(ObjectMissing) as missing:
            any_store.read(KEY, 0, length)
        assert missing.value.data == {"key": KEY}
    any_store.delete(KEY)


def test_what_was_deleted_is_absent_and_its_key_is_free(any_store):
    any_store.put(KEY, [b"one"])
    assert any_store.read(KEY, 0, 3) == b"one"
    any_store.delete(KEY)
    with pytest.raises(ObjectMissing):
        any_store.read(KEY, 0, 3)
    any_store.put(KEY, [b"two"])
    assert any_store.read(KEY, 0, 3) == b"two"


@pytest.mark.parametrize("before", [1, PART_BYTES, 2 * PART_BYTES + 1])
def test_what_the_blocks_raise_passes_and_leaves_nothing(any_store, before):
    def blocks():
        yield bytes(before)
        raise ObjectMissing("a chunk has gone")

    with pytest.raises(ObjectMissing, match="a chunk has gone"):
        any_store.put(KEY, blocks())
    with pytest.raises(ObjectMissing):
        any_store.read(KEY, 0, 1)


def test_it_passes_its_probe_sweeps_and_says_where_it_is(any_store):
    any_store.probe()
    assert any_store.sweep() == 0
    assert any_store.describe().startswith(("the folder /", "bucket tapedeck-"))

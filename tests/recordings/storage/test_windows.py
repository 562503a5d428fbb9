"""The memory of what was read last: what is asked for, what is kept, and how long."""

import os

import pytest

from recordings.storage.windows import LIFE_SECONDS, WINDOW_BYTES, Windows

DATA = os.urandom(3 * WINDOW_BYTES + 1000)


class Source:
    """An object that counts how often it is asked."""

    def __init__(self, data=DATA):
        self.data = data
        self.asked = []

    def __call__(self, offset, length):
        self.asked.append((offset, length))
        return self.data[offset : offset + length]


@pytest.mark.parametrize(
    ("offset", "length", "windows"),
    [
        (0, 10, [0]),
        (WINDOW_BYTES - 1, 1, [0]),
        (WINDOW_BYTES - 1, 2, [0, 1]),
        (WINDOW_BYTES, WINDOW_BYTES, [1]),
        (10, 2 * WINDOW_BYTES, [0, 1, 2]),
        (3 * WINDOW_BYTES + 990, 100, [3]),
        (3 * WINDOW_BYTES + 990, WINDOW_BYTES, [3]),
        (9 * WINDOW_BYTES, 5, [9]),
    ],
)
def test_any_stretch_is_joined_from_aligned_windows(offset, length, windows):
    memory, source = Windows(), Source()
    for _ in range(2):
        assert memory.read("k", offset, length, fetch=source) == DATA[offset : offset + length]
    assert source.asked == [(number * WINDOW_BYTES, WINDOW_BYTES) for number in windows]


def test_what_is_read_least_goes_first_and_memory_is_bounded():
    memory, source = Windows(memory=2 * WINDOW_BYTES), Source()
    for number in (0, 1, 0, 2, 0):
        memory.read("k", number * WINDOW_BYTES, 1, fetch=source)
    assert [offset // WINDOW_BYTES for offset, _ in source.asked] == [0, 1, 2]
    memory.read("k", WINDOW_BYTES, 1, fetch=source)
    assert len(source.asked) == 4
    assert memory._bytes == sum(len(window) for _, window in memory._held.values()) == 2 * WINDOW_BYTES


def test_objects_are_told_apart_and_forgotten_one_by_one():
    memory, one, two = Windows(), Source(b"one"), Source(b"two")
    assert memory.read("1", 0, 3, fetch=one) + memory.read("2", 0, 3, fetch=two) == b"onetwo"
    memory.forget("1")
    memory.read("1", 0, 3, fetch=one)
    memory.read("2", 0, 3, fetch=two)
    assert (len(one.asked), len(two.asked)) == (2, 1)


def test_nothing_is_remembered_for_longer_than_a_minute(monkeypatch):
    moment, memory, source = [100.0], Windows(), Source()
    monkeypatch.setattr(memory, "_clock", lambda: moment[0])
    memory.read("k", 0, 1, fetch=source)
    moment[0] += LIFE_SECONDS
    memory.read("k", 0, 1, fetch=source)
    assert len(source.asked) == 1
    moment[0] += 0.1
    memory.read("k", 0, 1, fetch=source)
    assert len(source.asked) == 2
    moment[0] += LIFE_SECONDS + 0.1
    memory.read("other", 0, 1, fetch=source)
    assert list(memory._held) == [("other", 0)]


def test_two_who_fetch_the_same_at_once_leave_it_once():
    memory, source = Windows(), Source()

    def meanwhile(offset, length):
        memory.read("k", 0, 1, fetch=source)
        return source(offset, length)

    assert memory.read("k", 0, 5, fetch=meanwhile) == DATA[:5]
    assert memory._bytes == WINDOW_BYTES


def test_what_a_fetch_raises_passes_and_leaves_nothing():
    memory = Windows()

    def broken(offset, length):
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        memory.read("k", 0, 1, fetch=broken)
    assert memory.read("k", 0, 1, fetch=Source()) == DATA[:1]

import os
import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.capture import spool as spools
from recordings.capture.protocols import MediaFormat
from recordings.capture.spool import Header, NodeFolder, StreamSpool

MONO = MediaFormat("l16", 8000, 1, ("mixed",))


def header(media=MONO):
    return Header(uuid4(), uuid4(), media, datetime(2026, 5, 1, 12, 30, 0, 250, tzinfo=UTC))


@pytest.fixture
def spool(tmp_path):
    return StreamSpool.create(tmp_path / "stream", header())


def segments(folder):
    return sorted(path.name for path in folder.glob("*.raw"))


# --- The header -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", [MONO, MediaFormat("ulaw", 8000, 2, ("inbound", "outbound"))])
def test_a_header_reads_back_as_it_was_written(media):
    written = header(media)
    assert Header.loads(written.dumps()) == written


def test_a_torn_header_is_told_from_none(tmp_path):
    whole = header().dumps()
    for size in range(len(whole)):
        with pytest.raises(ValueError, match=r".+"):
            Header.loads(whole[:size])


@pytest.mark.parametrize("text", ["[]", "7", "null", "{}", '{"format": 3}', '{"format": {"labels": [], "x": 1}}'])
def test_what_is_no_header_is_a_value_error(text):
    with pytest.raises(ValueError, match="header"):
        Header.loads(text)


def test_a_folder_without_a_header_is_no_stream(tmp_path):
    folder = tmp_path / "stream"
    folder.mkdir()
    (folder / ".stream.json").write_text(header().dumps())  # killed before it had its name
    assert StreamSpool.adopt(folder) is None


def test_the_header_is_there_before_the_first_byte(spool):
    assert Header.loads((spool.folder / "stream.json").read_text()) == spool.header
    assert [path.name for path in spool.folder.iterdir()] == ["stream.json"]


def test_a_stream_is_begun_once(spool):
    with pytest.raises(FileExistsError):
        StreamSpool.create(spool.folder, spool.header)


# --- Bytes ----------------------------------------------------------------------------------------------------------


def test_bytes_come_back_across_segments(spool):
    for piece in (b"abc", b"defg"):
        spool.append(piece)
        spool.roll()
    spool.append(b"hi")
    assert spool.size == 9
    assert spool.read(0, 9) == b"abcdefghi"
    assert spool.read(2, 8) == b"cdefgh"
    assert spool.read(4, 4) == b""
    assert len(segments(spool.folder)) == 3


@pytest.mark.parametrize(("first", "last"), [(0, 10), (9, 10), (8, 12)])
def test_bytes_that_are_not_there_are_an_error(spool, first, last):
    spool.append(b"abcdefghi")
    with pytest.raises(EOFError, match="has no bytes"):
        spool.read(first, last)


def test_only_whole_segments_before_are_dropped(spool):
    for piece in (b"aaaa", b"bbbb", b"cccc"):
        spool.append(piece)
        spool.roll()
    spool.drop(before=7)
    assert spool.read(4, 12) == b"bbbbcccc"
    with pytest.raises(EOFError):
        spool.read(3, 5)
    spool.drop(before=100)
    assert spool.read(8, 12) == b"cccc"
    assert spool.size == 12, "what was dropped still counts"


def test_a_write_that_takes_half_goes_on_and_one_that_fails_counts_what_it_took(monkeypatch, spool):
    write = os.write
    answers = [3, 2, OSError(28, "No space left on device")]

    def scarce(file, data):
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return write(file, bytes(data[:answer]))

    monkeypatch.setattr(spools.os, "write", scarce)
    with pytest.raises(OSError, match="No space left"):
        spool.append(b"abcdefgh")
    assert spool.size == 5
    assert spool.read(0, 5) == b"abcde"
    monkeypatch.undo()
    assert StreamSpool.adopt(spool.folder).size == 5


def test_what_was_appended_survives_the_process(tmp_path):
    """Killed with SIGKILL right after the last append: nothing waits in a buffer of ours."""
    program = f"""
        import os, signal, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from uuid import uuid4
        from recordings.capture.protocols import MediaFormat
        from recordings.capture.spool import Header, StreamSpool
        media = MediaFormat("l16", 8000, 1, ("mixed",))
        spool = StreamSpool.create(Path({str(tmp_path / "s")!r}), Header(uuid4(), uuid4(), media, datetime.now(UTC)))
        for number in range(1000):
            spool.append(b"%04d" % number)
            if number % 300 == 299:
                spool.roll()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False, timeout=60)
    left = StreamSpool.adopt(tmp_path / "s")
    assert left.size == 4000
    assert left.read(0, 4000) == b"".join(b"%04d" % number for number in range(1000))


ACTS = st.one_of(
    st.tuples(st.just("append"), st.binary(max_size=50)),
    st.tuples(st.just("roll"), st.none()),
    st.tuples(st.just("drop"), st.integers(0, 400)),
    st.tuples(st.just("adopt"), st.none()),
    st.tuples(st.just("read"), st.tuples(st.integers(0, 400), st.integers(0, 100))),
)


@settings(max_examples=200, deadline=None)
@given(acts=st.lists(ACTS, max_size=40))
def test_any_order_of_acts_keeps_what_was_not_dropped(acts):
    """Against an oracle of plain bytes: size, and every byte from the highest drop on."""
    with TemporaryDirectory() as folder:
        spool = StreamSpool.create(Path(folder) / "stream", header())
        oracle, dropped = b"", 0
        for act, value in acts:
            if act == "append":
                spool.append(value)
                oracle += value
            elif act == "roll":
                spool.roll()
            elif act == "drop":
                spool.drop(before=value)
                dropped = max(dropped, min(value, len(oracle)))
            elif act == "adopt":  # as after a crash
                spool.roll()
                spool = StreamSpool.adopt(spool.folder)
            else:
                first = min(max(value[0], dropped), len(oracle))
                last = min(first + value[1], len(oracle))
                assert spool.read(first, last) == oracle[first:last]
            assert spool.size == len(oracle)
        assert spool.read(dropped, len(oracle)) == oracle[dropped:]
        spool.roll()


# --- The end of it --------------------------------------------------------------------------------------------------


def test_a_stored_stream_leaves_nothing(spool):
    spool.append(b"abc")
    spool.remove()
    assert not spool.folder.exists()
    spool.remove()  # the answer to the first was lost


def test_a_kill_while_it_is_removed_leaves_nothing_to_adopt(monkeypatch, spool):
    """Otherwise a stream of no bytes would be adopted, and its row would say that it received none."""
    spool.append(b"abc")

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        spool.remove()
    assert StreamSpool.adopt(spool.folder) is None


# --- A node's place -------------------------------------------------------------------------------------------------


@pytest.fixture
def claimed():
    held = []
    yield held
    for folder in held:
        folder.release()


def test_each_process_has_a_place_of_its_own_and_finds_it_again(tmp_path, claimed):
    first, second = NodeFolder.claim(tmp_path), NodeFolder.claim(tmp_path)
    claimed.append(second)
    assert (first.path.name, second.path.name) == ("node-1", "node-2")
    assert first.node_id != second.node_id
    first.release()
    again = NodeFolder.claim(tmp_path)
    claimed.append(again)
    assert (again.path, again.node_id) == (first.path, first.node_id)


def test_a_lock_ends_with_its_process(tmp_path, claimed):
    program = f"""
        import os, signal
        from pathlib import Path
        from recordings.capture.spool import NodeFolder
        print(NodeFolder.claim(Path({str(tmp_path)!r})).path.name, flush=True)
        signal.pause()
    """
    other = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "node-1\n"
        ours = NodeFolder.claim(tmp_path)
        claimed.append(ours)
        assert ours.path.name == "node-2"
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    claimed.append(NodeFolder.claim(tmp_path))
    assert claimed[-1].path.name == "node-1"


def test_only_places_with_streams_whose_process_is_gone_are_abandoned(tmp_path, claimed):
    living, dead, empty = (NodeFolder.claim(tmp_path) for _ in range(3))
    claimed.append(living)
    for folder in (living, dead):
        StreamSpool.create(folder.stream_folder(uuid4()), header())
    dead.release()
    empty.release()
    abandoned = NodeFolder.claim_abandoned(tmp_path)
    claimed.extend(abandoned)
    assert [folder.path for folder in abandoned] == [dead.path]
    assert NodeFolder.claim_abandoned(tmp_path) == [], "one adopter"


def test_a_place_counts_what_waits_in_it(tmp_path, claimed):
    folder = NodeFolder.claim(tmp_path)
    claimed.append(folder)
    assert folder.spooled_bytes() == 0
    for size in (100, 23):
        spool = StreamSpool.create(folder.stream_folder(uuid4()), header())
        spool.append(bytes(size))
        spool.roll()
    assert folder.spooled_bytes() == 123
    assert len(folder.stream_folders()) == 2
    assert 0 < folder.free_bytes() <= shutil.disk_usage(tmp_path).total

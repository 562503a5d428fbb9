"""Objects on a disk: verified, never overwritten, and nothing half done under a key."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from recordings import storage
from recordings.errors import ObjectConflict, ObjectDamaged, ObjectMissing, RecordingError, StorageError
from recordings.storage import FileStore
from tests.house import tree
from tests.workspaces.crowd import at_once

KEY = "w/1/r/2/c/3/000000000000-abc.pcm"
# Without coverage: what a process that may write no long files, or is killed, leaves of it is no whole file.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | {
    "DJANGO_SETTINGS_MODULE": "project.settings",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@pytest.fixture
def files(tmp_path):
    """A store below `tmp_path`."""
    return FileStore(tmp_path)


def names(folder):
    """All that stands below a folder, files and folders."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def test_what_is_put_can_be_read_in_any_part(files, tmp_path):
    kept = files.put(KEY, [b"tape", b"", b"deck"])
    assert (kept.key, kept.size, kept.sha256) == (KEY, 8, sha256(b"tapedeck").hexdigest())
    assert files.read(KEY, 0, 8) == b"tapedeck"
    assert files.read(KEY, 4, 2) == b"de"
    assert files.read(KEY, 6, 100) == b"ck"
    assert files.read(KEY, 8, 1) == files.read(KEY, 100, 1) == files.read(KEY, 3, 0) == b""
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o640


def test_an_empty_object(files):
    assert files.put(KEY, []).size == 0
    assert files.read(KEY, 0, 10) == b""


def test_an_object_larger_than_a_block(files):
    blocks = [os.urandom(700_001) for _ in range(5)]
    kept = files.put(KEY, iter(blocks))
    assert kept.size == sum(map(len, blocks))
    assert files.read(KEY, 0, kept.size) == b"".join(blocks)


def test_the_same_bytes_again_are_a_success_and_other_bytes_change_nothing(files, tmp_path):
    first = files.put(KEY, [b"one"])
    inode = (tmp_path / KEY).stat().st_ino
    assert files.put(KEY, [b"o", b"ne"]) == first
    for other in (b"two", b"one!", b"", b"on"):
        with pytest.raises(ObjectConflict) as refused:
            files.put(KEY, [other])
        assert refused.value.data == {"key": Path(KEY).name}
    assert (tmp_path / KEY).stat().st_ino == inode
    assert files.read(KEY, 0, 9) == b"one"
    assert [name for name in names(tmp_path) if ".put" in name] == []


def test_of_twenty_puts_at_once_one_stands(files, tmp_path):
    def act(number):
        try:
            return files.put(KEY, [b"%02d" % (number % 4)] * 1000).sha256
        except ObjectConflict:
            return None

    kept = [digest for digest in at_once(20, act) if digest]
    assert set(kept) == {sha256(files.read(KEY, 0, 3000)).hexdigest()}
    assert len(kept) == 5
    assert [name for name in names(tmp_path) if ".put" in name] == []


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"?" + data[1:], lambda data: data + b"\0"])
def test_what_reads_back_other_than_written_is_refused(files, tmp_path, monkeypatch, damage):
    """The disk damages the bytes after they were synced, before they have their name."""
    sync = os.fdatasync

    def damaging(handle):
        sync(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        path.write_bytes(damage(path.read_bytes()))

    monkeypatch.setattr(os, "fdatasync", damaging)
    with pytest.raises(ObjectDamaged) as refused:
        files.put(KEY, [b"tapedeck"])
    assert refused.value.data == {"key": KEY}
    assert [name for name in names(tmp_path) if (tmp_path / name).is_file()] == []
    with pytest.raises(ObjectMissing):
        files.read(KEY, 0, 1)


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "a//b", "a/", "../x", "a/../../x", ".", "a/.", "a\\b", "..\\x", "a\0b", "a/\0"],
)
def test_hostile_keys_reach_no_file(files, tmp_path, key):
    for act in (lambda: files.put(key, [b"x"]), lambda: files.read(key, 0, 1), lambda: files.delete(key)):
        with pytest.raises(StorageError):
            act()
    assert names(tmp_path) == []


def test_a_key_that_is_too_long_for_the_disk(files, tmp_path):
    for act in (lambda: files.put("x" * 300, [b"x"]), lambda: files.read("x" * 300, 0, 1)):
        with pytest.raises(StorageError, match="File name too long"):
            act()
    with pytest.raises(StorageError, match="File name too long"):
        files.delete("x" * 300)
    assert names(tmp_path) == []


def test_a_folder_is_no_object(files):
    files.put("a/b", [b"x"])
    with pytest.raises(StorageError):
        files.read("a", 0, 1)
    with pytest.raises(StorageError):
        files.delete("a")
    with pytest.raises(StorageError):
        files.put("a/b/c", [b"x"])
    assert files.read("a/b", 0, 1) == b"x"


def test_an_absent_object(files):
    with pytest.raises(ObjectMissing) as missing:
        files.read(KEY, 0, 1)
    assert missing.value.data == {"key": KEY}
    files.delete(KEY)


def test_a_delete_takes_the_folders_it_leaves_empty_and_no_others(files, tmp_path):
    files.put("w/1/r/2/c/3/a", [b"x"])
    files.put("w/1/r/2/recording.wav", [b"y"])
    files.delete("w/1/r/2/c/3/a")
    assert names(tmp_path) == ["w", "w/1", "w/1/r", "w/1/r/2", "w/1/r/2/recording.wav"]
    files.delete("w/1/r/2/recording.wav")
    assert names(tmp_path) == []
    assert tmp_path.is_dir()


def test_siblings_put_and_deleted_at_once_do_not_hinder_each_other(files, tmp_path):
    """A delete may take the folder away under a put that has just made it."""

    def act(number):
        for turn in range(150):
            key = f"w/1/c/{number}"
            files.put(key, [b"%d" % turn])
            assert files.read(key, 0, 9) == b"%d" % turn
            files.delete(key)
        return number

    assert at_once(8, act) == list(range(8))
    assert names(tmp_path) == []


@pytest.mark.parametrize(("times", "stands"), [(1, True), (5, True), (1000, False)])
def test_a_folder_taken_away_under_a_put_is_made_anew(files, tmp_path, monkeypatch, times, stands):
    make, left = tempfile.mkstemp, [times]

    def robbed(**where):
        if left[0]:
            left[0] -= 1
            Path(where["dir"]).rmdir()
        return make(**where)

    monkeypatch.setattr(tempfile, "mkstemp", robbed)
    if stands:
        assert files.put(KEY, [b"x"]).size == 1
        assert files.read(KEY, 0, 1) == b"x"
    else:
        with pytest.raises(StorageError, match="No such file"):
            files.put(KEY, [b"x"])


def test_a_full_disk_is_an_error_of_the_store_and_leaves_nothing(tmp_path):
    """In a process whose files may be of 64 KiB: the kernel refuses the write, as a full disk does."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "import django\n"
        "django.setup()\n"
        "from recordings.errors import StorageError\n"
        "from recordings.storage import FileStore\n"
        "store = FileStore(Path(sys.argv[1]))\n"
        "store.put('small', [b'x' * 60_000])\n"
        "try:\n"
        "    store.put('large', [b'x' * 60_000, b'x' * 60_000])\n"
        "except StorageError as error:\n"
        "    print(error, error.data['key'])\n"
    )

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))

    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
        cwd=tree.ROOT,
        env=ENVIRONMENT,
    )
    assert told.stdout == "large could not be written: File too large large\n"
    assert names(tmp_path) == ["small"]


def test_a_disk_without_room_for_a_name(files, tmp_path, monkeypatch):
    """ENOSPC at the link: the bytes are there, the folder takes no entry."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StorageError, match="No space left on device"):
        files.put(KEY, [b"x"])
    assert [name for name in names(tmp_path) if (tmp_path / name).is_file()] == []


def test_a_put_killed_before_its_name_leaves_nothing_under_the_key(tmp_path):
    """SIGKILL between the last write and the link; the next put of the key is as if there had been none."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import django\n"
        "django.setup()\n"
        "from recordings.storage import FileStore\n"
        "os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "FileStore(Path(sys.argv[1])).put('w/1/a', [b'tapedeck'])\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=False,
        cwd=tree.ROOT,
        env=ENVIRONMENT,
    )
    assert killed.returncode == -signal.SIGKILL
    files = FileStore(tmp_path)
    assert not (tmp_path / "w/1/a").exists()
    with pytest.raises(ObjectMissing):
        files.read("w/1/a", 0, 1)
    assert files.put("w/1/a", [b"another"]).size == 7


def test_what_the_blocks_raise_passes_and_leaves_nothing(files, tmp_path):
    def blocks():
        yield b"half"
        raise ObjectMissing("a chunk has gone")

    with pytest.raises(ObjectMissing):
        files.put("a/b", blocks())
    assert [name for name in names(tmp_path) if (tmp_path / name).is_file()] == []


def test_a_good_store_passes_its_probe_and_keeps_nothing_of_it(files, tmp_path):
    files.probe()
    assert names(tmp_path) == []


def test_a_store_that_reads_other_bytes_fails_its_probe(tmp_path):
    class Forgetful(FileStore):
        def read(self, key, offset, length):
            return super().read(key, 0, length)

    with pytest.raises(ObjectDamaged):
        Forgetful(tmp_path).probe()
    assert names(tmp_path) == []


def test_a_store_whose_folder_is_none_fails_its_probe(tmp_path):
    (tmp_path / "files").write_text("a file where the folder should be")
    with pytest.raises(StorageError):
        FileStore(tmp_path / "files").probe()


def test_the_module_speaks_to_the_store_of_the_settings(settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path
    storage.store.cache_clear()
    try:
        assert storage.put("w/1/a", b"x").size == 1
        assert storage.put_blocks("w/1/b", [b"y", b"z"]).size == 2
        assert storage.read("w/1/b", 1, 1) == b"z"
        assert (tmp_path / "w/1/a").read_bytes() == b"x"
        storage.probe()
        storage.delete("w/1/a")
        storage.delete("w/1/b")
        assert names(tmp_path) == []
    finally:
        storage.store.cache_clear()


def test_keys_are_of_their_recording_and_chunks_sort_by_time():
    workspace, recording, track = (UUID(int=number) for number in (1, 2, 3))
    below = f"w/{workspace}/r/{recording}/"
    keys = [
        storage.chunk_key(workspace=workspace, recording=recording, track=track, start_frame=frame, sha256="ab" * 32)
        for frame in (0, 80_000, 230_400_000)
    ]
    assert keys == sorted(keys)
    assert keys[1] == f"{below}c/{track}/000000080000-abababababababab.pcm"
    assert storage.file_key(workspace=workspace, recording=recording, name="x.wav") == f"{below}x.wav"


def test_every_error_of_a_store_is_one_of_a_recording():
    assert {error.code for error in (StorageError, ObjectMissing, ObjectConflict, ObjectDamaged)} == {
        "storage_error",
        "object_missing",
        "object_conflict",
        "object_damaged",
    }
    assert issubclass(StorageError, RecordingError)
    assert all(issubclass(error, StorageError) for error in (ObjectMissing, ObjectConflict, ObjectDamaged))

"""The store that the settings name, and what is said of it; links and the sweep through the module."""

import os
import subprocess
import sys

import pytest

from recordings import readiness, reconcile, storage
from recordings.storage import FileStore
from recordings.storage.s3 import S3Store
from tests.house import tree
from tests.recordings.storage.conftest import NO_SERVER, REAL


def test_the_settings_choose(use_s3, simulated_bucket, settings, tmp_path):
    use_s3(simulated_bucket)
    assert isinstance(storage.store(), S3Store)
    assert storage.put("w/1/a", b"tape").size == 4
    assert storage.put_blocks("w/1/b", [b"d", b"eck"]).size == 4
    assert storage.read("w/1/b", 1, 3) == b"eck"
    storage.delete("w/1/a")
    storage.probe()
    settings.STORAGE, settings.STORAGE_ROOT = "files", tmp_path
    storage.store.cache_clear()
    assert isinstance(storage.store(), FileStore)


def test_a_forked_child_has_a_store_of_its_own():
    """Two processes on one connection would read each other's replies. Forked where no other thread runs."""
    script = (
        "import os, django\n"
        "django.setup()\n"
        "from recordings import storage\n"
        "parents = storage.store()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(7 if storage.store() is not parents else 1)\n"
        "assert storage.store() is parents\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    forked = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tree.ROOT,
        env={**kept, "DJANGO_SETTINGS_MODULE": "project.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert forked.stdout == "7\n", forked.stderr


def test_a_link_is_the_stores_own_or_none(use_s3, simulated_bucket, settings, tmp_path):
    asked = {"filename": "a.wav", "content_type": "audio/wav"}
    for seconds in (0, -1, storage.SIGN_SECONDS_MAX + 1):
        with pytest.raises(ValueError, match="1 to 604800"):
            storage.sign("w/1/a.wav", seconds=seconds, **asked)
    assert FileStore(tmp_path).sign("w/1/a.wav", seconds=60, **asked) is None
    use_s3(simulated_bucket)
    link = storage.sign("w/1/a.wav", seconds=storage.SIGN_SECONDS_MAX, **asked)
    assert link.startswith(f"{simulated_bucket.endpoint}/{simulated_bucket.name}/w/1/a.wav?")


@pytest.mark.django_db
@pytest.mark.sqlite
def test_one_process_an_hour_sweeps(monkeypatch):
    class Littered(FileStore):
        swept = 0

        def sweep(self):
            Littered.swept += 1
            return 3

    monkeypatch.setattr(storage, "store", lambda: Littered("/nowhere"))
    assert [storage.sweep() for _ in range(3)] == [3, 0, 0]
    assert Littered.swept == 1


@pytest.mark.django_db
def test_the_sweep_of_everything_includes_storage_and_survives_it(use_s3, way, simulated_bucket, monkeypatch, caplog):
    use_s3(simulated_bucket, way.url)
    store = storage.store()
    store._client.create_multipart_upload(Bucket=simulated_bucket.name, Key="w/1/left.wav")  # in 2010, by this server
    assert reconcile.sweep()["stale uploads"] == 1
    monkeypatch.setattr(storage.limits, "hit", lambda *_, **__: None)  # the next hour
    way.down = True
    assert reconcile.sweep()["stale uploads"] == 0
    assert "storage could not be swept" in caplog.text


@pytest.mark.django_db
def test_readiness_names_the_bucket_and_no_secret(use_s3, way, simulated_bucket):
    use_s3(simulated_bucket, way.url)
    place = f"bucket {simulated_bucket.name} at {way.url} (us-east-1, key AKIA…)"
    [found] = [finding for finding in readiness.check() if finding.name == "storage"]
    assert (found.good, found.sentence) == (True, f"{place}: an object was written, read and removed")
    way.down = True
    [found] = [finding for finding in readiness.check() if finding.name == "storage"]
    assert not found.good
    assert found.sentence.startswith(f"{place}: probe/")


def test_this_run_speaks_to_a_real_server():
    if not REAL:
        pytest.skip(NO_SERVER)
    assert REAL.startswith("http")

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from recordings.capture import server, tokens
from recordings.models import CaptureNode
from tests import builders
from tests.builders import tone
from tests.recordings.capture.engines import Kept, dial, speak

pytestmark = pytest.mark.sqlite

MANAGE = Path(__file__).parents[2] / "manage.py"


def database_url():
    """The address of the test's own database, which is not the one the environment names."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    base, _, _ = os.environ["DATABASE_URL"].partition("?")
    return f"{base.rpartition('/')[0]}/{name}"


@pytest.fixture
def process(transactional_db, tmp_path):
    """`manage.py capture` on a port of its choice; a list that holds the process and what it says."""
    environment = os.environ | {"DATABASE_URL": database_url(), "CAPTURE_DIR": str(tmp_path / "capture")}
    environment |= {"CAPTURE_CHUNK_SECONDS": "0.5", "CAPTURE_DRAIN_SECONDS": "30"}
    running = subprocess.Popen(
        [sys.executable, str(MANAGE), "capture", "--port", "0"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        running.stderr.close()


def test_it_takes_calls_until_it_is_told_to_stop_and_then_lets_them_finish(process, cast):
    kept = Kept(builders.start(builders.make_call(cast.workspace)))
    said = process.stderr.readline()
    assert said.startswith("capture listens on 127.0.0.1:")
    port = int(said.rpartition(":")[2])
    socket = dial(f"ws://127.0.0.1:{port}/capture/{tokens.mint(kept.id)}")
    speak(socket, tone(4000))
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    speak(socket, tone(4000, seed=2))
    socket.close()
    assert process.wait(15) == 0
    kept.closed()
    assert kept.heard() == tone(4000) + tone(4000, seed=2)
    assert CaptureNode.objects.count() == 1


def test_host_and_port_come_from_the_options_or_the_settings(monkeypatch, settings, capsys):
    served = []

    def serve(*, host, port, ready):
        served.append((host, port))
        ready(port)

    monkeypatch.setattr(server, "serve", serve)
    call_command("capture", "--host", "127.0.0.2", "--port", "4321")
    call_command("capture")
    assert served == [("127.0.0.2", 4321), (settings.CAPTURE_HOST, settings.CAPTURE_PORT)]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "capture listens on 127.0.0.2:4321"

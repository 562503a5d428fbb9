"""Which engine is asked, and how the simulator answers."""

import subprocess
import sys
from pathlib import Path

import pytest

from calls import engines
from calls.engines import external, simulator
from calls.errors import EngineRefused
from calls.models import Call


@pytest.mark.parametrize(("name", "kind"), [("external", external.External), ("simulator", simulator.Simulator)])
def test_the_engine_is_the_one_of_the_settings(settings, name, kind):
    settings.MEDIA_ENGINE = name
    assert isinstance(engines.engine(), kind)


def test_every_engine_of_the_settings_is_there():
    from tests.house import tree

    [line] = [line for line in tree.read("project/settings.py").splitlines() if line.startswith("MEDIA_ENGINE")]
    assert all(f'"{name}"' in line for name in engines.ENGINES)
    assert line.count('"') == 2 * (len(engines.ENGINES) + 2)  # the variable's name and the default besides


def test_an_external_engine_hears_of_it_by_webhook_alone():
    engine = external.External()
    before = dict(vars(engine))
    assert engine.begin(Call(), stream_url="ws://127.0.0.1:1/capture/token") is None
    assert engine.halt(Call()) is None
    assert vars(engine) == before


@pytest.fixture
def started(monkeypatch):
    """What the simulator would have started."""
    commands = []

    def start(command, **options):
        commands.append((command, options))

    monkeypatch.setattr(subprocess, "Popen", start)
    return commands


def test_the_simulator_streams_both_legs_until_its_socket_closes(started, settings):
    simulator.Simulator().begin(Call(), stream_url="ws://127.0.0.1:8765/capture/token")
    [(command, options)] = started
    python, manage, name, left, right, flag, url, *rest = command
    assert (python, name, flag, url) == (sys.executable, "place_call", "--url", "ws://127.0.0.1:8765/capture/token")
    assert "--loop" in rest
    assert manage == str(settings.BASE_DIR / "manage.py")
    for leg in (left, right):
        assert Path(leg).read_bytes()[:4] == b"RIFF"
    assert options["start_new_session"]  # it outlives the worker that started it
    assert options["stdin"] == options["stdout"] == subprocess.DEVNULL
    simulator.Simulator().halt(Call())
    assert len(started) == 1


def test_a_simulator_that_cannot_be_started_refuses(monkeypatch):
    def fail(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(subprocess, "Popen", fail)
    with pytest.raises(EngineRefused, match="No such file or directory"):
        simulator.Simulator().begin(Call(), stream_url="ws://127.0.0.1:1/")

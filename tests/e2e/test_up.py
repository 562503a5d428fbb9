"""`manage.py up`: one command sets everything up, watches over it, and takes all of it down again."""

import signal
import time
import wave

import numpy as np
import pytest

from tests.e2e import engine
from tests.e2e.product import ROOT, Product, http, until
from tests.e2e.receiver import Receiver

pytestmark = pytest.mark.e2e

RATE = 8000


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What `make run` starts: a demo workspace, a demo call, the simulator."""
    with Product(tmp_path_factory.mktemp("demo") / "data", demo=True, CAPTURE_CHUNK_SECONDS="1") as running:
        told = "\n".join(running.told)
        running.key = told.partition("x-api-key: ")[2].partition("'")[0]
        running.app, running.workspace = "demo-app", "demo"
        running.session = told.partition("/sessions/")[2].partition("/")[0]
        yield running


def _legs():
    """The two sides of the demo call as 16-bit samples, the shorter padded with silence."""
    legs = []
    for name in ("customer.wav", "agent.wav"):
        with wave.open(str(ROOT / "recordings" / "demo" / name)) as file:
            assert file.getframerate() == RATE
            legs.append(np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(int))
    frames = max(leg.size for leg in legs)
    return [np.pad(leg, (0, frames - leg.size)) for leg in legs]


def test_the_demo_call_is_the_saturating_sum_of_its_two_sides(demo):
    [recording] = demo.get("/api/recordings?limit=20&offset=0").json()
    left, right = _legs()
    expected = np.clip(left + right, -32_768, 32_767).astype("<i2")
    assert recording["durationMs"] == expected.size * 1000 // RATE
    assert demo.pcm(recording["id"]) == expected.tobytes()


def test_what_up_says_can_be_pasted(demo):
    assert demo.told[-1].startswith("ready")
    curl = next(line for line in demo.told if "-o call.wav" in line)
    reply = http.request("GET", curl.split()[-1], headers={"x-api-key": demo.key})
    assert (reply.status, reply.data[:4]) == (200, b"RIFF")
    ready = http.request("GET", f"{demo.url}/readyz")
    assert ready.json() == {
        "ready": True,
        "checks": dict.fromkeys(["database", "broker", "storage", "capture"], "good"),
    }


def test_a_session_is_recorded_by_the_simulator_until_it_is_stopped(demo):
    with Receiver() as receiver:
        demo.endpoint(receiver)
        [(call, session)] = demo.sessions(1)
        assert demo.command(session, "start").status == 202
        assert demo.command(session, "stop").status == 429  # one command in two seconds
        recording = until(lambda: demo.of_call(call), seconds=5, what="the recording is listed")[0]["id"]
        until(lambda: demo.received(recording) > RATE * 2, seconds=30, what="a second of audio is in storage")
        assert demo.command(session, "stop").status == 202
        completed = receiver.wait("recording.completed", session)[1]
        assert receiver.complaints == []
    fetched = http.request("GET", completed["recording_url"])
    heard = np.frombuffer(fetched.data[44:], dtype="<i2")
    left, right = _legs()
    sent = np.clip(left + right, -32_768, 32_767)
    assert completed["duration"] == pytest.approx(heard.size / RATE, abs=0.001)
    assert heard.size >= RATE
    assert (heard == np.resize(sent, heard.size)).all()
    until(lambda: not any(b"place_call" in line for line in demo.processes().values()), seconds=10, what="it hangs up")


@pytest.mark.parametrize("name", ["capture", "web", "worker", "beat"])
def test_a_process_that_dies_is_started_again(demo, name):
    killed = demo.kill(name)
    demo.await_again(name, killed)
    assert demo.process.poll() is None
    assert f"{name} died and was started again" in demo.errors()
    with Receiver() as receiver:
        demo.endpoint(receiver)
        [(_, session)] = demo.sessions(1)
        assert demo.command(session, "stop").status == 202
        result = receiver.wait("command.result", session)[1]  # it went through web, broker and worker
        assert (result["success"], result["error"]) == (False, "No active recording")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_no_process_and_started_again_it_keeps_its_data(tmp_path, number):
    product = Product(tmp_path / "data")
    sent = engine.noise(3, seed=7)
    try:
        product.start().furnish()
        recording = engine.play(product.stream_url, sent)
        product.await_end(recording)
        assert len(product.processes()) >= 6  # up, capture, gunicorn and its worker, celery and its pool, beat
        product.process.send_signal(number)
        time.sleep(0.2)
        assert product.stop(number) == 0, product.errors()  # an impatient second signal breaks nothing off
        assert product.processes() == {}
        assert "Traceback" not in product.errors()

        product.start()
        assert product.pcm(recording) == sent
        assert engine.play(product.stream_url, sent) != recording
    finally:
        product.close()
    assert product.processes() == {}


def test_killed_outright_its_children_end_by_themselves(tmp_path):
    product = Product(tmp_path / "data")
    try:
        product.start()
        product.process.kill()
        product.process.wait()
        until(lambda: not product.processes(), seconds=20, what="the children are gone")
        assert product.process.returncode == -signal.SIGKILL
    finally:
        product.close()


def test_a_taken_port_is_said_in_a_sentence(demo, tmp_path):
    environment = demo.environment | {"DATA_DIR": str(tmp_path / "other")}
    other = Product(tmp_path / "other", **environment)
    refused = other.manage_one("up", "--no-demo", "--port", demo.port, "--capture-port", other.capture_port)
    assert refused.returncode != 0
    assert f"port {demo.port} is taken" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert demo.process.poll() is None

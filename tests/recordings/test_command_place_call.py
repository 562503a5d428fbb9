import struct
import threading
import time
import wave
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from recordings import lifecycle
from recordings.audio import pcm
from recordings.capture import tokens
from recordings.models import Recording
from recordings.states import EndReason
from tests import builders
from tests.builders import BUILDER, tone
from tests.recordings.capture.engines import Kept
from tests.recordings.capture.nodes import Node, eventually
from workspaces.keys import mint_stream_key

pytestmark = pytest.mark.sqlite


@pytest.fixture
def node(transactional_db, settings, hinted, tmp_path):
    settings.CAPTURE_CHUNK_SECONDS = 0.5
    settings.CAPTURE_DRAIN_SECONDS = 0
    node = Node(tmp_path / "capture")
    yield node
    node.stop()


@pytest.fixture
def recording(node, cast):
    return builders.start(builders.make_call(cast.workspace))


@pytest.fixture
def token(recording):
    return tokens.mint(recording.id)


@pytest.fixture
def kept(recording):
    return Kept(recording)


@pytest.fixture
def wav(tmp_path):
    def make(data, *, rate=8000, channels=1, width=2):
        path = tmp_path / f"{len(list(tmp_path.glob('*.wav')))}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(width)
            file.setframerate(rate)
            file.writeframes(data)
        return str(path)

    return make


def place(*words):
    out, err = StringIO(), StringIO()
    call_command("place_call", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(*words):
    with pytest.raises(CommandError) as refused:
        place(*words)
    return str(refused.value)


# --- What arrives ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["audio_stream", "audio_fork", "asterisk-slin"])
def test_one_file_arrives_sample_for_sample(node, token, kept, wav, protocol):
    said = tone(12_345)
    out, err = place(wav(said), "--url", node.url(token), "--speed", "0", "--protocol", protocol)
    assert (out, err) == (f"{kept.id}\n", "")
    kept.closed()
    heard = kept.heard()
    assert heard == said
    assert kept.stream().protocol == ("asterisk" if protocol.startswith("asterisk") else "freeswitch")


def test_ulaw_arrives_as_the_table_has_it(node, token, kept, wav):
    said = tone(8001)
    place(wav(said), "--url", node.url(token), "--speed", "0", "--protocol", "asterisk-ulaw")
    kept.closed()
    expected = pcm.decode(pcm.encode_ulaw(np.frombuffer(said, "<i2")), pcm.Encoding.ULAW).tobytes()
    assert kept.heard() == expected


@pytest.mark.parametrize(("protocol", "sockets"), [("audio_stream", 1), ("asterisk-slin", 2)])
def test_two_files_are_the_two_sides(node, token, kept, wav, protocol, sockets):
    """FreeSWITCH sends both in one socket, Asterisk each in its own; the shorter one is silent at its end."""
    caller, callee = tone(9000, seed=1), tone(7000, seed=2)
    place(wav(caller), wav(callee), "--url", node.url(token), "--speed", "0", "--protocol", protocol)
    kept.closed(count=sockets)
    assert kept.heard("inbound") == caller
    assert kept.heard("outbound")[:14_000] == callee
    assert not any(kept.heard("outbound")[14_000:])
    assert {stream.start_frame for stream in kept.streams()} == {0}


def test_another_rate_is_said_in_the_url(node, token, kept, wav):
    t = np.arange(16_000) / 16_000
    said = (12_000 * np.sin(2 * np.pi * 440 * t)).astype("<i2").tobytes()
    place(wav(said, rate=16_000), "--url", node.url(token), "--speed", "0")
    kept.closed()
    heard = np.frombuffer(kept.heard(), "<i2")
    assert heard.size == 8000
    expected = 12_000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(heard[400:-400] - expected[400:-400]).max() < 12


def test_a_stream_key_makes_the_recording_whose_id_is_printed(node, cast, wav):
    _, raw = mint_stream_key(cast.workspace)
    out, _ = place(wav(tone(800)), "--url", node.url(raw, call_id="box-7"), "--speed", "0")
    made = Recording.objects.get(pk=out.strip())
    assert made.workspace == cast.workspace
    Kept(made).closed()
    assert Kept(made).heard() == tone(800)


def test_speed_is_times_real_time(node, token, kept, wav):
    began = time.monotonic()
    place(wav(tone(16_000)), "--url", node.url(token), "--speed", "4")
    took = time.monotonic() - began
    assert 0.45 <= took < 2
    kept.closed()
    assert kept.heard() == tone(16_000)


def test_loop_goes_on_until_the_call_is_stopped(node, token, kept, recording, wav):
    said = tone(1600)
    placed = []
    engine = threading.Thread(
        target=lambda: placed.append(place(wav(said), "--url", node.url(token), "--speed", "5", "--loop"))
    )
    engine.start()
    eventually(lambda: (kept.streams() or [None])[0] and kept.stream().frames_stored > 4800)
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    engine.join(10)
    assert placed == [(f"{recording.id}\n", "")]
    kept.closed()
    heard = kept.heard()
    assert heard == (said * 100)[: len(heard)]


# --- What is refused ------------------------------------------------------------------------------------------------


def test_a_call_that_is_refused_says_why(node, wav):
    said = refusal(wav(tone(80)), "--url", node.url("wrong"))
    assert said == "the call was refused: The token is missing, wrong or expired"


def test_a_call_that_is_broken_off_says_why(settings, node, token, kept, wav):
    said = []
    engine = threading.Thread(
        target=lambda: said.append(refusal(wav(tone(1600)), "--url", node.url(token), "--loop")),
    )
    engine.start()
    eventually(lambda: kept.streams() and kept.stream().first_audio_at)
    node.stop()
    engine.join(10)
    assert said == ["the call was broken off with 1012: the recording server restarts"]


def test_nobody_at_home_is_said(wav):
    said = refusal(wav(tone(80)), "--url", "ws://127.0.0.1:1/capture/x")
    assert said.startswith("nobody answers at 127.0.0.1:1: ")


def test_files_that_cannot_be_a_call_are_refused(tmp_path, wav):
    url = ["--url", "ws://127.0.0.1:1/capture/x"]
    mono, wide, stereo = wav(tone(80)), wav(tone(80), rate=16_000), wav(tone(80), channels=2)
    assert refusal(mono, wide, *url) == "the files must be mono and of one rate"
    assert refusal(stereo, *url) == "the files must be mono and of one rate"
    assert refusal(mono, *url, "--speed", "-1") == "--speed must be 0 or more"
    ulaw = refusal(wide, *url, "--protocol", "asterisk-ulaw")
    assert ulaw == "asterisk-ulaw is a codec of 8000 Hz; the file has 16000"
    assert "16-bit" in refusal(wav(bytes(80), width=1), *url)
    assert "No such file" in refusal(str(tmp_path / "absent.wav"), *url)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(struct.pack("<4sI", b"RIFF", 4))
    assert "not a PCM WAV file" in refusal(str(broken), *url)

"""The published client of the `downloads` contract, unmodified, against a product that runs."""

import socket

import pytest
import requests
from flyflowclient import Flyflow

from tests.e2e import engine
from tests.recordings.audio.mp3s import decoded, frames

pytestmark = pytest.mark.e2e

SECONDS = 12.0


@pytest.fixture(scope="module")
def number(product):
    """The integer id of a call that was recorded and has ended."""
    recording = engine.play(product.stream_url, engine.noise(SECONDS, seed=71))
    product.await_end(recording)
    code = f"""
from calls.models import Call
from recordings.models import Recording
print(Call.objects.get(uuid=Recording.objects.get(pk="{recording}").reference_id).pk)
"""
    [number] = product.inside(code)
    return int(number)


def test_the_published_client_saves_the_recording(product, number, tmp_path):
    client = Flyflow(api_key=product.key, base_url=f"{product.url}/v1")
    first, again = tmp_path / "first.mp3", tmp_path / "again.mp3"
    assert client.get_call_recording(number, str(first)) == str(first)
    client.get_call_recording(number, str(again))
    made = first.read_bytes()
    assert frames(made)
    assert again.read_bytes() == made
    sound, rate = decoded(made)
    assert sound.size / rate == pytest.approx(SECONDS, abs=0.3)


def test_the_published_client_takes_its_key_from_the_environment(product, number, tmp_path, monkeypatch):
    monkeypatch.setenv("FLYFLOW_API_KEY", product.key)
    saved = tmp_path / "recording.mp3"
    Flyflow(base_url=f"{product.url}/v1").get_call_recording(number, str(saved))
    assert frames(saved.read_bytes())


@pytest.mark.parametrize(("key", "asked", "status"), [("", 987654321, 404), ("", "x", 400), ("td_wrong", 1, 401)])
def test_what_fails_is_an_error_of_the_client(product, tmp_path, key, asked, status):
    client = Flyflow(api_key=key or product.key, base_url=f"{product.url}/v1")
    saved = tmp_path / "recording.mp3"
    with pytest.raises(requests.HTTPError) as failed:
        client.get_call_recording(asked, str(saved))
    assert failed.value.response.status_code == status
    assert failed.value.response.json().keys() == {"error", "message"}
    assert not saved.exists()


def test_the_first_time_it_comes_in_chunks_and_then_with_its_length(product):
    recording = engine.play(product.stream_url, engine.noise(3.0, seed=72))
    product.await_end(recording)
    code = f"""
from calls.models import Call
from recordings.models import Recording
print(Call.objects.get(uuid=Recording.objects.get(pk="{recording}").reference_id).pk)
"""
    address = f"/v1/call/recording/{product.inside(code)[0]}.mp3"
    cold, warm = (_raw(product, address) for _ in range(2))
    assert b"transfer-encoding: chunked" in cold.lower()
    assert b"content-length" not in cold.partition(b"\r\n\r\n")[0].lower()
    head, _, content = warm.partition(b"\r\n\r\n")
    assert f"content-length: {len(content)}".encode() in head.lower()
    assert frames(content)


def _raw(product, address):
    """Every byte of the reply to one GET."""
    with socket.create_connection(("127.0.0.1", product.port), timeout=30) as reader:
        request = f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {product.key}\r\n"
        reader.sendall(f"{request}Connection: close\r\n\r\n".encode())
        parts = []
        while part := reader.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)

import base64
import string
from uuid import uuid4

import pytest
from django.core import signing
from hypothesis import given
from hypothesis import strategies as st

from recordings.capture import tokens
from recordings.errors import Fault, StreamRefused

RECORDING = uuid4()


def refused(token):
    with pytest.raises(StreamRefused) as refusal:
        tokens.recording_of(token)
    assert refusal.value.fault == Fault.CREDENTIAL
    return str(refusal.value)


def test_a_token_opens_the_recording_it_was_minted_for():
    token = tokens.mint(RECORDING)
    assert tokens.recording_of(token) == RECORDING
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_every_flipped_character_makes_it_wrong():
    token = tokens.mint(RECORDING)
    for at in range(len(token)):
        flipped = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert refused(flipped) == "The token is missing, wrong or expired"


@given(st.text(max_size=100))
def test_no_text_of_somebody_elses_opens_anything(text):
    assert refused(text) == "The token is missing, wrong or expired"


def test_a_token_expires(monkeypatch, settings):
    settings.CAPTURE_TOKEN_SECONDS = 60
    token = tokens.mint(RECORDING)
    clock = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: clock + 59)
    assert tokens.recording_of(token) == RECORDING
    monkeypatch.setattr(signing.time, "time", lambda: clock + 62)
    refused(token)


def test_what_another_purpose_signed_is_no_token():
    text = base64.urlsafe_b64encode(RECORDING.bytes).rstrip(b"=").decode()
    assert refused(signing.TimestampSigner(sep=".", salt="elsewhere").sign(text))


@pytest.mark.parametrize("text", ["", "AAAA", "not base64 at all !", "é"])
def test_a_signed_text_that_is_no_recording_is_refused(text):
    assert refused(signing.TimestampSigner(sep=".", salt=tokens.SALT).sign(text))


def test_the_stream_url_names_the_server(settings):
    class Recording:
        id = RECORDING

    settings.WAVSTREAM_URL = "wss://capture.example"
    url = tokens.stream_url(Recording())
    assert url.startswith("wss://capture.example/capture/")
    assert tokens.recording_of(url.rsplit("/", 1)[1]) == RECORDING
    settings.WAVSTREAM_URL = ""
    assert tokens.stream_url(Recording()) == ""

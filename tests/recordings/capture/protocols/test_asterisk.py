"""chan_websocket: MEDIA_START in both forms, digits, control messages, and recorded conversations."""

import json
from pathlib import Path

import pytest

from recordings.capture.protocols import Dtmf, MediaFormat, Metadata, Refused, Started, detect
from tests.recordings.capture.protocols.conversations import handshake

TRACES = Path(__file__).parents[3] / "data" / "traces"
PLAIN = (
    "MEDIA_START connection_id:rec channel:WebSocket/rec/0x7f channel_id:1795.2 "
    "format:{} optimal_frame_size:160 ptime:20"
)


def asterisk(url="/capture/key"):
    return detect(handshake(url, subprotocols=["media"]))


def started(protocol, codec="ulaw"):
    [event] = protocol.text(PLAIN.format(codec))
    assert isinstance(event, Started)
    return event


def json_event(event, **fields):
    return json.dumps({"event": event, "channel_id": "1795.2", **fields})


def replay(name):
    """Every connection of a trace: {connection: (events, sizes of its binary messages)}."""
    protocols, events, sizes = {}, {}, {}
    for line in (TRACES / name).read_text().splitlines():
        record = json.loads(line)
        conn, kind = record["conn"], record["ev"]
        if kind == "open":
            headers = {key.lower(): value for key, value in record["headers"]}
            offered = headers["sec-websocket-protocol"].split(", ")
            protocols[conn] = detect(handshake(record["path"], subprotocols=offered, headers=headers))
            events[conn], sizes[conn] = protocols[conn].open(), set()
        elif kind == "text":
            events[conn] += protocols[conn].text(record["text"])
        elif kind == "binary":
            assert protocols[conn].raw, "audio would have gone to the protocol"
            sizes[conn].add(record["n"])
    return {conn: (events[conn], sizes[conn]) for conn in events}


@pytest.mark.parametrize(
    ("codec", "encoding", "rate"),
    [
        ("ulaw", "ulaw", 8_000),
        ("alaw", "alaw", 8_000),
        ("slin", "l16", 8_000),
        ("slin12", "l16", 12_000),
        ("slin16", "l16", 16_000),
        ("slin24", "l16", 24_000),
        ("slin32", "l16", 32_000),
        ("slin44", "l16", 44_100),
        ("slin48", "l16", 48_000),
        ("slin96", "l16", 96_000),
        ("slin192", "l16", 192_000),
    ],
)
def test_every_codec_that_can_be_recorded_in_both_forms(codec, encoding, rate):
    media = MediaFormat(encoding, rate, 1, ("mixed",))
    plain, in_json = asterisk(), asterisk()
    assert plain.open() == []
    assert not plain.raw
    assert started(plain, codec).format == media
    [event] = in_json.text(json_event("MEDIA_START", format=codec))
    assert event == Started(media, "1795.2", {"channel_id": "1795.2", "format": codec})
    assert plain.raw
    assert in_json.raw


@pytest.mark.parametrize("codec", ["opus", "g722", "slin8", "slin160", "ULAW", ""])
def test_other_codecs_are_refused_by_name(codec):
    for text in (PLAIN.format(codec), json_event("MEDIA_START", format=codec)):
        protocol = asterisk()
        [refused] = protocol.text(text)
        assert refused.code == 1003
        assert f"format '{codec}'" in refused.reason
        assert protocol.text(PLAIN.format("ulaw")) == []
        assert not protocol.raw


def test_media_start_identifies_the_call():
    event = started(asterisk())
    assert event.call_id == "1795.2"
    assert event.metadata["channel"] == "WebSocket/rec/0x7f"
    assert event.metadata["ptime"] == "20"


def test_an_early_release_without_channel_id():
    [event] = asterisk().text("MEDIA_START connection_id:rec format:alaw")
    assert event.call_id is None


def test_channel_variables_stand_beside_the_fields_and_hide_none():
    variables = {"from": "+4420", "channel_id": "forged", "format": "opus", "nested": {"a": 1}}
    [event] = asterisk().text(json_event("MEDIA_START", format="ulaw", channel_variables=variables))
    assert event.call_id == "1795.2"
    assert event.metadata == {"channel_id": "1795.2", "format": "ulaw", "from": "+4420"}
    [event] = asterisk().text(json_event("MEDIA_START", format="ulaw", channel_variables="none"))
    assert event.metadata["channel_variables"] == "none"


def test_leaked_url_parameters_are_not_believed():
    event = started(asterisk("/capture/key?call_id=other&from=mallory"))
    assert event.call_id == "1795.2"
    assert "from" not in event.metadata


@pytest.mark.parametrize(
    ("query", "label"),
    [("", "mixed"), ("?track=in", "inbound"), ("?track=out", "outbound"), ("?track=both", "mixed")],
)
def test_the_track_labels_the_audio(query, label):
    assert started(asterisk(f"/capture/key{query}")).format.labels == (label,)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "",
        "  ",
        "media_start format:ulaw",
        "DTMF_END digit:1",
        "{",
        "{}",
        '{"event": 1}',
        "[1]",
        "MEDIA_START",
    ],
)
def test_anything_else_first_is_refused(text):
    protocol = asterisk()
    [refused] = protocol.text(text)
    assert isinstance(refused, Refused)
    assert refused.code == 1003
    assert not protocol.raw


def test_audio_before_media_start_is_refused_once():
    protocol = asterisk()
    assert protocol.binary_before_start(160) == [Refused(1003, "audio before the format is known (160 bytes)")]
    assert protocol.binary_before_start(160) == []
    assert protocol.text(PLAIN.format("ulaw")) == []


def test_text_that_is_not_utf8_before_the_start_is_refused():
    assert asterisk().text_bytes(b"MEDIA_START \xff") == [Refused(1007, "text message is not UTF-8")]


def test_oversized_text_is_refused():
    [refused] = asterisk().text("x" * 65_537)
    assert refused.code == 1009


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_digits_in_both_forms(digit):
    plain, in_json = asterisk(), asterisk()
    started(plain)
    in_json.text(json_event("MEDIA_START", format="ulaw"))
    assert plain.text(f"DTMF_END digit:{digit} channel_id:1795.2") == [Dtmf(digit)]
    assert plain.text(f"DTMF_END digit:{digit.lower()}") == [Dtmf(digit)]
    assert in_json.text(json_event("DTMF_END", digit=digit)) == [Dtmf(digit)]


@pytest.mark.parametrize("text", ["DTMF_END", "DTMF_END digit:", "DTMF_END digit:12", "DTMF_END digit:x"])
def test_a_strange_digit_is_kept_as_text(text):
    protocol = asterisk()
    started(protocol)
    assert protocol.text(text) == [Metadata(text)]


@pytest.mark.parametrize(
    "text",
    [
        "MEDIA_XOFF",
        "MEDIA_XON channel_id:1795.2",
        "QUEUE_DRAINED",
        "STATUS queue_length:43 xon_level:800 xoff_level:900 queue_full:false",
        "MEDIA_BUFFERING_COMPLETED",
        "MEDIA_BUFFERING_COMPLETED 17",
        "MEDIA_MARK_PROCESSED m-1",
        "",
    ],
)
def test_flow_control_says_nothing_to_a_recorder(text):
    protocol = asterisk()
    started(protocol)
    assert protocol.text(text) == []
    assert protocol.raw


def test_flow_control_in_json():
    protocol = asterisk()
    protocol.text(json_event("MEDIA_START", format="ulaw"))
    assert protocol.text(json_event("MEDIA_XOFF")) == []


@pytest.mark.parametrize(
    "text",
    ["ERROR channel_id:1 error_text:queue full", "NEW_THING a:b", PLAIN.format("opus"), '{"event": "X"}'],
)
def test_unknown_text_after_the_start_is_metadata(text):
    protocol = asterisk()
    started(protocol)
    [event] = protocol.text(text)
    assert isinstance(event, Metadata)
    assert event.text == text
    assert protocol.raw


def test_the_first_message_decides_the_form():
    protocol = asterisk()
    protocol.text(json_event("MEDIA_START", format="ulaw"))
    assert protocol.text("DTMF_END digit:1") == [Metadata("DTMF_END digit:1")]


def test_trace_of_a_tone_in_ulaw():
    [(events, sizes)] = replay("chan_websocket-ulaw-tone.jsonl").values()
    [event] = events
    assert event.format == MediaFormat("ulaw", 8_000, 1, ("mixed",))
    assert event.call_id == "1795164309.2"
    assert sizes == {event.format.wire_bytes(20)}


def test_trace_in_json_with_digits():
    [(events, sizes)] = replay("chan_websocket-slin16-json.jsonl").values()
    first, *digits = events
    assert first.format == MediaFormat("l16", 16_000, 1, ("mixed",))
    assert first.call_id == "1795164317.5"
    assert digits == [Dtmf("1"), Dtmf("2"), Dtmf("#")]
    assert sizes == {first.format.wire_bytes(20)}


def test_trace_of_a_call_snooped_twice():
    conversations = replay("chan_websocket-ari-snoop-real-sip-call.jsonl")
    assert len(conversations) == 2
    for (events, sizes), leg in zip(conversations.values(), ("in", "out"), strict=True):
        [event] = events
        assert event.format == MediaFormat("ulaw", 8_000, 1, ("mixed",))
        assert event.call_id == f"media-{leg}-1795165001.0"
        assert sizes == {160}

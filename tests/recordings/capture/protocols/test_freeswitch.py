"""mod_audio_stream and mod_audio_fork: the URL tells the format, text is metadata."""

import pytest

from recordings.capture.protocols import MediaFormat, Metadata, Refused, Started, detect
from tests.recordings.capture.protocols.conversations import handshake


def opened(query="", **kwargs):
    protocol = detect(handshake(f"/capture/key?{query}", **kwargs))
    return protocol, protocol.open()


@pytest.mark.parametrize("subprotocols", [(), ("audio.drachtio.org",)])
@pytest.mark.parametrize(
    ("query", "rate", "labels"),
    [
        ("", 8_000, ("mixed",)),
        ("rate=16000", 16_000, ("mixed",)),
        ("rate=64000&channels=1&track=in", 64_000, ("inbound",)),
        ("track=out", 8_000, ("outbound",)),
        ("track=sideways", 8_000, ("mixed",)),
        ("rate=8000&channels=2", 8_000, ("inbound", "outbound")),
        ("rate=44100&channels=2&track=in", 44_100, ("inbound", "outbound")),
    ],
)
def test_starts_at_once_with_the_format_of_the_url(subprotocols, query, rate, labels):
    protocol, events = opened(query, subprotocols=subprotocols)
    assert events == [Started(MediaFormat("l16", rate, len(labels), labels), None, {})]
    assert protocol.raw


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("rate=8k", "rate='8k'"),
        ("rate=", "rate=''"),
        ("rate=7999", "rate='7999'"),
        ("rate=64001", "rate='64001'"),
        ("rate=-8000", "rate='-8000'"),
        ("rate=8_000", "rate='8_000'"),
        ("rate=%EF%BC%98000", "rate='\\uff18000'"),
        ("rate=" + "9" * 5_000, "rate='99999999999999999999'"),
        ("channels=3", "channels='3'"),
        ("channels=0", "channels='0'"),
        ("channels=stereo", "channels='stereo'"),
    ],
)
def test_refuses_a_wrong_format_and_names_it(query, named):
    protocol, events = opened(query)
    [refused] = events
    assert isinstance(refused, Refused)
    assert refused.code == 1003
    assert named in refused.reason
    assert not protocol.raw
    assert protocol.text("hello") == []
    assert protocol.binary_before_start(320) == []


def test_a_refusal_fits_a_close_frame():
    _, [refused] = opened("rate=" + "%F0%9F%98%80" * 30)
    assert refused.reason.isascii()
    assert len(refused.reason.encode()) <= 123


def test_the_query_describes_the_call_but_for_instructions():
    query = "rate=8000&channels=2&track=in&at_ms=5&silence=1&uuid=u-1&caller=%2B4420&dnis=1000&queue=sales%00"
    _, [started] = opened(query)
    assert started.call_id == "u-1"
    assert started.metadata == {
        "call_id": "u-1",
        "from": "+4420",
        "to": "1000",
        "uuid": "u-1",
        "caller": "+4420",
        "dnis": "1000",
        "queue": "sales\ufffd",
    }


def test_text_is_metadata_before_between_and_after_the_audio():
    protocol, _ = opened()
    assert protocol.text("agent Smith, desk 4") == [Metadata("agent Smith, desk 4")]
    assert protocol.text("{not json") == [Metadata("{not json")]
    assert protocol.text('["a", 1]') == [Metadata('["a", 1]')]
    assert protocol.text("  \n") == []
    assert protocol.raw


def test_json_text_is_flattened_and_its_parties_are_named():
    protocol, _ = opened()
    text = (
        '{"callSid": "c-1", "from": "+4420", "calledNumber": "x", "To": "100", "sampleRate": 8000, '
        '"muted": true, "held": false, "score": 0.5, "note": null, "customer": {"tier": 1}, "tags": ["a"]}'
    )
    assert protocol.text(text) == [
        Metadata(
            text,
            {
                "call_id": "c-1",
                "to": "100",
                "callSid": "c-1",
                "from": "+4420",
                "calledNumber": "x",
                "To": "100",
                "sampleRate": "8000",
                "muted": "true",
                "held": "false",
                "score": "0.5",
            },
        )
    ]


@pytest.mark.parametrize("key", ["callId", "call_id", "callid", "Call-ID", "callSid", "uuid"])
def test_every_spelling_of_the_call_id(key):
    protocol, _ = opened()
    [metadata] = protocol.text(f'{{"{key}": "c-9", "from": ""}}')
    assert metadata.values["call_id"] == "c-9"
    assert "to" not in metadata.values


def test_an_empty_spelling_does_not_hide_a_filled_one():
    protocol, _ = opened()
    [metadata] = protocol.text('{"callId": "", "callSid": "c-9"}')
    assert metadata.values["call_id"] == "c-9"


def test_what_a_database_refuses_is_replaced():
    protocol, _ = opened()
    assert protocol.text("a\0b\ud800") == [Metadata("a\ufffdb?")]
    [metadata] = protocol.text('{"from": "a\\u0000b"}')
    assert metadata.values == {"from": "a\ufffdb"}


@pytest.mark.parametrize("text", ['{"a":' * 20_000, '{"a": ' + "9" * 5_000 + "}", '{"a": NaN}'])
def test_hostile_json_is_just_text(text):
    text = text[:65_536]
    protocol, _ = opened()
    assert protocol.text(text) == [Metadata(text)]


@pytest.mark.parametrize("text", ["x" * 65_536, "é" * 32_768])
def test_64_kib_are_legal(text):
    protocol, _ = opened()
    assert protocol.text(text) == [Metadata(text)]


@pytest.mark.parametrize("text", ["x" * 65_537, "é" * 32_769])
def test_more_than_64_kib_are_refused(text):
    protocol, _ = opened()
    [refused] = protocol.text(text)
    assert refused.code == 1009
    assert str(len(text.encode())) in refused.reason
    assert not protocol.raw
    assert protocol.text("more") == []


def test_bytes_that_are_not_utf8_do_not_cost_the_recording():
    protocol, _ = opened()
    assert protocol.text_bytes("grüezi".encode()) == [Metadata("grüezi")]
    assert protocol.text_bytes(b"gr\xfcezi") == [Metadata("gr\ufffdezi")]
    assert protocol.raw

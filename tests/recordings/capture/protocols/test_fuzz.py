"""Whatever an engine sends, a protocol answers with events: it never raises and starts at most once."""

import json
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from recordings.capture.protocols import Event, Handshake, Metadata, Refused, Started, detect

EVENT_TYPES = get_args(Event)

anything = st.text(st.characters(exclude_categories=()))
json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | anything,
    lambda inner: st.lists(inner) | st.dictionaries(anything, inner),
    max_leaves=8,
).map(json.dumps)
near_misses = st.builds(
    "{} {}:{} {}:{}".format,
    st.sampled_from(["MEDIA_START", "DTMF_END", "STATUS", '{"event":"MEDIA_START"', "{"]),
    st.sampled_from(["format", "digit", "channel_id", ":", ""]),
    st.sampled_from(["ulaw", "slin16", "opus", "1", ""]) | anything,
    anything,
    anything,
)
starts = st.sampled_from(
    ["MEDIA_START format:ulaw", '{"event": "MEDIA_START", "format": "slin", "channel_variables": {}}']
)
texts = anything | json_like | near_misses | starts
actions = st.lists(
    st.tuples(st.just("text"), texts)
    | st.tuples(st.just("text_bytes"), st.binary())
    | st.tuples(st.just("binary_before_start"), st.integers(0, 70_000)),
    max_size=12,
)
queries = st.dictionaries(
    st.sampled_from(["rate", "channels", "track", "call_id"]) | anything,
    st.sampled_from(["8000", "16000", "1", "2", "in", "out"]) | anything,
    max_size=5,
)
offers = st.lists(st.sampled_from(["media", "audio.drachtio.org"]) | anything, max_size=2).map(tuple)


def kept(events):
    """Every string that would be stored."""
    for event in events:
        if isinstance(event, Metadata):
            yield event.text
            yield from (*event.values, *event.values.values())
        elif isinstance(event, Started):
            yield event.call_id or ""
            yield from (*event.metadata, *event.metadata.values())


@given(queries, offers, actions)
def test_never_raises_and_starts_at_most_once(query, offered, script):
    protocol = detect(Handshake("/capture/key", query, {}, offered))
    events = protocol.open()
    for method, argument in script:
        if method == "binary_before_start" and protocol.raw:
            continue  # audio, which the server keeps to itself
        events += getattr(protocol, method)(argument)
    assert all(isinstance(event, EVENT_TYPES) for event in events)
    assert sum(isinstance(event, Started) for event in events) <= 1
    refusals = [event for event in events if isinstance(event, Refused)]
    assert refusals == events[len(events) - len(refusals) :], "nothing follows a refusal"
    assert len(refusals) <= 1
    assert all(len(refusal.reason.encode()) <= 123 for refusal in refusals)
    assert protocol.raw == (any(isinstance(event, Started) for event in events) and not refusals)
    for text in kept(events):
        assert "\0" not in text
        text.encode()  # a lone surrogate would raise

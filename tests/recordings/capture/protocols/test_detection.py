"""Which protocol a handshake means, and which subprotocol is answered."""

import pytest

from recordings.capture import protocols
from recordings.capture.protocols import SUBPROTOCOLS, choose_subprotocol, detect
from recordings.capture.protocols.asterisk import Asterisk
from recordings.capture.protocols.freeswitch import FreeSwitch
from tests.recordings.capture.protocols.conversations import handshake


class Hooked(Asterisk):
    """An engine known by a header alone."""

    name = "hooked"
    headers = ("x-hook-session",)


@pytest.mark.parametrize(
    ("offered", "kind", "answered"),
    [
        ((), FreeSwitch, None),
        (("audio.drachtio.org",), FreeSwitch, "audio.drachtio.org"),
        (("media",), Asterisk, "media"),
        (("chat", "media"), Asterisk, "media"),
        (("audio.drachtio.org", "media"), FreeSwitch, "audio.drachtio.org"),
        (("MEDIA", "chat"), FreeSwitch, None),
    ],
)
def test_subprotocol_decides(offered, kind, answered):
    shaken = handshake(subprotocols=offered)
    assert type(detect(shaken)) is kind
    assert choose_subprotocol(shaken) == answered


def test_header_decides_when_no_subprotocol_does(monkeypatch):
    monkeypatch.setattr(protocols, "PROTOCOLS", (*protocols.PROTOCOLS, Hooked))
    headers = {"x-hook-session": "7", "host": "recorder"}
    assert type(detect(handshake(headers=headers))) is Hooked
    assert type(detect(handshake(headers=headers, subprotocols=["media"]))) is Asterisk
    assert type(detect(handshake(headers={"host": "recorder"}))) is FreeSwitch


def test_no_two_protocols_share_a_name_or_a_subprotocol():
    kinds = protocols.PROTOCOLS
    assert len({kind.name for kind in kinds}) == len(kinds)
    assert len(SUBPROTOCOLS) == sum(len(kind.subprotocols) for kind in kinds)


def test_each_connection_has_its_own_state():
    shaken = handshake(subprotocols=["media"])
    first, second = detect(shaken), detect(shaken)
    first.text("MEDIA_START format:ulaw")
    assert (first.raw, second.raw) == (True, False)

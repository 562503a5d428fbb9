"""The arithmetic of audio formats."""

import pytest

from recordings.capture.protocols import MediaFormat


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "frame_bytes", "wire_bytes_200ms"),
    [
        ("l16", 8_000, 1, 2, 3_200),
        ("l16", 8_000, 2, 4, 6_400),
        ("l16", 16_000, 1, 2, 6_400),
        ("ulaw", 8_000, 1, 1, 1_600),
        ("alaw", 8_000, 2, 2, 3_200),
        ("l16", 44_100, 1, 2, 17_640),
    ],
)
def test_sizes(encoding, rate, channels, frame_bytes, wire_bytes_200ms):
    media = MediaFormat(encoding, rate, channels, ("mixed",) * channels)
    assert media.frame_bytes == frame_bytes
    assert media.wire_bytes(200) == wire_bytes_200ms


def test_wire_bytes_never_splits_a_frame():
    media = MediaFormat("l16", 11_025, 2, ("inbound", "outbound"))
    assert media.wire_bytes(10) == 110 * 4  # 110.25 frames

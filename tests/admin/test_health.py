"""The health of a recording in the list and on its page: outlined badges, in words."""

import pytest

from recordings.models import Recording

pytestmark = pytest.mark.django_db

GAP = {"kind": "gap", "track": 0, "at_ms": 10_000, "ms": 1200}


def texts(desk, recording, health):
    """The list and the page, with these findings on the recording."""
    Recording.objects.filter(pk=recording.pk).update(health=health)
    return [
        desk.list("recordings_recording").content.decode(),
        desk.page("recordings_recording", recording).content.decode(),
    ]


@pytest.mark.parametrize(
    ("health", "words"),
    [
        ([], ["Good</span>", 'title="no findings"']),
        ([{"kind": "silent"}], ["Silent</span>", "td-health-bad", "volume_off"]),
        ([{"kind": "one_sided", "tracks": [1]}], ["One-sided</span>", "contrast"]),
        (
            [{"kind": "clipped", "track": 1, "at_ms": 61_000, "ms": 80}],
            ["Clipped</span>", "graphic_eq", "too loud: at 1:01"],
        ),
        ([GAP], ["Gap 1.2 s</span>", "never came: at 0:10"]),
        ([GAP] * 7, ["7 gaps, 8.4 s</span>", "and later"]),
        ([{"kind": "short", "ms": 9000}], ["Short</span>", "compress"]),
        ([GAP, {"kind": "one_sided", "tracks": [0]}], ["Gap 1.2 s</span>", "One-sided</span>"]),
    ],
)
def test_findings_are_told_in_words(desk, recording, health, words):
    for text in texts(desk, recording, health):
        assert [word for word in words if word not in text] == []
        assert ("Good</span>" in text) is (not health)


def test_nothing_is_said_of_what_nobody_has_looked_at(desk, recording):
    for text in texts(desk, recording, None):
        assert "td-health" not in text

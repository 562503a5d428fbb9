"""The recordings list: what it shows, finds, filters, and what that costs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from calls.models import Call
from recordings import lifecycle
from recordings.models import Recording
from recordings.states import EndReason
from tests import builders
from workspaces.audit import Actor
from workspaces.clock import NEVER, now
from workspaces.models import Member, Role

pytestmark = pytest.mark.django_db


def shown(reply):
    """The ids of the recordings on the page, in their order."""
    return [row.pk for row in reply.context["cl"].result_list]


def many(workspace, number):
    """Recordings that ended without audio, a second apart, newest last."""
    rows = []
    for index in range(number):
        recording = builders.ended_recording(builders.make_call(workspace, from_number=f"+1555{index:04}"))
        Recording.objects.filter(pk=recording.pk).update(tm_create=now() - timedelta(seconds=number - index))
        rows.append(recording)
    return rows


def test_a_row_says_who_when_how_long_and_how(desk, recording):
    text = desk.list("recordings_recording").content.decode()
    assert "<bdi>+44 7700 900142</bdi>" in text
    assert "<bdi>+1 (202) 555-0117</bdi>" in text
    assert ">0:02<" in text
    assert 'class="td-badge td-ended"' in text
    assert "Requested" in text


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_times_are_in_the_readers_zone(desk, recording, settings, zone):
    from zoneinfo import ZoneInfo

    settings.TIME_ZONE = zone
    local = recording.tm_start.astimezone(ZoneInfo(zone))
    assert f"{local:%H:%M:%S}" in desk.list("recordings_recording").content.decode()


def test_ended_without_sound_is_labelled_no_audio(desk, call):
    builders.ended_recording(call)
    assert "No audio" in desk.list("recordings_recording").content.decode().split('id="result_list"')[1]


def test_a_running_one_is_as_long_as_it_has_run(desk, call):
    builders.running_recording(call, builders.tone(8_000))
    text = desk.list("recordings_recording").content.decode()
    assert "≈ 1:0" in text
    assert 'class="td-badge td-recording"' in text


def test_the_number_of_queries_does_not_grow_with_the_rows(desk, cast):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert desk.list("recordings_recording").status_code == 200
        return len(queries)

    many(cast.workspace, 5)
    desk.list("recordings_recording")
    few = cost()
    many(cast.workspace, 45)
    assert cost() == few
    assert few <= 12


def test_nothing_is_counted(desk, cast):
    many(cast.workspace, 3)
    with CaptureQueriesContext(connection) as queries:
        desk.list("recordings_recording")
    assert not [query for query in queries.captured_queries if "COUNT(" in query["sql"].upper()]


@pytest.mark.sqlite
def test_pages_go_older_and_newer_without_losing_a_row(desk, cast, monkeypatch):
    from django.contrib import admin

    monkeypatch.setattr(admin.site._registry[Recording], "list_per_page", 4)
    rows = [row.pk for row in reversed(many(cast.workspace, 10))]
    Recording.objects.update(tm_create=now())  # one moment for all: the id decides
    pages, query = [], ""
    while True:
        reply = desk.list("recordings_recording", query)
        pages.append(shown(reply))
        query = reply.context["cl"].paginator.older
        if not query:
            break
    assert [pk for page in pages for pk in page] == rows
    newer = reply.context["cl"].paginator.newer
    assert shown(desk.list("recordings_recording", newer)) == rows[4:8]
    first = desk.list("recordings_recording", desk.list("recordings_recording", newer).context["cl"].paginator.newer)
    assert shown(first) == rows[:4]
    assert not first.context["cl"].paginator.newer


def test_a_page_keeps_the_filters_and_drops_the_place_with_a_new_one(desk, cast, monkeypatch):
    from django.contrib import admin

    monkeypatch.setattr(admin.site._registry[Recording], "list_per_page", 2)
    many(cast.workspace, 5)
    reply = desk.list("recordings_recording", "?state=no_audio")
    older = reply.context["cl"].paginator.older
    assert "state=no_audio" in older
    assert 'name="before"' not in desk.list("recordings_recording", older).content.decode()


@pytest.mark.parametrize("place", ["before=x", "after=1_2", "before=999999999999999999999_1", "after=", "before=1"])
def test_a_place_that_cannot_be_read_is_the_first_page(desk, recording, place):
    assert shown(desk.list("recordings_recording", f"?{place}")) == [recording.pk]


def test_more_than_a_page_is_estimated(root_desk, cast, monkeypatch):
    from django.contrib import admin

    monkeypatch.setattr(admin.site._registry[Recording], "list_per_page", 5)
    many(cast.workspace, 30)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE recordings_recording")
    reply = root_desk.list("recordings_recording")
    assert 20 <= reply.context["cl"].paginator.about <= 40
    assert "estimated" in reply.content.decode()


# --- Search -----------------------------------------------------------------------------------------------------


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "text",
    [
        "+44 7700 900142",
        "00447700900142",
        "447700",
        "+44 (0)7700 900142",
        "07700 900142",
        "07700-900-142",
        "+1 202 555 0117",
        "1202555",
        "(001) 202.555.0117",
    ],
)
def test_a_number_is_found_in_any_notation(desk, cast, recording, text):
    builders.ended_recording(builders.make_call(cast.workspace, from_number="+33 1 99 00 48 15", to_number="100"))
    assert shown(desk.client.get(reverse("admin:recordings_recording_changelist"), {"q": text})) == [recording.pk]


@pytest.mark.parametrize("stored", ["00447700900142", "+447700900142", "44.7700.900142", "sip:447700900142@pbx"])
def test_a_number_is_found_however_it_is_stored(desk, cast, stored):
    recording = builders.ended_recording(builders.make_call(cast.workspace, from_number=stored))
    text = "sip:4477" if stored.startswith("sip") else "+44 7700 900142"
    assert shown(desk.client.get(reverse("admin:recordings_recording_changelist"), {"q": text})) == [recording.pk]


@pytest.mark.sqlite
def test_ids_are_found(desk, cast, call, recording):
    session = builders.make_session(cast.app, call=call)
    Call.objects.filter(pk=call.pk).update(engine_ref="PJSIP/trunk-00000017")
    builders.ended_recording(builders.make_call(cast.workspace, from_number="+33 1", to_number="+33 2"))
    for text in [recording.pk, call.uuid, call.pk, session.pk, "PJSIP/trunk-00000017", f"  {recording.pk}  "]:
        reply = desk.client.get(reverse("admin:recordings_recording_changelist"), {"q": str(text)})
        assert recording.pk in shown(reply), text


@pytest.mark.parametrize("text", ["+49", "nobody", "01a1f899-f9f9-76d4-aed7-5244632e39ca", "%", "_"])
def test_what_is_not_there_is_not_found(desk, recording, text):
    reply = desk.client.get(reverse("admin:recordings_recording_changelist"), {"q": text})
    assert shown(reply) == []


# --- Filters ----------------------------------------------------------------------------------------------------


@pytest.fixture
def one_of_each(cast):
    def call():
        return builders.make_call(cast.workspace)

    found = {
        "initiating": builders.start(call()),
        "recording": builders.running_recording(call(), builders.tone(8_000))[0],
        "ended": builders.ended_recording(call(), builders.tone(8_000)),
        "no_audio": builders.start(call()),
        "stopping": builders.running_recording(call(), builders.tone(8_000))[0],
        "deleted": builders.ended_recording(call(), builders.tone(8_000)),
        "segment": builders.ended_recording(call(), builders.tone(8_000), recording_type="segment", node_id="n1"),
    }
    lifecycle.give_up(found["no_audio"].pk, reason=EndReason.NO_AUDIO, actor=Actor.named("test"))
    lifecycle.stop(found["stopping"].pk, reason=EndReason.HANGUP, actor=Actor.named("test"))
    lifecycle.delete(found["deleted"], actor=Actor.named("test"), reason="test")
    return found


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "initiating recording ended no_audio stopping segment"),
        ("?state=recording", "recording"),
        ("?state=initiating&state=stopping", "initiating stopping"),
        ("?state=ended", "ended segment"),
        ("?state=no_audio", "no_audio"),
        ("?reason=no_audio", "no_audio"),
        ("?reason=hangup&reason=no_audio", "stopping no_audio"),
        ("?type=segment", "segment"),
        ("?deleted=only", "deleted"),
        ("?deleted=with&state=ended", "ended segment deleted"),
    ],
)
def test_filters(desk, one_of_each, query, names):
    assert set(shown(desk.list("recordings_recording", query))) == {one_of_each[name].pk for name in names.split()}


def test_days_are_whole_days_of_the_reader(desk, recording, settings):
    from django.utils import timezone

    settings.TIME_ZONE = "Pacific/Auckland"
    day = timezone.localtime(recording.tm_create).date()
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    for query, found in [
        (f"?tm_create_from={day}&tm_create_to={day}", True),
        (f"?tm_create_from={after}", False),
        (f"?tm_create_to={before}", False),
        ("?tm_create_from=2026-13-45&tm_create_to=soon", True),
    ]:
        assert bool(shown(desk.list("recordings_recording", query))) is found, query


def test_workspaces_are_offered_and_filtered_among_the_viewers_own(desk, cast, recording):
    other = builders.ended_recording(builders.make_call(cast.other_workspace))
    reply = desk.list("recordings_recording", f"?in={cast.other_workspace.pk}")
    assert shown(reply) == []
    assert cast.other_workspace.name not in reply.content.decode()
    Member.objects.create(workspace=cast.other_workspace, user=cast.staff, role=Role.VIEWER)
    assert shown(desk.list("recordings_recording", f"?in={cast.other_workspace.pk}")) == [other.pk]
    assert set(shown(desk.list("recordings_recording"))) == {other.pk, recording.pk}


def test_a_held_one_carries_both_badges(desk, recording):
    Recording.objects.filter(pk=recording.pk).update(held=True)
    text = desk.list("recordings_recording").content.decode()
    assert "td-hold" in text
    assert "td-ended" in text
    assert recording.tm_delete == NEVER

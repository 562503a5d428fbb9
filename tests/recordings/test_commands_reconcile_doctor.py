"""The operator's sweep by hand, and the doctor's page with its exit status."""

from io import StringIO

import pytest
from django.core.management import call_command

from recordings import lifecycle
from recordings.models import CaptureNode, Recording
from recordings.states import EndReason
from tests.builders import BUILDER, start
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_reconcile_brings_on_what_is_due_and_counts(call):
    recording = start(call)
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    Recording.objects.update(due_at=now())
    out = StringIO()
    call_command("reconcile", stdout=out)
    counts = dict(line.split(": ") for line in out.getvalue().splitlines())
    assert counts["recordings"] == "1"
    assert counts["silent nodes"] == "0"
    assert Recording.objects.get().status == "ended"


def test_a_doctor_who_finds_nothing_says_so_with_0(settings):
    CaptureNode.objects.create(host="cap-1")
    settings.WAVSTREAM_URL = ""
    out = StringIO()
    call_command("doctor", stdout=out, no_color=True)
    lines = out.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[:6]] == [
        ["good", name] for name in ("database", "broker", "storage", "capture", "recordings", "webhooks")
    ]
    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[6:]}
    assert shown["STORAGE"] == "files"
    assert shown["WAVSTREAM_URL"] == "(not set)"
    assert shown["DATA_DIR"] == str(settings.DATA_DIR)
    assert "SECRET_KEY" not in shown


def test_a_doctor_who_finds_something_says_what_and_leaves_with_1():
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("doctor", stdout=out, no_color=True)
    assert left.value.code == 1
    [bad] = [line for line in out.getvalue().splitlines() if line.startswith("BAD")]
    assert bad.split(maxsplit=2)[1:] == ["capture", "no capture process lives; start one with `manage.py capture`"]

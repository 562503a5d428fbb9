"""Everything that the page of one recording shows, read in a fixed number of queries."""

from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse

from calls.admin.calls import who_to_whom
from calls.admin.webhooks import delivery_badge
from calls.models import Call, Conference, Session, WebhookDelivery
from recordings.admin import story
from recordings.admin.badges import badges, health_badges, length, moment
from recordings.admin.player import may_hear, playable
from recordings.admin.reasons import engine_name, reason
from recordings.models import AudioFile, Recording, Stream, Track
from recordings.states import ACTIVE, State
from workspaces.admin.base import rights_of
from workspaces.clock import NEVER, now
from workspaces.models import AuditEntry
from workspaces.rights import Right

SHOWN = 50
"""Of a list beside the recording; the audit log and the deliveries' own list hold the rest."""
HEARD = ("listen", "download", "link")


def context(request: HttpRequest, recording: Recording) -> dict[str, Any]:
    """The template's context, beside the site's own."""
    streams = list(Stream.objects.filter(recording=recording).select_related("node").order_by("opened_at"))
    entries = list(
        AuditEntry.objects.filter(
            workspace=recording.workspace, subject_type="recording", subject_id=str(recording.pk)
        ).order_by("-id")[:SHOWN]
    )
    known = story.Known(recording, list(recording.transitions.order_by("id")), streams, entries)
    call = Call.objects.of(recording.workspace).filter(uuid=recording.reference_id).first()
    return {
        "recording": recording,
        "call": call,
        "numbers": who_to_whom(call) if call else _conference(recording) or "Unknown call",
        "badges": badges(recording) + health_badges(recording),
        "started": moment(recording.tm_start or recording.tm_create),
        "length": length(recording),
        "steps": [(moment(step.at, form="H:i:s"), step) for step in story.steps(known)],
        "told": reason(recording, transitions=known.transitions, streams=streams),
        "facts": _facts(recording, call, streams),
        "stored": _stored(recording, streams),
        "deliveries": _deliveries(recording),
        **_allowed(request, recording, entries),
    }


def _conference(recording: Recording) -> str:
    """The name of the conference that is recorded; "" where it is none."""
    found = Conference.objects.of(recording.workspace).filter(pk=recording.reference_id).first()
    return str(found) if found else ""


def _allowed(request: HttpRequest, recording: Recording, entries: list[AuditEntry]) -> dict[str, Any]:
    """What this viewer may hear, see and do here."""
    may = {right.value: rights_of(request).may(right, recording.workspace) for right in Right}
    if may[Right.LISTEN] and not may_hear(request, Right.LISTEN, recording):  # of a private chat
        may |= dict.fromkeys((Right.LISTEN.value, Right.DOWNLOAD.value, Right.LINK.value), False)
    deleted, can_play = recording.tm_delete < NEVER, playable(recording)
    audio = reverse("admin:recordings_recording_audio", args=[recording.pk])
    return {
        "may": may,
        "playable": can_play,
        "deleted": deleted,
        "audio_url": audio if can_play and may[Right.LISTEN] else "",
        "download_url": f"{audio}?download=1" if can_play and may[Right.DOWNLOAD] else "",
        "link_url": reverse("admin:recordings_recording_link", args=[recording.pk])
        if can_play and may[Right.LINK]
        else "",
        "stop_url": reverse("admin:recordings_recording_stop", args=[recording.pk])
        if recording.status in ACTIVE and may[Right.STOP]
        else "",
        "delete_url": reverse("admin:recordings_recording_delete", args=[recording.pk])
        if not deleted and may[Right.DELETE]
        else "",
        "running": recording.status != State.ENDED,
        "length_ms": _length_ms(recording),
        "heard": [(moment(entry.at), entry) for entry in entries if entry.verb in HEARD] if may[Right.AUDIT] else [],
        "csrf_value": get_token(request),
    }


def _length_ms(recording: Recording) -> int:
    """For the slider's end: what runs is as long as it has run."""
    if recording.duration_ms is not None or recording.tm_start is None:
        return recording.duration_ms or 0
    until = now() if recording.status == State.RECORDING else recording.tm_update
    return max(0, int((until - recording.tm_start).total_seconds() * 1000))


def _facts(recording: Recording, call: Call | None, streams: list[Stream]) -> list[tuple[str, Any, str]]:
    """Label, value, and where the value leads."""
    facts: list[tuple[str, Any, str]] = [
        ("Recording id", recording.pk, ""),
        ("Type", recording.get_recording_type_display().capitalize(), ""),
    ]
    if call is not None:
        address = reverse("admin:calls_call_change", args=[call.pk])
        facts += [("Call", call.pk, address), ("Call id", call.uuid, ""), ("Call is", call.get_status_display(), "")]
        facts += [("Session", pk, reverse("admin:calls_session_change", args=[pk])) for pk in _sessions(call)]
        facts += [("Engine's name", call.engine_ref, "")] if call.engine_ref else []
    else:
        facts.append(("Reference", f"{recording.reference_type} {recording.reference_id}", ""))
    facts.append(("Engine", engine_name(streams) if streams else "–", ""))
    also = Recording.objects.filter(reference_id=recording.reference_id).exclude(pk=recording.pk)
    facts += [
        ("Also recorded", other.get_status_display(), reverse("admin:recordings_recording_change", args=[other.pk]))
        for other in also.filter(workspace=recording.workspace, tm_delete=NEVER)[:SHOWN]
    ]
    if recording.generation > 1:
        facts.append(("Version", recording.generation, ""))
    facts.append(("Kept until", moment(recording.expires_at) if recording.expires_at < NEVER else "no end is set", ""))
    return facts


def _sessions(call: Call) -> list[str]:
    return list(Session.objects.filter(call=call).values_list("pk", flat=True)[:SHOWN])


def _stored(recording: Recording, streams: list[Stream]) -> dict[str, Any]:
    return {
        "tracks": list(Track.objects.filter(recording=recording)),
        "streams": [
            (stream, story.frames_clock(stream.frames_received), story.frames_clock(stream.frames_stored))
            for stream in streams
        ],
        "files": list(AudioFile.objects.filter(recording=recording).order_by("-generation", "rendition")),
    }


def _deliveries(recording: Recording) -> list[tuple[Any, WebhookDelivery, str]]:
    rows = WebhookDelivery.objects.filter(event__subject_id=recording.pk, event__workspace=recording.workspace)
    return [
        (delivery_badge(row), row, reverse("admin:calls_webhookdelivery_change", args=[row.pk]))
        for row in rows.select_related("event", "endpoint").order_by("-tm_create")[:SHOWN]
    ]

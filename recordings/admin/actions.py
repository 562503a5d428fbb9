"""What may be done to a recording from its page: stop, delete, make a link. By POST, by role, through the lifecycle."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextareaWidget

from recordings import lifecycle, playback
from recordings.admin.player import may_hear, playable
from recordings.models import Recording
from recordings.states import ACTIVE, EndReason
from workspaces import audit
from workspaces.admin.base import actor_of
from workspaces.clock import NEVER
from workspaces.rights import Right

LINK_SECONDS = 3600


class DeleteForm(forms.Form):
    """The reason goes into the audit log and onto the page."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
        error_messages={"required": "Say why: it is kept with the recording's history."},
    )


def page_of(recording: Recording) -> str:
    return reverse("admin:recordings_recording_change", args=[recording.pk])


def stop(admin: "ModelAdmin[Recording]", request: HttpRequest, recording: Recording) -> HttpResponse:
    """Stops it. Whoever comes second is told so."""
    actor = actor_of(request)
    if recording.status in ACTIVE and lifecycle.stop(recording.pk, reason=EndReason.REQUESTED, actor=actor):
        audit.record(actor, "stop", workspace=recording.workspace, subject_type="recording", subject_id=recording.pk)
        admin.message_user(request, "Stopped. The last pieces are being stored.", messages.SUCCESS)
    else:
        admin.message_user(request, "It had stopped already.", messages.WARNING)
    return HttpResponseRedirect(page_of(recording))


def delete(admin: "ModelAdmin[Recording]", request: HttpRequest, recording: Recording) -> HttpResponse:
    """Asks for a reason, then hides the recording."""
    form = DeleteForm(request.POST if request.method == "POST" else None)
    if recording.tm_delete < NEVER:
        admin.message_user(request, "It was deleted already.", messages.WARNING)
        return HttpResponseRedirect(page_of(recording))
    if form.is_valid():
        lifecycle.delete(recording, actor=actor_of(request), reason=form.cleaned_data["reason"])
        admin.message_user(request, "Deleted: no list and no link shows it any more.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:recordings_recording_changelist"))
    context = _context(admin, request, recording, title="Delete a recording")
    return TemplateResponse(request, "admin/recordings/recording/delete.html", {**context, "form": form})


def link(admin: "ModelAdmin[Recording]", request: HttpRequest, recording: Recording) -> HttpResponse:
    """Mints a link of an hour; JSON for the page's own script, a page to copy from without it."""
    if not playable(recording) or not may_hear(request, Right.LINK, recording):
        admin.message_user(request, "There is nothing to hear, so there is no link.", messages.WARNING)
        return HttpResponseRedirect(page_of(recording))
    url, seconds = playback.mint_link(recording, seconds=LINK_SECONDS, actor=actor_of(request))
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"url": url, "seconds": seconds})
    context = _context(admin, request, recording, title="A link to a recording")
    context |= {"url": url, "minutes": seconds // 60}
    return TemplateResponse(request, "admin/recordings/recording/link.html", context)


def _context(
    admin: "ModelAdmin[Recording]", request: HttpRequest, recording: Recording, *, title: str
) -> dict[str, Any]:
    context = admin.admin_site.each_context(request)
    return {**context, "opts": admin.opts, "title": title, "original": recording, "page_url": page_of(recording)}

"""How states, health and lengths look: a filled badge of icon and word, an outlined one, and clocks."""

from datetime import datetime
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recordings.audio.health import Finding, Kind
from recordings.models import Recording
from recordings.states import State
from workspaces.clock import NEVER, now


class Look(NamedTuple):
    word: str
    tone: str
    """The colour's name in admin.css."""
    icon: str
    """A Material Symbol; "" is the pulsing dot."""
    meaning: str


STATES = {
    State.INITIATING: Look("Initiating", "initiating", "progress_activity", "asked for, no sound yet"),
    State.RECORDING: Look("Recording", "recording", "", "sound arrives"),
    State.STOPPING: Look("Stopping", "stopping", "stop", "already playable, last pieces being stored"),
    State.ENDED: Look("Ended", "ended", "check", "stored, verified, playable"),
}
NO_AUDIO = Look("No audio", "none", "music_off", "ended, with nothing to play")
DELETED = Look("Deleted", "deleted", "delete", "hidden from every surface")
HELD = Look("On hold", "hold", "lock", "cannot go")
GOOD = Look("Good", "health-good", "check", "no findings")
FINDINGS = {
    Kind.SILENT: Look("Silent", "health-bad", "volume_off", "no speech on any track"),
    Kind.ONE_SIDED: Look("One-sided", "health", "contrast", "one track has no speech"),
    Kind.CLIPPED: Look("Clipped", "health", "graphic_eq", "the source was too loud"),
    Kind.GAP: Look("Gap", "health", "more_horiz", "silence stands in for sound that never came"),
    Kind.SHORT: Look("Short", "health", "compress", "shorter than the call"),
}


def looks(recording: Recording) -> list[Look]:
    """The badges of a recording, the state first."""
    silent = recording.status == State.ENDED and not recording.duration_ms
    found = [NO_AUDIO if silent else STATES[State(recording.status)]]
    if recording.tm_delete < NEVER:
        found = [DELETED]
    return [*found, HELD] if recording.held else found


def badge(look: Look) -> SafeString:
    icon = (
        format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', look.icon)
        if look.icon
        else format_html('<span class="{}" aria-hidden="true"></span>', "td-dot")
    )
    return format_html('<span class="td-badge td-{}" title="{}">{}{}</span>', look.tone, look.meaning, icon, look.word)


def badges(recording: Recording) -> SafeString:
    return format_html_join("", "{}", ((badge(look),) for look in looks(recording)))


def health_looks(recording: Recording) -> list[Look]:
    """One outlined badge for each kind of finding, the worst first; none where nobody has looked yet."""
    if recording.health is None:
        return []
    found = [_finding(kind, [each for each in recording.health if each["kind"] == kind]) for kind in FINDINGS]
    return [look for look in found if look] or [GOOD]


def health_badges(recording: Recording) -> SafeString:
    return format_html_join("", "{}", ((badge(look),) for look in health_looks(recording)))


def _finding(kind: Kind, found: list[Finding]) -> Look | None:
    if not found:
        return None
    look, seconds = FINDINGS[kind], sum(each.get("ms", 0) for each in found) / 1000
    places = ", ".join(clock(each["at_ms"]) for each in found[:5] if "at_ms" in each)
    meaning = f"{look.meaning}: at {places}{' and later' if len(found) > 5 else ''}" if places else look.meaning
    word = look.word
    if kind == Kind.GAP:
        word = f"Gap {seconds:.1f} s" if len(found) == 1 else f"{len(found)} gaps, {seconds:.1f} s"
    return look._replace(word=word, meaning=meaning)


def clock(ms: int | None) -> str:
    """m:ss, or h:mm:ss from an hour on; a dash where there is no length."""
    if ms is None:
        return "–"
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def length(recording: Recording) -> str:
    """How long it is; what runs is as long as it has run."""
    if recording.duration_ms is not None:
        return clock(recording.duration_ms) if recording.duration_ms else "–"
    if recording.tm_start is None:
        return "–"
    until = now() if recording.status == State.RECORDING else recording.tm_update
    return "≈ " + clock(max(0, int((until - recording.tm_start).total_seconds() * 1000)))


def moment(at: datetime, *, form: str = "D j M Y, H:i:s") -> SafeString:
    """In the reader's zone; the exact UTC is in the title."""
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{0}" title="{0}">{1}</time>', f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", date_format(local, form)
    )

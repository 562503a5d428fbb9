"""Recordings and their files."""

from recordings.api.kit.openapi import (
    AUDIO_PARAMETERS,
    OF_AUDIO,
    UUID,
    Json,
    Operation,
    audio,
    choice,
    given,
    query,
    record,
)
from recordings.api.resources.schema.values import (
    ID,
    NEVER,
    NO_ID_YET,
    OF_IDS,
    OWNER,
    SHOWN_TIMES,
    TIME,
    TIMES,
    UNSET_ID,
    ZERO,
    acting,
    page,
    reading,
    seconds,
)
from recordings.api.resources.views.filters import LONGEST_SECONDS
from recordings.ranges import CONTENT_TYPE
from recordings.states import ReferenceType, State
from recordings.terms import FORMATS, KEYS
from recordings.terms import LONGEST_SECONDS as LONGEST_RECORDING
from workspaces.scopes import Scope

SHOWN: Json = {
    "id": "01a1f8c6-7179-77b5-89fb-2e8a3a7de342",
    "customer_id": "01a1f8c6-7100-7b51-8c2d-6a0f3e1d9c11",
    "owner_type": "",
    "owner_id": ZERO,
    "activeflow_id": ZERO,
    "reference_type": "call",
    "reference_id": "01a1f8c6-7178-72cd-a46c-24672a1a02a0",
    "status": "recording",
    "format": "wav",
    "on_end_flow_id": ZERO,
    "tm_start": "2026-01-02 14:02:11.102000",
    "tm_end": NEVER,
    **SHOWN_TIMES,
}
RECORDING: Json = {
    "id": ID,
    "customer_id": ID,
    **OWNER,
    "activeflow_id": NO_ID_YET,
    "reference_type": choice(ReferenceType.values),
    "reference_id": ID,
    "status": choice(State.values),
    "format": choice(FORMATS),
    "on_end_flow_id": NO_ID_YET,
    "tm_start": TIME,
    "tm_end": TIME,
    **TIMES,
}
BESIDE: Json = {"recording_id": ID, "recording_ids": {"type": "array", "items": ID}}
TERMS: Json = {
    "format": {"type": "string", "enum": [*FORMATS, ""]},
    "end_of_silence": seconds("Seconds of silence that are to end it; 0 is none.", most=LONGEST_RECORDING),
    "end_of_key": {"type": "string", "enum": [*KEYS, ""]},
    "duration": seconds("Seconds; 0 is no limit. A conference's: 86400 at the most.", most=LONGEST_RECORDING),
    "on_end_flow_id": UNSET_ID,
}
SCHEMAS: Json = {
    "Recording": record(RECORDING, examples=[SHOWN]),
    "RecordingPage": page("Recording"),
    "RecordingOfCall": record(RECORDING | BESIDE | {"call_id": ID}),
    "RecordingOfConference": record(RECORDING | BESIDE | {"conference_id": ID}),
    "Terms": given(TERMS, examples=[{"end_of_key": "#"}]),
}
DURATION: Json = {"type": "number", "minimum": 0, "maximum": LONGEST_SECONDS}
MOMENT: Json = {"type": "string", "examples": ["2026-01-02 14:02:10.358000"]}
FILTERS = (
    query("status", choice(State.values), "In this state."),
    query("reference_type", choice(ReferenceType.values), "Of calls, or of conferences."),
    query("reference_id", UUID, "Of this call or conference."),
    query("owner_id", UUID, "Of this agent; the zero UUID finds those of nobody."),
    query("activeflow_id", UUID, "Begun by this run; the zero UUID finds those that none began."),
    query("tm_create_after", MOMENT, "From that moment on."),
    query("tm_create_before", MOMENT, "Until that moment, and not with it."),
    query("duration_min", DURATION, "Seconds; of recordings that have ended."),
    query("duration_max", DURATION, "Seconds; of recordings that have ended."),
)
OF_START = ("recording_already_active", "recording_disabled", "reference_not_live", "flow_unknown")


def starting(noun: str, name: str) -> dict[str, Operation]:
    """Recording a noun that can be recorded, and stopping it."""
    reply, scope = f"RecordingOf{name}", Scope.RECORDINGS_WRITE
    start = acting(
        f"start{reply}",
        noun,
        "Record it; the reply is the recording",
        reply=reply,
        scope=scope,
        body="Terms",
        errors=(*OF_IDS, *OF_START),
        examples={"key": {"value": {"end_of_key": "#"}}, "nothing": {"value": {}}},
    )
    stop = acting(
        f"stop{reply}",
        noun,
        "Stop the recording that is active",
        reply=reply,
        scope=scope,
        errors=(*OF_IDS, "recording_not_active"),
    )
    base = f"POST /v1.0/{noun}/{{id}}"
    return {f"{base}/recording_start": start, f"{base}/recording_stop": stop}


OPERATIONS = reading("recordings", "Recording", Scope.RECORDINGS_READ, example=SHOWN, filters=FILTERS) | {
    "DELETE /v1.0/recordings/{id}": acting(
        "deleteRecording",
        "recordings",
        "Hide it, and show it once more with its tm_delete",
        reply="Recording",
        scope=Scope.RECORDINGS_WRITE,
        errors=OF_IDS,
        post=False,
    ),
    "GET /v1.0/recordingfiles/{id}": Operation(
        id="getRecordingFile",
        tag="recordingfiles",
        summary="The WAV of a recording, once it has ended",
        replies=audio(CONTENT_TYPE, disposition="`inline`."),
        scope=Scope.RECORDINGS_READ,
        errors=("id_invalid", *OF_AUDIO),
        parameters=AUDIO_PARAMETERS,
    ),
}

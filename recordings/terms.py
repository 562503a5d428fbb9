"""How a recording is to be made and ended, as a caller or a flow asks for it, and the flow that is run after its end.

Seconds of silence, a key and a duration are kept with the recording.
"""

from dataclasses import dataclass
from uuid import UUID

from calls.lifecycle import begin_flow, known_flow
from recordings.errors import FlowUnknown
from recordings.models import Recording
from workspaces.clock import NEVER
from workspaces.fields import Fields
from workspaces.models import Workspace

FORMATS = ("wav",)
KEYS = ("none", "any", "*", "#")
CONFERENCE_SECONDS = 86_400
LONGEST_SECONDS = 2**31 - 1
"""What the column holds: a call's recording has no limit of its own."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds, 0 and "" for none."""

    format: str = "wav"
    end_of_silence: int = 0
    end_of_key: str = ""
    max_duration: int = 0
    on_end_flow_id: UUID | None = None


PLAIN = Terms()
"""Of a recording that only somebody, or the end of the call, ends."""


def read(fields: Fields, *, conference: bool = False) -> Terms:
    """The terms {format, end_of_silence, end_of_key, duration, on_end_flow_id}, all optional. Raises FieldInvalid.

    A conference's recording lasts a day at the most.
    """
    key = fields.choice("end_of_key", KEYS, default="none")
    return Terms(
        format=fields.choice("format", FORMATS, default="wav"),
        end_of_silence=fields.whole("end_of_silence", most=LONGEST_SECONDS),
        end_of_key="" if key == "none" else key,
        max_duration=fields.whole("duration", most=CONFERENCE_SECONDS if conference else LONGEST_SECONDS),
        on_end_flow_id=fields.uuid("on_end_flow_id"),
    )


def check_flow(terms: Terms, workspace: Workspace) -> None:
    """FlowUnknown where the flow that is to follow is none of the workspace's."""
    if terms.on_end_flow_id is not None and known_flow(workspace, terms.on_end_flow_id) is None:
        raise FlowUnknown("No such flow", flow_id=str(terms.on_end_flow_id))


def run_on_end_flow(recording: Recording) -> None:
    """Begin the flow that was asked for at the start, unless the recording or the flow was deleted since."""
    flow = known_flow(recording.workspace, recording.on_end_flow_id) if recording.tm_delete == NEVER else None
    if flow is None:
        return
    said = {
        "id": str(recording.id),
        "reference_type": recording.reference_type,
        "reference_id": str(recording.reference_id),
        "format": recording.format,
        "recording_name": str(recording.id),
        "filenames": f"{recording.id}.{recording.format}",
    }
    begin_flow(
        flow,
        reference_type="recording",
        reference_id=recording.id,
        variables={f"voipbin.recording.{name}": text for name, text in said.items()},
    )

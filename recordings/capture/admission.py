"""Who may stream: a token opens its recording, a stream key makes a call and a recording of its own."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from calls.lifecycle import register_call
from calls.models import Call
from calls.states import LIVE
from recordings import lifecycle
from recordings.capture import tokens
from recordings.capture.protocols import Handshake, Started
from recordings.errors import AlreadyActive, Fault, RecordingDisabled, ReferenceNotLive, StreamRefused
from recordings.models import Recording, Stream
from recordings.states import ACTIVE
from workspaces import keys
from workspaces.audit import Actor
from workspaces.clock import NEVER
from workspaces.errors import WorkspaceError
from workspaces.models import StreamKey

PATH = "/capture"


@dataclass(frozen=True, slots=True)
class Admission:
    """A socket that may stream: its row is open."""

    stream: UUID
    recording: UUID


def credential(handshake: Handshake) -> str:
    """The token or stream key: the path's last part, or the password of Basic authorization; "" where neither is."""
    in_path = handshake.path.removeprefix(PATH).strip("/")
    if in_path:
        return in_path
    scheme, _, value = handshake.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def admit(handshake: Handshake, *, node_id: UUID, protocol: str, started: Started | None) -> Admission:
    """Open a socket's row, in one transaction with what it needs. `started` is what the engine said in its handshake.

    Raises StreamRefused with whose fault it is; nothing has been written then.
    """
    raw = credential(handshake)
    with transaction.atomic():
        key: StreamKey | None = None
        if keys.is_stream_key(raw):
            key = _stream_key(raw)
            recording = _unasked(key, started)
        else:
            recording = _active(tokens.recording_of(raw))
        stream = Stream.objects.create(recording=recording, node_id=node_id, stream_key=key, protocol=protocol)
        # It came back: what was to happen if it had not is off.
        Recording.objects.filter(pk=recording.pk, tm_start__isnull=False).update(due_at=None)
    return Admission(stream=stream.pk, recording=recording.pk)


def _active(recording_id: UUID) -> Recording:
    recording = Recording.objects.select_for_update(no_key=True).filter(pk=recording_id).first()
    if recording is None:
        raise StreamRefused("The token is missing, wrong or expired", fault=Fault.CREDENTIAL)
    if recording.status not in ACTIVE or recording.tm_delete != NEVER:
        raise StreamRefused(f"The recording is {recording.status} and takes no audio", fault=Fault.STATE)
    return recording


def _stream_key(raw: str) -> StreamKey:
    try:
        return keys.verify_stream_key(raw)
    except WorkspaceError as error:
        raise StreamRefused("The stream key is missing, wrong or revoked", fault=Fault.CREDENTIAL) from error


def _unasked(key: StreamKey, started: Started | None) -> Recording:
    """The recording of an engine that connects of itself; another socket of the same call joins it."""
    about = dict(started.metadata) if started else {}
    call_id = (started.call_id if started else None) or ""
    call = _known_call(key, call_id) or register_call(
        key.workspace,
        from_number=about.pop("from", ""),
        to_number=about.pop("to", ""),
        engine_ref=call_id,
        metadata=about,
    )
    try:
        return lifecycle.start(call, actor=Actor.key(key), ask_engine=False)
    except AlreadyActive as running:
        return _active(running.data["recording_id"])
    except (RecordingDisabled, ReferenceNotLive) as error:
        raise StreamRefused(str(error), fault=Fault.STATE) from error


def _known_call(key: StreamKey, call_id: str) -> Call | None:
    if not call_id:
        return None
    calls = (
        Call.objects.select_for_update(no_key=True).of(key.workspace).filter(engine_ref=call_id[:200], status__in=LIVE)
    )
    return calls.first()

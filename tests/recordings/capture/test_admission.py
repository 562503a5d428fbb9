import base64
from datetime import timedelta
from uuid import uuid4

import pytest

from calls.lifecycle import move
from calls.models import Call
from calls.states import CallState
from recordings import lifecycle
from recordings.capture import admission, tokens
from recordings.capture.protocols import MediaFormat, Started
from recordings.errors import Fault, StreamRefused
from recordings.models import CaptureNode, Recording, Stream
from recordings.states import EndReason, State
from tests import builders
from tests.builders import BUILDER
from tests.recordings.capture.protocols.conversations import handshake
from workspaces.clock import now
from workspaces.keys import mint_api_key, mint_stream_key, revoke
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

MONO = MediaFormat("l16", 8000, 1, ("mixed",))


@pytest.fixture
def recording(cast):
    return builders.start(builders.make_call(cast.workspace))


@pytest.fixture
def stream_key(cast):
    return mint_stream_key(cast.workspace)


@pytest.fixture
def admit(db):
    node = CaptureNode.objects.create(host="test")

    def ask(raw="", *, headers=None, call_id=None, **metadata):
        started = Started(MONO, call_id, metadata) if call_id is not None or metadata else None
        shaken = handshake(f"/capture/{raw}", headers=headers)
        return admission.admit(shaken, node_id=node.id, protocol="test", started=started)

    return ask


def refusal(admit, *args, **kwargs):
    before = Stream.objects.count(), Recording.objects.count(), Call.objects.count()
    with pytest.raises(StreamRefused) as refused:
        admit(*args, **kwargs)
    assert (Stream.objects.count(), Recording.objects.count(), Call.objects.count()) == before
    return refused.value.fault


# --- A token --------------------------------------------------------------------------------------------------------


def test_a_token_opens_its_recording(admit, recording):
    admitted = admit(tokens.mint(recording.id))
    stream = Stream.objects.get(pk=admitted.stream)
    assert admitted.recording == recording.id
    assert (stream.recording_id, stream.protocol, stream.closed_at) == (recording.id, "test", None)
    assert stream.stream_key is None


@pytest.mark.parametrize("change", [lambda t: "", lambda t: t[:-1], lambda t: t.swapcase(), lambda t: f"x{t}"])
def test_a_wrong_token_opens_nothing(admit, recording, change):
    assert refusal(admit, change(tokens.mint(recording.id))) == Fault.CREDENTIAL


def test_a_token_of_a_recording_that_has_gone_is_as_a_wrong_one(admit):
    assert refusal(admit, tokens.mint(uuid4())) == Fault.CREDENTIAL


def test_an_expired_token_opens_nothing(settings, admit, recording):
    token = tokens.mint(recording.id)
    settings.CAPTURE_TOKEN_SECONDS = -1
    assert refusal(admit, token) == Fault.CREDENTIAL


def test_a_token_lives_as_long_as_its_recording_is_active(admit, recording):
    token = tokens.mint(recording.id)
    lifecycle.stop(recording.id, reason=EndReason.REQUESTED, actor=BUILDER)
    assert refusal(admit, token) == Fault.STATE
    lifecycle.end(recording.id, actor=BUILDER)
    assert refusal(admit, token) == Fault.STATE


def test_a_deleted_recording_takes_no_audio(admit, recording):
    lifecycle.delete(recording, actor=BUILDER)
    assert refusal(admit, tokens.mint(recording.id)) == Fault.STATE


def test_a_reconnect_calls_off_what_was_to_happen_without_it(admit, recording):
    Recording.objects.filter(pk=recording.id).update(tm_start=now(), due_at=now() + timedelta(seconds=9))
    admit(tokens.mint(recording.id))
    assert Recording.objects.get(pk=recording.id).due_at is None


def test_a_socket_without_audio_yet_leaves_the_start_watched(admit, recording):
    admit(tokens.mint(recording.id))
    assert Recording.objects.get(pk=recording.id).due_at is not None


# --- Where it stands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["", "asterisk"])
def test_basic_authorization_brings_it_too(admit, recording, user):
    value = base64.b64encode(f"{user}:{tokens.mint(recording.id)}".encode()).decode()
    assert admit(headers={"authorization": f"Basic {value}"}).recording == recording.id
    assert admit(headers={"authorization": f"bAsIc {value}"}).recording == recording.id


@pytest.mark.parametrize("value", ["", "Basic", "Basic ?", "Basic =", "Basic /////w==", "Bearer x", "Basic eHg="])
def test_an_authorization_that_is_none_opens_nothing(admit, value):
    assert refusal(admit, headers={"authorization": value}) == Fault.CREDENTIAL


def test_the_path_counts_before_the_header(admit, recording):
    value = base64.b64encode(f"u:{tokens.mint(recording.id)}".encode()).decode()
    assert refusal(admit, "wrong", headers={"authorization": f"Basic {value}"}) == Fault.CREDENTIAL


# --- A stream key ---------------------------------------------------------------------------------------------------


def test_an_engine_unasked_gets_a_call_and_a_recording(admit, cast, stream_key):
    key, raw = stream_key
    admitted = admit(raw, call_id="CA1", **{"from": "+1", "to": "+2", "queue": "sales"})
    recording = Recording.objects.get(pk=admitted.recording)
    call = Call.objects.get(uuid=recording.reference_id)
    assert recording.workspace == call.workspace == cast.workspace
    assert recording.status == State.INITIATING
    assert (call.engine_ref, call.from_number, call.to_number) == ("CA1", "+1", "+2")
    assert call.metadata == {"queue": "sales"}
    assert Stream.objects.get(pk=admitted.stream).stream_key == key


def test_the_engine_is_not_asked_for_what_it_brings(admit, stream_key, hinted, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        admit(stream_key[1])
    assert "recordings.tasks.begin" not in [task for task, _ in hinted]


def test_a_second_socket_of_the_same_call_joins(admit, stream_key):
    first = admit(stream_key[1], call_id="CA1")
    second = admit(stream_key[1], call_id="CA1")
    assert (second.recording, Call.objects.count()) == (first.recording, 1)
    assert second.stream != first.stream
    assert admit(stream_key[1], call_id="CA2").recording != first.recording


def test_sockets_that_name_no_call_are_calls_of_their_own(admit, stream_key):
    assert len({admit(stream_key[1]).recording for _ in range(3)}) == 3


def test_the_same_name_after_the_hangup_is_another_call(admit, stream_key):
    first = admit(stream_key[1], call_id="CA1")
    lifecycle.stop(first.recording, reason=EndReason.HANGUP, actor=BUILDER)
    move(Call.objects.get(engine_ref="CA1"), to=CallState.HANGUP, actor=BUILDER)
    assert admit(stream_key[1], call_id="CA1").recording != first.recording
    assert Call.objects.filter(engine_ref="CA1").count() == 2


def test_after_a_stop_the_call_may_be_recorded_anew(admit, stream_key):
    first = admit(stream_key[1], call_id="CA1")
    lifecycle.stop(first.recording, reason=EndReason.REQUESTED, actor=BUILDER)
    again = admit(stream_key[1], call_id="CA1")
    assert again.recording != first.recording
    assert Call.objects.count() == 1


def test_another_workspace_never_joins(admit, cast, stream_key):
    _, other = mint_stream_key(cast.other_workspace)
    ours, theirs = admit(stream_key[1], call_id="CA1"), admit(other, call_id="CA1")
    assert ours.recording != theirs.recording
    assert Recording.objects.get(pk=theirs.recording).workspace == cast.other_workspace


def test_a_deleted_recording_that_runs_is_not_joined(admit, stream_key):
    first = admit(stream_key[1], call_id="CA1")
    lifecycle.delete(Recording.objects.get(pk=first.recording), actor=BUILDER)
    assert admit(stream_key[1], call_id="CA1").recording != first.recording


def test_a_revoked_or_unknown_stream_key_opens_nothing(admit, cast, stream_key):
    key, raw = stream_key
    assert refusal(admit, raw[:-1] + ("A" if raw[-1] != "A" else "B")) == Fault.CREDENTIAL
    assert refusal(admit, "ts_aaaaaaaaaa_" + "A" * 43) == Fault.CREDENTIAL
    assert refusal(admit, mint_api_key(cast.workspace, scopes=["all"])[1]) == Fault.CREDENTIAL
    revoke(key, actor=BUILDER)
    assert refusal(admit, raw) == Fault.CREDENTIAL


def test_a_workspace_that_records_nothing_refuses(admit, cast, stream_key):
    Workspace.objects.filter(pk=cast.workspace.pk).update(recording_enabled=False)
    assert refusal(admit, stream_key[1], call_id="CA1") == Fault.STATE


def test_a_call_that_is_not_in_progress_yet_is_a_conflict(admit, cast, stream_key):
    builders.make_call(cast.workspace, engine_ref="CA1", status=CallState.RINGING)
    assert refusal(admit, stream_key[1], call_id="CA1") == Fault.STATE

"""Flows: what may be saved, and how a run is brought on."""

import json
from datetime import timedelta

import pytest

from calls import flows
from calls.lifecycle import begin_flow, end_flow, move, move_conference, register_call, register_conference
from calls.models import Activeflow, Flow
from recordings.models import Recording
from tests import builders
from tests.workspaces.crowd import at_once
from workspaces.audit import Actor
from workspaces.clock import now
from workspaces.errors import FieldInvalid
from workspaces.fields import Fields

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ACTOR = Actor.named("test")
A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"


def flow_of(workspace, *actions, **values):
    parsed = flows.parsed(Fields({"actions": list(actions)}))
    return Flow.objects.create(workspace=workspace, actions=parsed, **values)


def begin(call, *actions, variables=None):
    flow = flow_of(call.workspace, *actions)
    return begin_flow(flow, reference_type="call", reference_id=call.uuid, variables=variables)


def bring_on(run):
    flows.run(run.pk)
    run.refresh_from_db()
    return run


def make_due(run):
    Activeflow.objects.filter(pk=run.pk).update(due_at=now())


# --- Saving -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "path"),
    [
        ("x", "actions"),
        ([1], "actions[0]"),
        ([{}], "actions[0].type"),
        ([{"type": "talk"}], "actions[0].type"),
        ([{"type": "wait"}, {"type": "wait", "option": {"duration": -1}}], "actions[1].option.duration"),
        ([{"type": "wait", "option": 3}], "actions[0].option"),
        ([{"type": "recording_start", "option": {"format": "mp3"}}], "actions[0].option.format"),
        ([{"type": "webhook_send"}], "actions[0].option.uri"),
        ([{"type": "webhook_send", "option": {"uri": "ftp://a/"}}], "actions[0].option.uri"),
        ([{"type": "webhook_send", "option": {"uri": "http://a/", "method": "GET"}}], "actions[0].option.method"),
        ([{"type": "wait", "id": "x"}], "actions[0].id"),
        ([{"type": "wait", "next_id": A}], "actions[0].next_id"),
        ([{"type": "wait", "id": A}, {"type": "wait", "id": A}], "actions"),
        ([{"type": "wait"}] * 201, "actions"),
        ([{"type": "webhook_send", "option": {"uri": "http://a/", "data": "\0"}}], "actions[0].option.data"),
    ],
)
def test_what_cannot_be_run_cannot_be_saved(actions, path):
    with pytest.raises(FieldInvalid) as refused:
        flows.parsed(Fields({"actions": actions}))
    assert list(refused.value.data["fields"]) == [path]


def test_only_what_is_known_is_kept():
    (kept,) = flows.parsed(Fields({"actions": [{"type": "wait", "id": A, "option": {"duration": 5, "x": 1}, "y": 2}]}))
    assert kept == {
        "id": A,
        "next_id": "00000000-0000-0000-0000-000000000000",
        "type": "wait",
        "option": {"duration": 5},
    }


# --- Running ------------------------------------------------------------------------------------------------------


def test_a_run_records_waits_and_stops(cast, call, hinted, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        run = begin(
            call,
            {"type": "recording_start", "option": {"end_of_key": "#"}},
            {"type": "wait", "option": {"duration": 60_000}},
            {"type": "recording_stop"},
        )
    assert ("calls.tasks.run_flow", str(run.pk)) in hinted
    bring_on(run)
    recording = Recording.objects.get()
    assert (recording.status, recording.activeflow_id, recording.end_of_key) == ("initiating", run.pk, "#")
    assert (run.status, run.step) == ("running", 2)
    assert timedelta(seconds=50) < run.due_at - now() <= timedelta(seconds=60)
    assert bring_on(run).step == 2  # not yet
    make_due(run)
    bring_on(run)
    recording.refresh_from_db()
    assert (recording.status, run.status, run.due_at) == ("stopping", "ended", None)
    assert [entry["error"] for entry in run.log] == ["", "", ""]
    assert run.tm_end is not None


def test_what_cannot_be_carried_out_is_logged_and_passed_over(cast, call):
    builders.start(call)
    run = bring_on(begin(call, {"type": "recording_start"}, {"type": "recording_stop"}, {"type": "recording_stop"}))
    assert [bool(entry["error"]) for entry in run.log] == [True, False, True]
    assert (run.status, Recording.objects.get().status) == ("ended", "stopping")


def test_a_webhook_is_sent_with_its_variables(cast, call, integrator):
    option = {"uri": integrator.url + "?of=${voice}", "data": '{"id": "${voipbin.recording.id}", "x": "${nobody}"}'}
    run = begin(
        call, {"type": "webhook_send", "option": option}, variables={"voipbin.recording.id": "r1", "voice": "a"}
    )
    assert bring_on(run).status == "ended"
    (request,) = integrator.requests
    assert (request.path, json.loads(request.body)) == ("/hook?of=a", {"id": "r1", "x": "${nobody}"})
    assert request.headers["content-type"] == "application/json"


def test_a_webhook_that_fails_is_tried_again_and_then_passed_over(cast, call, integrator):
    integrator.replies.extend([(500, {})] * 3)
    run = begin(call, {"type": "webhook_send", "option": {"uri": integrator.url}}, {"type": "recording_start"})
    for attempts in (1, 2):
        bring_on(run)
        assert (run.step, run.attempts, len(integrator.requests)) == (0, attempts, attempts)
        assert run.due_at > now() + timedelta(seconds=3)
        make_due(run)
    bring_on(run)
    assert (run.status, [entry["error"] for entry in run.log]) == ("ended", ["the server answered 500", ""])


def test_a_webhook_to_a_private_address_is_refused(cast, call, integrator, settings):
    settings.OUTBOUND_ALLOW = []
    run = begin(call, {"type": "webhook_send", "option": {"uri": integrator.url}})
    for _ in range(3):
        make_due(run)
        bring_on(run)
    assert "not a public address" in run.log[0]["error"]
    assert integrator.connections == 0


def test_actions_follow_next_id_and_a_circle_is_cut(cast, call, monkeypatch):
    monkeypatch.setattr(flows, "STEPS_MAX", 7)
    wait = {"type": "wait", "option": {"duration": 0}}
    run = bring_on(
        begin(call, wait | {"id": A, "next_id": B}, {"type": "recording_start"}, wait | {"id": B, "next_id": A})
    )
    assert [entry["action"] for entry in run.log] == [A, B, A, B, A, B, A]
    assert run.status == "ended"
    assert not Recording.objects.exists()


def test_completion_begins_the_flow_that_follows_and_the_chain_ends(cast, call):
    flow = flow_of(cast.workspace)
    Flow.objects.filter(pk=flow.pk).update(on_complete_flow_id=flow.pk)
    flow.refresh_from_db()
    first = begin_flow(flow, reference_type="call", reference_id=call.uuid, variables={"a": "b"})
    for _ in range(20):
        for run in flows.due(10):
            flows.run(run)
    runs = list(Activeflow.objects.order_by("depth"))
    assert [run.depth for run in runs] == list(range(9))
    assert runs[1].reference_activeflow_id == first.pk
    assert {run.status for run in runs} == {"ended"}
    assert all(run.variables == {"a": "b"} for run in runs)
    assert not end_flow(first)


def test_the_end_of_a_call_or_conference_ends_what_runs_on_it(cast, call):
    conference = register_conference(cast.workspace)
    wait = {"type": "wait", "option": {"duration": 60_000}}
    run = begin(call, wait)
    other = begin_flow(flow_of(cast.workspace, wait), reference_type="conference", reference_id=conference.id)
    apart = begin(register_call(cast.workspace), wait)
    builders.start(conference)
    move(call, to="hangup", actor=ACTOR)
    move_conference(conference, to="terminated", actor=ACTOR)
    assert dict(Activeflow.objects.values_list("id", "status")) == {
        run.pk: "ended",
        other.pk: "ended",
        apart.pk: "running",
    }
    assert Recording.objects.get().end_reason == "hangup"


def test_the_end_of_a_recording_runs_the_flow_that_was_asked_for(cast, call):
    flow = flow_of(cast.workspace, {"type": "recording_start"})
    terms = builders.terms(on_end_flow_id=flow.pk)
    recording = builders.ended_recording(call, builders.tone(800), terms=terms)
    run = Activeflow.objects.get()
    assert (run.flow, run.reference_type, run.reference_id) == (flow, "recording", recording.pk)
    assert run.variables == {
        "voipbin.recording.id": str(recording.pk),
        "voipbin.recording.reference_type": "call",
        "voipbin.recording.reference_id": str(call.uuid),
        "voipbin.recording.format": "wav",
        "voipbin.recording.recording_name": str(recording.pk),
        "voipbin.recording.filenames": f"{recording.pk}.wav",
    }
    bring_on(run)
    assert Recording.objects.exclude(pk=recording.pk).get().reference_id == call.uuid


@pytest.mark.parametrize("gone", ["recording", "flow"])
def test_no_flow_is_run_for_what_was_deleted(cast, call, gone):
    from recordings import lifecycle

    flow = flow_of(cast.workspace)
    recording = builders.start(call, terms=builders.terms(on_end_flow_id=flow.pk))
    if gone == "flow":
        Flow.objects.filter(pk=flow.pk).update(tm_delete=now())
    else:
        lifecycle.delete(recording, actor=ACTOR)
    builders.finish(recording)
    assert not Activeflow.objects.exists()


def test_the_sweep_finds_what_no_hint_told(cast, call, hinted, django_capture_on_commit_callbacks):
    from recordings import reconcile

    run = begin(call)
    with django_capture_on_commit_callbacks(execute=True):
        assert reconcile.sweep()["flows"] == 1
    assert ("calls.tasks.run_flow", str(run.pk)) in hinted


@pytest.mark.django_db(transaction=True)
def test_of_eight_that_run_at_once_one_does(cast, call):
    run = begin(call, {"type": "recording_start"}, {"type": "recording_stop"}, {"type": "recording_start"})
    at_once(8, lambda number: flows.run(run.pk))
    run.refresh_from_db()
    for _ in range(3):  # a step that was left to a lease
        make_due(run) if run.status == "running" else None
        bring_on(run)
    assert [entry["error"] for entry in run.log] == ["", "", ""]
    assert Recording.objects.count() == 2


@pytest.mark.parametrize(
    ("source", "target", "allowed"),
    [
        ("starting", "progressing", True),
        ("starting", "terminated", True),
        ("progressing", "terminating", True),
        ("terminating", "terminated", True),
        ("progressing", "starting", False),
        ("terminated", "progressing", False),
        ("terminating", "progressing", False),
    ],
)
def test_arrows_of_a_conference(cast, source, target, allowed):
    from calls.errors import CallStateInvalid

    conference = register_conference(cast.workspace, status=source)
    if allowed:
        move_conference(conference, to=target, actor=ACTOR)
        assert conference.status == target
        assert (conference.tm_end is not None) == (target == "terminated")
    else:
        with pytest.raises(CallStateInvalid, match=f"a conference that is {source} cannot become {target}"):
            move_conference(conference, to=target, actor=ACTOR)


def test_a_step_that_never_comes_to_an_end_is_passed_over(cast, call, monkeypatch):
    def die(run, option):
        raise ZeroDivisionError

    port = flows.Port(check=lambda option: {}, act=die)
    monkeypatch.setitem(flows._ports, "recording_stop", port)
    run = begin(call, {"type": "recording_stop"}, {"type": "recording_start"})
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            bring_on(run)
        make_due(run)
    bring_on(run)
    assert (run.status, [bool(entry["error"]) for entry in run.log]) == ("ended", [True, False])


def test_a_step_that_outlasts_its_lease_has_no_effect(cast, call, monkeypatch):
    def act(found, option):
        Flow.objects.create(workspace=call.workspace, name="effect")
        Activeflow.objects.filter(pk=found.pk).update(due_at=now())  # as whoever takes it over does

    run = begin(call, {"type": "recording_stop"})
    make_due(run)
    monkeypatch.setitem(flows._ports, "recording_stop", flows.Port(lambda fields: {}, act))
    bring_on(run)
    assert not Flow.objects.filter(name="effect").exists()
    assert (run.step, run.steps_done, run.log) == (0, 0, [])


def test_the_task_brings_a_run_on(cast, call):
    from calls import tasks

    run = begin(call, {"type": "recording_start"})
    tasks.run_flow(str(run.pk))
    run.refresh_from_db()
    assert run.status == "ended"


@pytest.mark.django_db(transaction=True)
def test_a_start_and_a_hang_up_at_once_leave_nothing_active(cast):
    from recordings import control
    from recordings.errors import ReferenceNotLive
    from recordings.states import ACTIVE
    from recordings.terms import PLAIN

    for _ in range(5):
        call = register_call(cast.workspace)

        def act(number, call=call):
            try:
                if number:
                    move(call, to="hangup", actor=ACTOR)
                else:
                    control.start(call, PLAIN, workspace=cast.workspace, actor=ACTOR)
            except ReferenceNotLive:
                return

        at_once(2, act)
    assert not Recording.objects.filter(status__in=ACTIVE).exists()

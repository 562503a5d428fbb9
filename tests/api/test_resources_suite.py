"""`resources` in the suite that every dialect inherits."""

import pytest

from calls.lifecycle import begin_flow, register_conference
from calls.models import Flow
from recordings.api.resources.urls import urlpatterns
from tests import builders
from tests.api.suite import DialectSuite, Sample
from workspaces.models import Role
from workspaces.scopes import Scope

READ, WRITE = Scope.RECORDINGS_READ, Scope.RECORDINGS_WRITE
SEE, TELL = Scope.CALLS_READ, Scope.CALLS_WRITE
STATUS_NAMES = {
    400: {"INVALID_ARGUMENT"},
    401: {"UNAUTHENTICATED"},
    403: {"PERMISSION_DENIED"},
    404: {"NOT_FOUND"},
    405: {"INVALID_ARGUMENT"},
    409: {"ALREADY_EXISTS", "FAILED_PRECONDITION"},
    416: {"INVALID_ARGUMENT"},
    503: {"UNAVAILABLE"},
}
REQUEST_ID = "the-request-of-the-suite"


def of_noun(noun, scope, name, **values):
    """The samples of reading a noun: its list and one of it."""
    return [
        Sample(f"resources-{noun}-list", "get", f"/v1.0/{noun}", scope, listed=True, **values),
        Sample(f"resources-{noun}-detail", "get", f"/v1.0/{noun}/{{{name}}}", scope),
    ]


@pytest.mark.django_db
@pytest.mark.sqlite
class TestResources(DialectSuite):
    urls = [each for each in urlpatterns if getattr(each, "name", "") != "resources-login"]  # which takes no key
    catch_all = "resources-unknown"
    unknown = ["/v1.0", "/v1.0/", "/v1.0/x", "/v1.0/recordings/", "/v1.0/recordingfiles", "/auth", "/auth/logout"]
    empty = {"result": [], "next_page_token": ""}
    samples = [
        *of_noun("recordings", READ, "recording"),
        Sample("resources-recordings-detail", "delete", "/v1.0/recordings/{recording}", WRITE),
        Sample("resources-recordingfiles-detail", "get", "/v1.0/recordingfiles/{recording}", READ, audio=True),
        *of_noun("calls", SEE, "call", queries=5),
        Sample("resources-calls-list", "post", "/v1.0/calls", TELL, body="{}", own=True),
        Sample("resources-calls-detail", "put", "/v1.0/calls/{call}", TELL, body='{"status": "hangup"}'),
        Sample("resources-calls-recording-start", "post", "/v1.0/calls/{call}/recording_start", WRITE),
        Sample("resources-calls-recording-stop", "post", "/v1.0/calls/{running}/recording_stop", WRITE),
        *of_noun("conferences", SEE, "conference", queries=5),
        Sample("resources-conferences-list", "post", "/v1.0/conferences", TELL, body="{}", own=True),
        Sample("resources-conferences-detail", "put", "/v1.0/conferences/{conference}", TELL, body='{"name": "x"}'),
        Sample(
            "resources-conferences-recording-start", "post", "/v1.0/conferences/{conference}/recording_start", WRITE
        ),
        Sample("resources-conferences-recording-stop", "post", "/v1.0/conferences/{meeting}/recording_stop", WRITE),
        *of_noun("flows", Scope.FLOWS_READ, "flow"),
        Sample("resources-flows-list", "post", "/v1.0/flows", Scope.FLOWS_WRITE, body="{}", own=True),
        Sample("resources-flows-detail", "put", "/v1.0/flows/{flow}", Scope.FLOWS_WRITE, body='{"name": "x"}'),
        Sample("resources-flows-detail", "delete", "/v1.0/flows/{flow}", Scope.FLOWS_WRITE),
        *of_noun("activeflows", Scope.FLOWS_READ, "activeflow"),
        Sample(
            "resources-activeflows-list",
            "post",
            "/v1.0/activeflows",
            Scope.FLOWS_WRITE,
            body='{"flow_id": "<flow>", "reference_type": "call", "reference_id": "<call>"}',
        ),
        Sample("resources-customers-list", "get", "/v1.0/customers", SEE, listed=True, own=True, queries=3),
        Sample("resources-customers-detail", "get", "/v1.0/customers/{customer}", SEE),
        *of_noun("agents", SEE, "agent"),
    ]

    def more(self, cast, call):
        flow = Flow.objects.create(workspace=cast.workspace)
        conference = register_conference(cast.workspace)
        meeting = register_conference(cast.workspace)
        running = builders.make_call(cast.workspace)
        builders.start(running)
        builders.start(meeting)
        return {
            "running": str(running.uuid),
            "meeting": str(meeting.id),
            "conference": str(conference.id),
            "flow": str(flow.id),
            "activeflow": str(begin_flow(flow, reference_type="call", reference_id=call.uuid).id),
            "customer": str(cast.workspace.pk),
            "agent": str(cast.person("anna", role=Role.AGENT)[1].pk),
        }

    def headers(self, cast, key):
        return {"X-Request-Id": REQUEST_ID} | ({"Authorization": f"Bearer {key}"} if key else {})

    def check_error(self, reply, status):
        assert reply.status_code == status
        error = reply.json()["error"]
        assert error.keys() - {"details"} == {"status", "reason", "message", "request_id"}
        assert error["status"] in STATUS_NAMES[status]
        assert error["message"]
        assert error["request_id"] == reply.headers["X-Request-Id"] == REQUEST_ID
        assert reply.headers["Cache-Control"] == "private, no-store"

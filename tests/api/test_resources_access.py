"""Who may ask `resources`, where the key may be, and how refusals look."""

import re
from datetime import timedelta

import jwt
import pytest

from calls.lifecycle import register_conference
from calls.models import Chat
from recordings.models import Recording
from tests import builders
from workspaces import logins
from workspaces.clock import now
from workspaces.models import AuditEntry, Member, Role

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

PASSWORD = "correct horse battery staple"
LIST = "/v1.0/recordings"


@pytest.fixture
def anna(cast):
    user, member = cast.person("anna", role=Role.ADMINISTRATOR)
    user.set_password(PASSWORD)
    user.save()
    return member


def login(client, **body):
    return client.post("/auth/login", {"username": "anna", "password": PASSWORD} | body, "application/json")


def test_signing_in_gives_a_token_for_seven_days(client, cast, anna):
    reply = login(client)
    assert (reply.status_code, list(reply.json())) == (200, ["username", "token"])
    token = reply.json()["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 7 * 86_400
    recording = builders.start(builders.make_call(cast.workspace))
    client.cookies.clear()
    for path, headers in [(LIST, {"Authorization": f"Bearer {token}"}), (f"{LIST}?token={token}", {})]:
        assert [each["id"] for each in client.get(path, headers=headers).json()["result"]] == [str(recording.id)]
    deleted = client.delete(f"{LIST}/{recording.id}?token={token}")
    assert deleted.status_code == 200
    entry = AuditEntry.objects.get(verb="delete")
    assert (entry.actor_type, entry.actor_name) == ("user", "anna")


def test_the_cookie_reads_and_does_not_write(client, cast, anna):
    reply = login(client)
    cookie = reply.cookies["token"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/v1.0/")
    recording = builders.start(builders.make_call(cast.workspace))
    assert client.get(f"{LIST}/{recording.id}").status_code == 200
    assert client.head(f"{LIST}/{recording.id}").status_code == 200
    assert client.delete(f"{LIST}/{recording.id}").status_code == 401
    assert client.post("/v1.0/calls", "{}", "application/json").status_code == 401


@pytest.mark.parametrize("place", ["accesskey", "token", "cookie"])
def test_an_api_key_may_be_in_other_places(client, cast, place):
    if place == "cookie":
        client.cookies["token"] = cast.owner_key
    path = LIST if place == "cookie" else f"{LIST}?{place}={cast.owner_key}"
    assert client.get(path).status_code == 200


def test_the_header_counts_before_the_query(client, cast):
    path = f"{LIST}?accesskey={cast.owner_key}"
    assert client.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 401


@pytest.mark.parametrize("body", [{"password": "wrong"}, {"username": "nobody"}, {"username": "x" * 200}])
def test_what_does_not_fit_is_not_told(client, anna, body):
    reply = login(client, **body)
    assert (reply.status_code, reply.json()["error"]["reason"]) == (401, "INVALID_CREDENTIALS")
    assert not AuditEntry.objects.filter(verb="sign_in").exists()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "INVALID_JSON_BODY"),
        ("[]", "INVALID_JSON_BODY"),
        ("{}", "MISSING_REQUEST_PARAMETER"),
        ('{"username": 1, "password": "x"}', "INVALID_REQUEST_PARAMETER"),
    ],
)
def test_a_sign_in_of_another_form(client, db, body, reason):
    reply = client.post("/auth/login", body, "application/json")
    assert (reply.status_code, reply.json()["error"]["reason"]) == (400, reason)
    assert reply.headers["X-Request-Id"] == reply.json()["error"]["request_id"]
    assert client.get("/auth/login").status_code == 405


def test_attempts_are_limited_where_the_operator_says_so(client, anna, settings):
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 2
    statuses = [login(client, password="wrong").status_code for _ in range(5)]  # across one end of a minute at most
    assert 429 in statuses
    assert login(client, username="nobody").status_code == 401  # another name has a window of its own


def test_a_user_of_several_workspaces_signs_in_to_the_first_or_to_one_that_is_named(client, cast, anna):
    other = Member.objects.create(workspace=cast.other_workspace, user=anna.user, role=Role.VIEWER)

    def place(**body):
        token = login(client, **body).json()["token"]
        client.cookies.clear()
        return client.get(f"/v1.0/customers?token={token}").json()["result"][0]["id"]

    assert place() == str(cast.workspace.pk)
    assert place(customer_id=str(other.workspace_id)) == str(cast.other_workspace.pk)
    assert login(client, customer_id="01890000-0000-7000-8000-000000000000").status_code == 401


@pytest.mark.parametrize("end", ["password", "membership", "user", "time", "forged"])
def test_a_token_ends_with_what_it_stands_on(client, cast, anna, end, monkeypatch):
    token = login(client).json()["token"]
    client.cookies.clear()
    assert client.get(f"{LIST}?token={token}").status_code == 200
    if end == "password":
        anna.user.set_password("another horse entirely")
        anna.user.save()
    elif end == "membership":
        anna.delete()
    elif end == "user":
        type(anna.user).objects.update(is_active=False)
    elif end == "forged":
        claims = jwt.decode(token, options={"verify_signature": False})
        token = jwt.encode(claims, "x" * 32, algorithm="HS256")
    else:
        monkeypatch.setattr(logins, "now", lambda: now() - timedelta(days=7, seconds=1))
        token = login(client).json()["token"]
        client.cookies.clear()
    reply = client.get(f"{LIST}?token={token}")
    assert (reply.status_code, reply.json()["error"]["reason"]) == (401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [(Role.OWNER, 200, 200), (Role.SUPERVISOR, 200, 200), (Role.VIEWER, 200, 403), (Role.AUDITOR, 403, 403)],
)
def test_a_member_may_what_the_role_says(client, cast, role, reads, writes):
    user, _ = cast.person("rolf", role=role)
    user.set_password(PASSWORD)
    user.save()
    token = login(client, username="rolf").json()["token"]
    recording = builders.start(builders.make_call(cast.workspace))
    assert client.get(f"{LIST}?token={token}").status_code == reads
    assert client.delete(f"{LIST}/{recording.id}?token={token}").status_code == writes


# --- Refusals ---------------------------------------------------------------------------------------------------


def test_request_ids(resources):
    for given in ("a-B_9", "x" * 64):
        assert resources("get", LIST, **{"X-Request-Id": given}).headers["X-Request-Id"] == given
    for given in ("", "x" * 65, "a b", "a\u00e9"):
        made = resources("get", LIST, **{"X-Request-Id": given}).headers["X-Request-Id"]
        assert made != given
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", made)


@pytest.mark.parametrize("body", ["{", "[]", '"x"', b"\xff"])
def test_a_body_that_is_no_object(cast, resources, body):
    call = builders.make_call(cast.workspace)
    reply = resources("post", f"/v1.0/calls/{call.uuid}/recording_start", body)
    assert (reply.status_code, reply.json()["error"]["reason"]) == (400, "INVALID_JSON_BODY")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "mp3"),
        ("format", 1),
        ("end_of_silence", -1),
        ("end_of_silence", "x"),
        ("end_of_silence", 1.5),
        ("end_of_silence", True),
        ("end_of_key", "5"),
        ("duration", 2**31),
        ("on_end_flow_id", "x"),
    ],
)
def test_terms_that_cannot_be(cast, resources, field, value):
    call = builders.make_call(cast.workspace)
    reply = resources("post", f"/v1.0/calls/{call.uuid}/recording_start", {field: value})
    error = reply.json()["error"]
    assert (reply.status_code, error["reason"]) == (400, "INVALID_REQUEST_PARAMETER")
    assert [detail["field"] for detail in error["details"]] == [field]


def test_terms_are_kept_with_the_recording(cast, resources):
    flow = resources("post", "/v1.0/flows").json()["id"]
    terms = {"format": "wav", "end_of_silence": 5, "end_of_key": "#", "duration": 86_401, "on_end_flow_id": flow}
    call = builders.make_call(cast.workspace)
    made = resources("post", f"/v1.0/calls/{call.uuid}/recording_start", terms).json()
    assert made["on_end_flow_id"] == flow
    kept = Recording.objects.get(pk=made["id"])
    assert (kept.end_of_silence, kept.end_of_key, kept.max_duration) == (5, "#", 86_401)
    conference = resources("post", "/v1.0/conferences").json()["id"]
    path = f"/v1.0/conferences/{conference}/recording_start"
    assert resources("post", path, {"duration": 86_401}).status_code == 400
    zero = "00000000-0000-0000-0000-000000000000"
    unset = {"format": "", "end_of_silence": 0, "end_of_key": None, "duration": 86_400, "on_end_flow_id": zero}
    assert resources("post", path, unset).status_code == 200


def test_states_that_refuse(cast, resources):
    def refused(path, body=None):
        reply = resources("post", path, body)
        return reply.status_code, reply.json()["error"]["status"], reply.json()["error"]["reason"]

    ringing = builders.make_call(cast.workspace, status="ringing")
    path = f"/v1.0/calls/{ringing.uuid}"
    assert refused(f"{path}/recording_start") == (409, "FAILED_PRECONDITION", "STATE_INVALID")
    resources("put", path, {"status": "progressing"})
    assert refused(f"{path}/recording_stop") == (409, "FAILED_PRECONDITION", "RECORDING_NOT_ACTIVE")
    resources("post", f"{path}/recording_start")
    assert refused(f"{path}/recording_start") == (409, "ALREADY_EXISTS", "RECORDING_ALREADY_ACTIVE")
    resources("post", f"{path}/recording_stop")
    assert refused(f"{path}/recording_start", {"on_end_flow_id": str(ringing.uuid)}) == (
        404,
        "NOT_FOUND",
        "RESOURCE_NOT_FOUND",
    )
    assert resources("post", f"{path}/recording_start").status_code == 200  # stopping does not block
    type(cast.workspace).objects.filter(pk=cast.workspace.pk).update(recording_enabled=False)
    other = builders.make_call(cast.workspace)
    assert refused(f"/v1.0/calls/{other.uuid}/recording_start")[2] == "STATE_INVALID"


def test_ids_and_routes(resources):
    reply = resources("get", f"{LIST}/17")
    assert (reply.status_code, reply.json()["error"]["reason"]) == (400, "INVALID_ID")
    assert resources("get", "/v1.0/nothing").json()["error"]["reason"] == "ROUTE_NOT_FOUND"


def test_an_owner_must_be_an_agent_of_the_workspace(cast, resources):
    foreign = cast.person("zoe", role=Role.AGENT, workspace=cast.other_workspace)[1]
    viewer = cast.person("vera", role=Role.VIEWER)[1]
    for member in (foreign, viewer):
        assert resources("post", "/v1.0/calls", {"owner_id": str(member.pk)}).status_code == 404
    assert resources("post", "/v1.0/calls", {"owner_type": "agent"}).status_code == 400
    assert resources("post", "/v1.0/calls", {"owner_type": "", "owner_id": ""}).json()["owner_type"] == ""


def test_a_limit_per_caller_where_the_operator_sets_one(resources, settings):
    settings.RESOURCES_REQUESTS_PER_MINUTE = 1
    replies = [resources("get", LIST) for _ in range(3)]
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert refused.json()["error"]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["X-RateLimit-Limit"] == "1"


# --- Private chats ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visibility", ["manager_owned", "direct"])
def test_a_private_chats_recording_is_not_there_for_others(client, cast, resources, flat, sessions, visibility):
    call = builders.make_call(cast.workspace)
    session = builders.make_session(cast.app, call=call)
    recording = builders.ended_recording(call, builders.tone(800))
    member = cast.person("anna", role=Role.AGENT)[1]
    chat = Chat.objects.create(workspace=cast.workspace, call=call, visibility=visibility)
    chat.participants.add(member)
    taking_part = cast.key("all", member=member)
    for path in (f"{LIST}/{recording.id}", f"/v1.0/recordingfiles/{recording.id}"):
        assert resources("get", path).status_code == 404
        assert resources("get", path, key=taking_part).status_code == 200
    assert resources("get", LIST).json()["result"] == flat("get", "/api/recordings").json() == []
    assert flat("get", f"/api/recordings/{recording.id}").status_code == 404
    shown = resources("get", f"/v1.0/calls/{call.uuid}").json()
    assert (shown["recording_ids"], shown["chat_ids"]) == ([], [chat.pk])
    assert len(flat("get", "/api/recordings", **{"x-api-key": taking_part}).json()) == 1
    assert sessions("get", f"/api/v1/sessions/{session.pk}/recording/file.wav").status_code == 200
    Chat.objects.update(visibility="workspace")
    assert resources("get", f"{LIST}/{recording.id}").status_code == 200


def test_a_private_chat_about_a_conference_or_about_nothing(cast, resources):
    conference = register_conference(cast.workspace)
    private = builders.start(conference)
    other = builders.start(builders.make_call(cast.workspace))
    Chat.objects.create(workspace=cast.workspace, conference=conference, visibility="direct")
    Chat.objects.create(workspace=cast.workspace, visibility="direct")
    assert [each["id"] for each in resources("get", LIST).json()["result"]] == [str(other.id)]
    assert resources("get", f"{LIST}/{private.id}").status_code == 404

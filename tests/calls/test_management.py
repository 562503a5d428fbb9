import base64
import re
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from calls.lifecycle import register_conference
from calls.models import Call, Chat, Session, WebhookEndpoint
from workspaces.clock import now
from workspaces.models import App, Role

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def run(capsys):
    """Runs a command; what it wrote to standard output, which must be one line."""

    def act(*words):
        call_command(*words)
        out = capsys.readouterr().out
        assert out.endswith("\n")
        assert out.count("\n") == 1
        return out.strip()

    return act


def test_an_endpoint_is_made_and_its_secret_alone_is_printed(cast, run):
    secret = run("create_webhook_endpoint", "harbour-clinic", "https://hooks.example/a?b=1")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.workspace, endpoint.app, endpoint.secret) == (cast.workspace, None, secret)
    assert (endpoint.url, endpoint.style, endpoint.events) == ("https://hooks.example/a?b=1", "sessions", [])
    assert run("create_webhook_endpoint", str(cast.workspace.pk), "http://integrator:9000/hook") != secret


def test_an_endpoint_of_an_app_with_style_and_events(cast, run):
    words = ["harbour-clinic", "https://a.example/", "--app", "brand-new", "--style", "resources"]
    run("create_webhook_endpoint", *words, "--events", "recording.started, recording.ended,")
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.app == App.objects.get(app_id="brand-new", workspace=cast.workspace)
    assert (endpoint.style, endpoint.events) == ("resources", ["recording.ended", "recording.started"])
    run("create_webhook_endpoint", "harbour-clinic", "https://a.example/", "--app", "clinic-desk")
    assert cast.app.endpoints.count() == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere", "https://a.example/"], "no workspace"),
        (["harbour-clinic", "ftp://a.example/"], "is no address"),
        (["harbour-clinic", "https://a.example/", "--app", "stranger-app"], "another workspace"),
        (["harbour-clinic", "https://a.example/", "--app", "a b"], "app id"),
        (["harbour-clinic", "https://a.example/", "--app", ""], "app id"),
        (["harbour-clinic", "https://a.example/", "--app", "fresh", "--events", "Oh no"], "is no event type"),
        (["harbour-clinic", "https://a.example/", "--style", "flat"], "invalid choice"),
        (["harbour-clinic", "https://a.example/" + "x" * 2000], "longer than 2000"),
    ],
)
def test_an_endpoint_that_cannot_be(cast, words, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("create_webhook_endpoint", *words)
    assert not WebhookEndpoint.objects.exists()
    assert not App.objects.filter(app_id="fresh").exists()


def test_a_call_is_made_in_progress(cast, run):
    number, uuid = run("create_call", "harbour-clinic", "--from", "+4420", "--to", "+4930").split(" ")
    call = Call.objects.get(pk=int(number), uuid=UUID(uuid))
    assert (call.workspace, call.status) == (cast.workspace, "progressing")
    assert (call.from_number, call.to_number) == ("+4420", "+4930")


def test_a_call_in_no_workspace(cast):
    with pytest.raises(CommandError, match="no workspace"):
        call_command("create_call", str(uuid4()))


def test_a_session_is_opened(cast, call, run):
    name = run("create_session", "clinic-desk", "--call", str(call.uuid))
    assert re.fullmatch(r"[A-Za-z0-9]{5}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)
    session = Session.objects.get(pk=name)
    assert (session.app, session.call, session.workspace) == (cast.app, call, cast.workspace)


def test_a_session_that_cannot_be(cast, call):
    for app_id, uuid, sentence in [
        ("nobody", str(call.uuid), "no app has the id 'nobody'"),
        ("stranger-app", str(call.uuid), "has no call"),
        ("clinic-desk", str(uuid4()), "has no call"),
        ("clinic-desk", "17", "is no uuid"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            call_command("create_session", app_id, "--call", uuid)
    Call.objects.update(tm_delete=now())
    with pytest.raises(CommandError, match="has no call"):
        call_command("create_session", "clinic-desk", "--call", str(call.uuid))
    assert not Session.objects.exists()


def test_a_call_of_an_agent(cast, run):
    agent = cast.person("anna", role=Role.AGENT)[1]
    number = run("create_call", "harbour-clinic", "--agent", str(agent.pk)).split(" ")[0]
    call = Call.objects.get(pk=int(number))
    assert (call.owner_type, call.owner_id) == ("agent", agent.pk)
    for text in (str(cast.staff_member.pk), "x"):
        with pytest.raises(CommandError, match="has no agent"):
            call_command("create_call", "harbour-clinic", "--agent", text)


def test_a_chat_is_made(cast, call, run):
    words = ["--visibility", "direct", "--participant", str(cast.staff_member.pk)]
    chat = Chat.objects.get(pk=int(run("create_chat", "harbour-clinic", "--call", str(call.uuid), *words)))
    assert (chat.workspace, chat.call, chat.reference_id, chat.visibility) == (
        cast.workspace,
        call,
        call.uuid,
        "direct",
    )
    assert list(chat.participants.all()) == [cast.staff_member]
    conference = register_conference(cast.workspace)
    of_it = Chat.objects.get(pk=int(run("create_chat", "harbour-clinic", "--call", str(conference.id))))
    assert (of_it.conference, of_it.reference_id, of_it.visibility) == (conference, conference.id, "workspace")
    mute = Chat.objects.get(pk=int(run("create_chat", "harbour-clinic")))
    assert mute.call is mute.conference is mute.reference_id is None


def test_a_chat_that_cannot_be(cast, call):
    for words, sentence in [
        (["nowhere"], "no workspace"),
        (["stranger", "--call", str(call.uuid)], "has no call"),
        (["harbour-clinic", "--call", "x"], "is no uuid"),
        (["harbour-clinic", "--participant", str(cast.stranger_member.pk)], "has no member"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            call_command("create_chat", *words)
    assert not Chat.objects.exists()

import subprocess
import sys
from datetime import timedelta
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command, get_commands, load_command_class

from workspaces.clock import now
from workspaces.keys import verify_api_key, verify_stream_key
from workspaces.models import ApiKey, App, AuditEntry, Member, StreamKey, Workspace

OURS = sorted(name for name, app in get_commands().items() if app == "workspaces")
PASSWORD = "correct horse battery"


def run(*words):
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    assert err.getvalue() == ""
    text = out.getvalue()
    assert text.endswith("\n")
    assert len(text.split()) == 1  # a script reads it as it is
    return text.strip()


def refusal(*words):
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert str(caught.value).endswith(".")
    return str(caught.value)


@pytest.mark.parametrize("name", OURS)
def test_every_option_is_explained(name):
    command = load_command_class("workspaces", name)
    actions = command.create_parser("manage.py", name)._actions
    assert command.help.endswith(".")
    assert [action.dest for action in actions if not action.help] == []


def test_there_are_no_more_commands_than_these_tests_know():
    assert OURS == ["create_api_key", "create_member", "create_stream_key", "create_workspace"]


@pytest.mark.django_db
def test_a_workspace_is_made_and_its_id_printed():
    workspace = Workspace.objects.get(pk=UUID(run("create_workspace", "Harbour Clinic")))
    assert (workspace.name, workspace.slug) == ("Harbour Clinic", "harbour-clinic")
    entry = AuditEntry.objects.get(workspace=workspace)
    assert (entry.verb, entry.actor_type, entry.actor_name) == ("create", "system", "create_workspace")


@pytest.mark.django_db
def test_slugs_are_asked_for_or_found():
    def slug(*words):
        return Workspace.objects.get(pk=run("create_workspace", *words)).slug

    assert slug("Clinic", "--slug", "c") == "c"
    assert [slug("Clinic") for _ in range(3)] == ["clinic", "clinic-2", "clinic-3"]
    assert slug("诊所") == "workspace"
    assert slug("x" * 200) == "x" * 56
    assert "Slug already exists" in refusal("create_workspace", "Other", "--slug", "c")
    assert "valid" in refusal("create_workspace", "Other", "--slug", "no spaces")
    assert "blank" in refusal("create_workspace", "  ")
    assert "200" in refusal("create_workspace", "x" * 201)


def test_a_member_is_made_with_a_user_who_cannot_sign_in_by_password(cast):
    member = Member.objects.get(pk=run("create_member", "harbour-clinic", "nina", "--role", "viewer"))
    assert (member.workspace, member.role, member.user.username) == (cast.workspace, "viewer", "nina")
    assert member.user.is_staff
    assert not member.user.is_superuser
    assert not member.user.has_usable_password()
    entry = AuditEntry.objects.get(subject_id=str(member.pk))
    assert entry.data == {"username": "nina", "role": "viewer"}


def test_a_member_may_get_a_password_from_a_file(cast, tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    run("create_member", str(cast.workspace.pk), "nina", "--role", "agent", "--staff-password-file", str(file))
    assert User.objects.get(username="nina").check_password(PASSWORD)


def test_a_user_who_exists_joins_and_keeps_the_password(cast, tmp_path):
    user = User.objects.create_user("nina", password="of her own")
    run("create_member", "stranger", "nina", "--role", "agent")
    user.refresh_from_db()
    assert user.is_staff
    assert user.check_password("of her own")
    run("create_member", "harbour-clinic", "nina", "--role", "agent")
    assert user.memberships.count() == 2
    assert "is a member of Harbour Clinic already" in refusal(
        "create_member", "harbour-clinic", "nina", "--role", "owner"
    )
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    third = run("create_workspace", "Third")
    words = ("create_member", third, "nina", "--role", "agent", "--staff-password-file", str(file))
    assert "changepassword" in refusal(*words)
    assert not Member.objects.filter(workspace=third).exists()


def test_members_that_cannot_be_leave_nothing_behind(cast, tmp_path):
    weak, empty = tmp_path / "weak", tmp_path / "empty"
    weak.write_text("short")
    empty.write_text("\n")
    people = User.objects.count()

    def refused(*words):
        return refusal("create_member", *words)

    assert "too short" in refused("stranger", "nina", "--role", "agent", "--staff-password-file", str(weak))
    assert "no password" in refused("stranger", "nina", "--role", "agent", "--staff-password-file", str(empty))
    gone = str(tmp_path / "gone")
    assert "cannot be read" in refused("stranger", "nina", "--role", "agent", "--staff-password-file", gone)
    assert "valid username" in refused("stranger", "no spaces", "--role", "agent")
    assert "no workspace has the id or slug 'nowhere'" in refused("nowhere", "nina", "--role", "agent")
    with pytest.raises(CommandError, match="invalid choice: 'boss'"):
        run("create_member", "stranger", "nina", "--role", "boss")
    assert User.objects.count() == people


def test_an_api_key_is_printed_once_and_works(cast):
    raw = run(
        "create_api_key",
        "harbour-clinic",
        "--scopes=recordings:read, read:chats",
        "--app=new-app",
        f"--member={cast.staff_member.pk}",
        "--expires-days=2",
        "--name=desk",
    )
    key = verify_api_key(raw)
    assert key.scopes == ["chats:read", "recordings:read"]
    assert (key.app.app_id, key.app.workspace, key.member, key.name) == (
        "new-app",
        cast.workspace,
        cast.staff_member,
        "desk",
    )
    assert abs(key.expires_at - now() - timedelta(days=2)) < timedelta(minutes=1)
    entry = AuditEntry.objects.get(subject_id=str(key.pk))
    assert (entry.verb, entry.data["app"], entry.data["prefix"]) == ("create", "new-app", key.prefix)
    assert raw[14:] not in str(AuditEntry.objects.values())


def test_an_app_is_made_once_and_shared_by_its_keys(cast):
    keys = [run("create_api_key", "harbour-clinic", "--scopes=all", "--app=clinic-desk") for _ in range(2)]
    assert {verify_api_key(key).app for key in keys} == {cast.app}
    assert verify_api_key(run("create_api_key", "harbour-clinic", "--scopes=all")).app is None


def test_api_keys_that_cannot_be_leave_nothing_behind(cast):
    before = ApiKey.objects.count(), App.objects.count(), AuditEntry.objects.count()

    def refused(*words, workspace="harbour-clinic", scopes="all"):
        return refusal("create_api_key", workspace, f"--scopes={scopes}", *words)

    assert "belongs to another workspace" in refused("--app=stranger-app")
    assert "is not 1 to 64" in refused("--app=no spaces")
    assert "is not 1 to 64" in refused("--app=")
    assert "is not 1 to 64" in refused(f"--app={'x' * 65}")
    assert "unknown scope 'everything'" in refused("--app=new-app", scopes="everything")
    assert "names no scope" in refused(scopes=" ,")
    assert "has no member" in refused("--app=new-app", f"--member={cast.stranger_member.pk}")
    assert "has no member" in refused("--member=7")
    assert "from 1 to 36500" in refused("--expires-days=0")
    assert "from 1 to 36500" in refused("--expires-days=99999999999")
    assert "no workspace" in refused(workspace=str(uuid4()))
    assert (ApiKey.objects.count(), App.objects.count(), AuditEntry.objects.count()) == before


@pytest.mark.parametrize(
    ("wavstream", "host", "address"),
    [
        ("", "127.0.0.1", "ws://127.0.0.1:8765"),
        ("", "0.0.0.0", "ws://127.0.0.1:8765"),
        ("", "::1", "ws://[::1]:8765"),
        ("wss://stream.example.com/audio", "127.0.0.1", "wss://stream.example.com/audio"),
    ],
)
def test_a_stream_key_is_printed_as_the_address_to_stream_to(cast, settings, wavstream, host, address):
    settings.WAVSTREAM_URL, settings.CAPTURE_HOST, settings.CAPTURE_PORT = wavstream, host, 8765
    base, _, raw = run("create_stream_key", "harbour-clinic", "--name=pbx").rpartition("/capture/")
    assert base == address
    key = verify_stream_key(raw)
    assert (key.workspace, key.name) == (cast.workspace, "pbx")
    assert AuditEntry.objects.get(subject_id=str(key.pk)).subject_type == "stream_key"


def test_a_stream_key_for_nobody_is_refused(cast):
    assert "no workspace" in refusal("create_stream_key", "nowhere")
    assert not StreamKey.objects.exists()


def test_from_a_shell_a_failure_is_one_sentence_on_stderr_and_a_status(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "create_api_key", "anyone", "--scopes", ","],
        env={"DATA_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "CommandError: --scopes names no scope."

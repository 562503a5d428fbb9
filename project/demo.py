"""The demo that `up` brings along: a workspace with a staff user, a key, a call with a session, one recorded call."""

import asyncio
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from calls.lifecycle import register_call
from calls.models import Call, Session
from recordings.audio.wav import WavSource
from recordings.capture import caller
from recordings.models import Recording
from recordings.states import State
from workspaces import keys
from workspaces.ids import new_id
from workspaces.models import Member, Role, Workspace
from workspaces.tenancy import claim_app

USER = "admin"
APP_ID = "demo-app"
SPEED = 20.0
LEGS = ("customer.wav", "agent.wav")
WAIT_SECONDS = 60.0


class DemoError(Exception):
    """The demo could not be made; the message says why."""


class Demo:
    """What was made, kept in a file that only its owner can read, so that a second run can print it again."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "demo.json"
        self.facts: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def _keep(self, **facts: Any) -> None:
        self.facts |= facts
        aside = self._path.with_suffix(".new")
        aside.touch(mode=0o600)
        aside.write_text(json.dumps(self.facts, indent=2))
        aside.replace(self._path)

    def furnish(self) -> None:
        """Workspace, staff user, app, key, stream key, and a call with a session to record; once."""
        if "api_key" in self.facts:
            return
        workspace, _ = Workspace.objects.get_or_create(slug="demo", defaults={"name": "Demo"})
        password = os.environ.get("DEMO_PASSWORD") or secrets.token_urlsafe(12)
        users = get_user_model().objects
        user = users.filter(username=USER).first() or users.create_superuser(USER)
        user.set_password(password)
        user.save()
        Member.objects.get_or_create(workspace=workspace, user=user, defaults={"role": Role.OWNER})
        app = claim_app(workspace, app_id=APP_ID)
        _, key = keys.mint_api_key(workspace, scopes=["all"], name="Demo", app=app)
        _, stream_key = keys.mint_stream_key(workspace, name="Demo")
        call = register_call(workspace, from_number="+44 7700 900142", to_number="+1 202 555 0117")
        session = Session.objects.create(id=f"demo1-{new_id()}", workspace=workspace, app=app, call=call)
        self._keep(password=password, api_key=key, stream_key=stream_key, session=session.id)

    @property
    def recorded(self) -> bool:
        return "recording" in self.facts

    def record(self) -> None:
        """Stream a call of real speech in, both sides at once, and wait until it can be fetched."""
        query = "from=%2B46701740612&to=%2B12025550117"
        url = f"{settings.WAVSTREAM_URL}/capture/{self.facts['stream_key']}?{query}"
        sources = [WavSource.open(settings.DEMO_AUDIO_DIR / name) for name in LEGS]
        try:
            placed = asyncio.run(caller.stream(caller.Leg(sources, "audio_stream"), url, speed=SPEED))
        except caller.CallFailedError as error:
            raise DemoError(str(error)) from error
        finally:
            for source in sources:
                source.close()
        self._await_end(placed.recording)
        reference = Recording.objects.values_list("reference_id", flat=True).get(pk=placed.recording)
        number = Call.objects.values_list("id", flat=True).get(uuid=reference)
        self._keep(recording=placed.recording, number=number)

    def _await_end(self, recording: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while Recording.objects.values_list("status", flat=True).get(pk=recording) != State.ENDED:
            if time.monotonic() > deadline:
                raise DemoError(f"the recording {recording} did not end within {WAIT_SECONDS:g} s; see the logs")
            time.sleep(0.1)

    def told(self) -> str:
        """What to try, ready to paste."""
        web, facts = settings.PUBLIC_URL, self.facts
        mp3 = f"{web}/v1/call/recording/{facts.get('number')}.mp3"
        session = f"{web}/api/v1/sessions/{facts['session']}"
        app = f"-H 'X-App-ID: {APP_ID}' -H 'X-API-Key: {facts['api_key']}'"
        lines = [f"sign in   {web}/admin/   as {USER} with the password {facts['password']}"]
        if self.recorded:
            lines += [
                "the recorded call:",
                f"  curl -H 'x-api-key: {facts['api_key']}' '{web}/api/recordings?limit=20&offset=0'",
                f"  curl -H 'x-api-key: {facts['api_key']}' -o call.wav {web}/api/recordings/{facts['recording']}",
                f"  curl '{web}/v1.0/recordings?accesskey={facts['api_key']}'",
                f"  curl -H 'Authorization: Bearer {facts['api_key']}' -o call.mp3 {mp3}",
            ]
        lines += [
            "record another, for as long as you like:",
            f"  curl -X POST {app} -d '{{}}' {session}/commands/record/start",
            f"  curl -X POST {app} -d '{{}}' {session}/commands/record/stop",
            f"  curl {app} -o session.wav {session}/recording/file.wav",
            "point an engine here and its calls are kept:",
            f"  {settings.WAVSTREAM_URL}/capture/{facts['stream_key']}?rate=8000&channels=2",
        ]
        return "\n".join(lines)

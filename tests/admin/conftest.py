"""What the admin's tests share: who is signed in, and recordings to look at."""

import pytest
from django.test import Client
from django.urls import reverse

from tests import builders
from workspaces.models import Role


class Desk:
    """The admin as one user sees it: pages by name."""

    def __init__(self, user):
        self.user = user
        self.client = Client()
        self.client.force_login(user)

    def list(self, model, query="", **headers):
        return self.client.get(reverse(f"admin:{model}_changelist") + query, headers=headers)

    def page(self, model, row):
        return self.client.get(reverse(f"admin:{model}_change", args=[row.pk]))

    def url(self, name, row):
        return reverse(f"admin:{name}", args=[row.pk])

    def audio(self, recording, query="", **headers):
        return self.client.get(self.url("recordings_recording_audio", recording) + query, headers=headers)

    def post(self, name, row, data=None, **headers):
        return self.client.post(self.url(name, row), data or {}, headers=headers)


@pytest.fixture
def desk(cast):
    """The admin as the cast's supervisor sees it; `desk.of(role)` as another member does."""
    found = Desk(cast.staff)
    found.of = lambda role: Desk(cast.person(f"a-{role}", role=Role(role))[0])
    return found


@pytest.fixture
def root_desk(cast):
    return Desk(cast.superuser)


@pytest.fixture
def stranger_desk(cast):
    return Desk(cast.stranger_staff)


@pytest.fixture(autouse=True)
def storage_of_its_own(settings, tmp_path):
    from recordings import storage

    settings.STORAGE_ROOT = tmp_path / "files"
    storage.store.cache_clear()
    yield
    storage.store.cache_clear()


@pytest.fixture
def call(cast):
    return builders.make_call(cast.workspace, from_number="+44 7700 900142", to_number="+1 (202) 555-0117")


@pytest.fixture
def recording(call):
    """Ended, two seconds of two tracks."""
    return builders.ended_recording(call, builders.tone(16_000), builders.tone(16_000, seed=2))


@pytest.fixture
def endpoint(cast):
    from calls.models import WebhookEndpoint

    return WebhookEndpoint.objects.create(
        workspace=cast.workspace, url="https://crm.example.com/hook", style="sessions", secret="whsec_c2VjcmV0"
    )


@pytest.fixture
def everything(cast, endpoint, call):
    """One row at least of every model the admin shows, all of the cast's own workspace."""
    from calls.models import Event, WebhookDelivery
    from workspaces import audit, keys

    recording = builders.ended_recording(call, builders.tone(8_000))
    builders.make_session(cast.app, call=call)
    keys.mint_stream_key(cast.workspace, name="PBX")
    event = Event.objects.create(workspace=cast.workspace, type="recording.ended", subject_id=recording.pk)
    WebhookDelivery.objects.create(event=event, endpoint=endpoint)
    audit.record(audit.SYSTEM, "listen", workspace=cast.workspace, subject_type="recording", subject_id=recording.pk)
    return recording

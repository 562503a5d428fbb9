"""What the surfaces' tests share: a client per dialect that carries the owner's key."""

import json

import pytest


@pytest.fixture
def flat(client, cast):
    """Requests to `flat` with the owner's key: flat("get", path)."""

    def request(method, path, **headers):
        return getattr(client, method)(path, headers={"x-api-key": cast.owner_key} | headers)

    return request


@pytest.fixture
def sessions(client, cast, settings):
    """Requests to `sessions` as the cast's app: sessions("post", path, body)."""
    settings.WAVSTREAM_URL = "ws://127.0.0.1:8765"

    def request(method, path, body="", *, content_type="application/json", **headers):
        ours = {"X-App-ID": cast.app.app_id, "X-API-Key": cast.owner_key} | headers
        sent = {"data": body, "content_type": content_type} if method == "post" else {}
        return getattr(client, method)(path, headers={k: v for k, v in ours.items() if v is not None}, **sent)

    return request


@pytest.fixture
def resources(client, cast):
    """Requests to `resources` with the owner's key: resources("post", path, {…}); the body is JSON, or as it stands."""

    def request(method, path, body=None, *, key=cast.owner_key, **headers):
        ours = {"Authorization": f"Bearer {key}"} if key else {}
        text = body if isinstance(body, str | bytes) else json.dumps(body or {})
        sent = {"data": text, "content_type": "application/json"} if method in {"post", "put"} else {}
        return getattr(client, method)(path, headers=ours | headers, **sent)

    return request


@pytest.fixture
def chats(client, cast):
    """Requests to `chats` about a chat of the cast's workspace: chats(chat), chats(chat, "download-url")."""

    def request(chat, what="audio.wav", *, method="get", key=cast.owner_key, workspace=cast.workspace.pk, **headers):
        ours = {"Authorization": f"Bearer {key}"} if key else {}
        number = getattr(chat, "pk", chat)
        address = f"/api/v2/w/{workspace}/recordings/chat/{number}/{what}"
        return getattr(client, method)(address, headers=ours | headers)

    return request

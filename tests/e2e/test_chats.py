"""A call by its chat: from the engine's stream to a link that needs no key."""

import wave
from io import BytesIO

import pytest

from tests.e2e import engine
from tests.e2e.product import http

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["product", "on_postgres"])
def anywhere(request):
    return request.getfixturevalue(request.param)


def test_the_call_of_a_chat_made_by_the_operator(anywhere):
    said = engine.noise(4.2, seed=81)
    recording = engine.play(anywhere.stream_url, said)
    anywhere.await_end(recording)
    code = f"""
from recordings.models import Recording
found = Recording.objects.get(pk="{recording}")
print(found.reference_id, found.workspace_id)
"""
    call, workspace = anywhere.inside(code)
    [[chat], [key]] = [
        said.split()
        for said in anywhere.manage(
            ["create_chat", anywhere.workspace, "--call", call],
            ["create_api_key", anywhere.workspace, "--scopes", "read:chats"],
        )
    ]
    base = f"{anywhere.url}/api/v2/w/{workspace}/recordings/chat/{chat}"
    headers = {"Authorization": f"Bearer {key}"}
    heard = http.request("GET", f"{base}/audio.wav", headers=headers)
    assert (heard.status, heard.headers["Content-Type"]) == (200, "audio/wav")
    with wave.open(BytesIO(heard.data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert file.readframes(file.getnframes()) == said
    told = http.request("GET", f"{base}/download-url?expires_in=60", headers=headers)
    assert told.status == 200
    assert told.json()["expires_in"] == 60
    assert told.json()["file_size"] == len(heard.data)
    assert http.request("GET", told.json()["url"]).data == heard.data
    part = http.request("GET", told.json()["url"], headers={"Range": "bytes=44-1043"})
    assert (part.status, part.data) == (206, said[:1000])
    gone = http.request("DELETE", f"{anywhere.url}/api/recordings/{recording}", headers={"x-api-key": anywhere.key})
    assert gone.status == 200
    for address in (f"{base}/audio.wav", f"{base}/download-url", told.json()["url"]):
        assert http.request("GET", address, headers=headers).status == 404

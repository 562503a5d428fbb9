"""docs/guides/clients.md, done: a client generated from the schema of `flat` lists and fetches recordings."""

import subprocess
import sys

import orjson
import pytest

from recordings.api.schemas import SURFACES, document
from tests import builders
from tests.house import tree

GUIDE = "docs/guides/clients.md"
USE = """
import sys
from tapedeck_client import AuthenticatedClient
from tapedeck_client.api.recordings import download_recording, list_recordings
from tapedeck_client.models import Error

client = AuthenticatedClient(sys.argv[1], token=sys.argv[2], prefix="", auth_header_name="x-api-key")
found = list_recordings.sync(client=client, limit=10)
for recording in found:
    audio = download_recording.sync(recording.id, client=client)
    print(recording.id, recording.duration_ms, len(audio.payload.read()))
refused = AuthenticatedClient(sys.argv[1], token="wrong", prefix="", auth_header_name="x-api-key")
error = list_recordings.sync(client=refused)
assert isinstance(error, Error), error
print(error.code)
"""


def settings_of(guide):
    """The generator's settings as the guide gives them."""
    return guide.split("```yaml\n")[1].split("```")[0]


def generate(folder, surface):
    """Runs the generator as the guide does, on the schema of a surface; its output."""
    (folder / "openapi.json").write_bytes(orjson.dumps(document(surface)))
    (folder / "client.yaml").write_text(settings_of(tree.read(GUIDE)))
    options = [
        "--path",
        "openapi.json",
        "--config",
        "client.yaml",
        "--meta",
        "none",
        "--output-path",
        "tapedeck_client",
    ]
    command = [sys.executable, "-m", "openapi_python_client", "generate", *options, "--fail-on-warning"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "tapedeck_client"


@pytest.mark.parametrize("surface", SURFACES)
def test_a_client_is_generated_without_a_warning(surface, tmp_path):
    names = {path.stem for path in generate(tmp_path, surface).rglob("*.py")}
    assert {"client", "error"} <= names


@pytest.mark.django_db(transaction=True)
def test_it_lists_and_fetches_recordings(cast, live_server, tmp_path):
    recording = builders.ended_recording(builders.make_call(cast.workspace), builders.tone(4_000))
    generate(tmp_path, "flat")
    command = [sys.executable, "-c", USE, live_server.url, cast.owner_key]
    used = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert used.returncode == 0, used.stderr
    assert used.stdout.splitlines() == [f"{recording.id} 500 {44 + 8_000}", "API_KEY_INVALID"]


def test_the_guide_shows_what_is_tested():
    shown = tree.read(GUIDE)
    for line in [*USE.splitlines()[2:5], "found = list_recordings.sync(client=client, limit=10)"]:
        assert line in shown

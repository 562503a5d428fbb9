import pytest
from django.core import checks as django_checks

from workspaces import checks


@pytest.fixture
def sound(settings):
    settings.DEBUG = False
    settings.PUBLIC_URL = "https://calls.example.com"
    settings.WAVSTREAM_URL = "wss://stream.example.com"
    settings.ALLOWED_HOSTS = ["calls.example.com"]
    settings.OUTBOUND_ALLOW = ["10.1.0.0/16", "127.0.0.1/32", "fd00::/8"]
    settings.CORS_ALLOWED_ORIGINS = ["https://desk.example.com", "http://localhost:5173"]
    return settings


def found():
    ours = django_checks.run_checks(tags=[django_checks.Tags.security])
    assert all(message.hint for message in ours)
    return [message.id.removeprefix("workspaces.") for message in ours]


def test_sound_settings_pass(sound):
    assert found() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_embedded_default_passes(sound, host):
    sound.DEBUG = True
    sound.PUBLIC_URL, sound.WAVSTREAM_URL = f"http://{host}:8000", f"ws://{host}:8765"
    sound.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
    assert found() == []
    sound.WAVSTREAM_URL = ""
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", True, ["W001"]),
        ("ALLOWED_HOSTS", ["127.0.0.1"], ["W002"]),
        ("ALLOWED_HOSTS", [".example.com"], []),
        ("PUBLIC_URL", "http://calls.example.com", ["W003"]),
        ("WAVSTREAM_URL", "ws://stream.example.com", ["W004"]),
    ],
)
def test_what_does_not_fit_is_named(sound, name, value, expected):
    setattr(sound, name, value)
    assert found() == expected


def test_every_id_is_explained_at_the_top_of_the_module(sound):
    for number in ("W001", "W002", "W003", "W004"):
        assert f"\n{number}  " in checks.__doc__

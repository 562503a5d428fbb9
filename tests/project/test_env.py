"""Each reader of the environment: what it takes, and the one sentence with which it refuses."""

import stat

import pytest
from django.core.exceptions import ImproperlyConfigured

from project import env
from tests.workspaces.crowd import at_once


@pytest.fixture
def given(monkeypatch):
    """Sets X for the reader under test; None unsets it."""
    monkeypatch.delenv("X_FILE", raising=False)

    def give(value, name="X"):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)

    give(None)
    return give


def refused(read):
    with pytest.raises(ImproperlyConfigured) as error:
        read()
    sentence = str(error.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "X" in sentence
    return sentence


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_nothing_is_the_default(given, nothing):
    given(nothing)
    assert env.raw("X") is None
    assert env.text("X") == ""
    assert env.text("X", "d") == "d"
    assert env.words("X", ["a"]) == ["a"]
    assert env.choice("X", ["a", "b"], "b") == "b"
    assert env.boolean("X", default=True) is True
    assert env.boolean("X", default=False) is False
    assert env.integer("X", 7, minimum=9) == 7
    assert env.seconds("X", 1.5) == 1.5
    assert env.hours("X", 24) == 24
    assert env.networks("X") == env.origins("X") == []
    assert env.url("X", schemes=["http"]) == ""
    assert env.url("X", "http://a/", schemes=["http"]) == "http://a"
    assert env.zone("X", "UTC") == "UTC"


def test_text_is_trimmed(given):
    given("  a b \n")
    assert env.text("X") == "a b"


def test_a_secret_is_read_from_its_file(given, tmp_path):
    (tmp_path / "secret").write_text(" s3cret\n")
    given(str(tmp_path / "secret"), "X_FILE")
    assert env.raw("X") == "s3cret"
    (tmp_path / "secret").write_text("\n")
    assert env.raw("X") is None


def test_a_file_that_cannot_be_read(given, tmp_path):
    given(str(tmp_path / "none"), "X_FILE")
    assert "cannot be read: No such file" in refused(lambda: env.raw("X"))
    given(str(tmp_path), "X_FILE")
    assert "cannot be read: Is a directory" in refused(lambda: env.raw("X"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    given(str(tmp_path / "binary"), "X_FILE")
    assert "no UTF-8 text" in refused(lambda: env.raw("X"))


def test_value_and_file_at_once(given, tmp_path):
    (tmp_path / "secret").write_text("s3cret")
    given("another")
    given(str(tmp_path / "secret"), "X_FILE")
    assert "both set" in refused(lambda: env.raw("X"))


@pytest.mark.parametrize(
    ("value", "expected"), [("a", ["a"]), ("a,b", ["a", "b"]), (" a , ,b,", ["a", "b"]), (",", [])]
)
def test_words(given, value, expected):
    given(value)
    assert env.words("X", ["d"]) == expected


def test_choice(given):
    given("b")
    assert env.choice("X", ["a", "b"], "a") == "b"
    for wrong in ("c", "A", "a,b"):
        given(wrong)
        assert "must be one of a, b" in refused(lambda: env.choice("X", ["a", "b"], "a"))


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "Yes", "on"])
def test_true(given, value):
    given(value)
    assert env.boolean("X", default=False) is True


@pytest.mark.parametrize("value", ["0", "false", "False", "no", "OFF"])
def test_false(given, value):
    given(value)
    assert env.boolean("X", default=True) is False


@pytest.mark.parametrize("value", ["2", "y", "enabled", "truee", "-1"])
def test_neither_true_nor_false(given, value):
    given(value)
    assert "must be true or false" in refused(lambda: env.boolean("X", default=False))


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("10", 10), ("+7", 7)])
def test_whole_numbers(given, value, expected):
    given(value)
    assert env.integer("X", 0, minimum=3, maximum=10) == expected


@pytest.mark.parametrize("value", ["2", "11", "3.5", "1e1", "three", "0x5", "nan", "9" * 500, "9" * 5000, "-3"])
def test_what_is_no_whole_number_in_range(given, value):
    given(value)
    assert "a whole number from 3 to 10" in refused(lambda: env.integer("X", 0, minimum=3, maximum=10))


@pytest.mark.parametrize(("value", "expected"), [("0.5", 0.5), ("3", 3.0), ("1e3", 1000.0)])
def test_seconds_and_hours(given, value, expected):
    given(value)
    assert env.seconds("X", 9, minimum=0.5) == env.hours("X", 9, minimum=0.5) == expected


@pytest.mark.parametrize("value", ["0.4", "-1", "inf", "nan", "1e300", "1e10", "ten", "10s"])
def test_what_is_no_time(given, value):
    given(value)
    assert "a number of seconds from 0.5 to 3155760000" in refused(lambda: env.seconds("X", 9, minimum=0.5))
    assert "a number of hours from 0.5 to 876600" in refused(lambda: env.hours("X", 9, minimum=0.5))


def test_the_longest_time_fits_a_date(given):
    from datetime import timedelta

    from workspaces.clock import now

    given(str(env.CENTURY_HOURS))
    assert now() + timedelta(hours=env.hours("X", 0)) > now()


def test_networks(given):
    given("10.1.2.3/16, 192.168.1.7,fd00::/8")
    assert env.networks("X") == ["10.1.0.0/16", "192.168.1.7/32", "fd00::/8"]
    for wrong in ("10.0.0.0/33", "example.com", "10.0.0.0/8,x", "10.0.0"):
        given(wrong)
        assert "write networks such as" in refused(lambda: env.networks("X"))


def test_origins(given):
    given("https://desk.example.com, http://127.0.0.1:8000,https://[::1]:8443")
    assert env.origins("X") == ["https://desk.example.com", "http://127.0.0.1:8000", "https://[::1]:8443"]
    for wrong in (
        "desk.example.com",
        "https://desk.example.com/",
        "https://desk.example.com/x",
        "https://",
        "ftp://desk.example.com",
        "https://desk.example.com:port",
        "https://[::1",
        "*",
    ):
        given(wrong)
        assert "write origins such as" in refused(lambda: env.origins("X"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("ws://a", "ws://a"), ("wss://a.example:8765/x//", "wss://a.example:8765/x"), ("ws://[::1]:1", "ws://[::1]:1")],
)
def test_urls(given, value, expected):
    given(value)
    assert env.url("X", schemes=["ws", "wss"]) == expected


@pytest.mark.parametrize("value", ["a", "http://a", "ws:a", "ws://", "ws://:80", "ws://a:0", "ws://a:x", "ws://[::1"])
def test_what_is_no_url(given, value):
    given(value)
    assert "begins with ws://, wss://" in refused(lambda: env.url("X", schemes=["ws", "wss"]))


def test_zones(given):
    given("Europe/Stockholm")
    assert env.zone("X", "UTC") == "Europe/Stockholm"
    for wrong in ("Mars/Olympus", "../../etc/passwd", "Europe", "+01:00"):
        given(wrong)
        assert "write a time zone such as" in refused(lambda: env.zone("X", "UTC"))


def test_names(given):
    given(None)
    assert env.matching("X", "us-east-1", pattern="[a-z0-9-]+", of="a region") == "us-east-1"
    assert env.matching("X", pattern="[a-z]+", of="a region") == ""
    given("eu-north-1")
    assert env.matching("X", "us-east-1", pattern="[a-z0-9-]+", of="a region") == "eu-north-1"
    for wrong in ("eu north", "eu-north-1\nx", "EU"):
        given(wrong)
        with pytest.raises(ImproperlyConfigured, match=r"^X is .*; it must be the name of a region\.$"):
            env.matching("X", "us-east-1", pattern="[a-z0-9-]+", of="a region")


def test_a_folder_is_made_or_refused(tmp_path):
    assert env.folder(tmp_path / "a" / "b").is_dir()
    assert env.folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").write_text("x")
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ImproperlyConfigured, match="DATA_DIR cannot be written"):
            env.folder(wrong)


def test_a_kept_secret_outlives_a_restart_and_is_its_owners_alone(tmp_path):
    path = tmp_path / "data" / "secret-key"
    secret = env.kept_secret(path)
    assert len(secret) >= 64
    assert env.kept_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["secret-key"]
    assert env.kept_secret(tmp_path / "other" / "secret-key") != secret


def test_processes_that_begin_at_once_keep_one_secret(tmp_path):
    for number in range(20):
        path = tmp_path / str(number) / "secret-key"
        assert len(set(at_once(8, lambda _, path=path: env.kept_secret(path)))) == 1
        assert [found.name for found in path.parent.iterdir()] == ["secret-key"]


def test_of_two_secrets_the_one_that_stands_is_kept(tmp_path):
    path = tmp_path / "secret-key"
    path.write_text("the other process was faster")
    env._keep("ours", path)
    assert path.read_text() == "the other process was faster"
    assert [found.name for found in tmp_path.iterdir()] == ["secret-key"]


def test_a_secret_that_cannot_be_kept(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ImproperlyConfigured, match=r"DATA_DIR is .*file, which cannot be written.*SECRET_KEY\.$"):
        env.kept_secret(tmp_path / "file" / "secret-key")

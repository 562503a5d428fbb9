"""The boot: every wrong setting stops it with one sentence that names the variable, and a right one is taken."""

import os
import re
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.house import tree
from tests.house.test_settings_page import variables

KEY = "a-key-for-the-tests-of-the-boot-which-signs-nothing"


WRONG = {
    "DEBUG": ["maybe"],
    "SECRET_KEY": ["short"],
    "CORS_ALLOWED_ORIGINS": ["desk.example.com"],
    "CSRF_TRUSTED_ORIGINS": ["desk.example.com", "https://[::1"],
    "PUBLIC_URL": ["tapedeck.example", "ftp://tapedeck.example", "http://x:port"],
    "TIME_ZONE": ["Mars/Olympus"],
    "DATABASE_URL": ["nonsense", "mysql://u:p@h/n", "postgres://u:p@h:port/n", "sqlite3"],
    "STORAGE": ["tape"],
    "AWS_STORAGE_BUCKET_NAME": ["ab", "calls/2026", "https://s3.example/calls"],
    "AWS_S3_ENDPOINT_URL": ["s3.example:9000", "ftp://s3.example", "http://x:port"],
    "AWS_S3_REGION_NAME": ["eu north", "eu_north"],
    "CELERY_BROKER_URL": ["nonsense", "sqs://"],
    "MEDIA_ENGINE": ["gramophone"],
    "WAVSTREAM_URL": ["http://capture.example"],
    "RECORDING_BASE_URL": ["ws://cdn.example"],
    "MP3_SAMPLE_RATE": ["44100", "8 kHz"],
    "RECORDING_RETENTION_HOURS": ["-1", "1e9", "a day"],
    "CAPTURE_PORT": ["-1", "65536", "http"],
    "CAPTURE_CHUNK_SECONDS": ["0.4", "x"],
    "CAPTURE_START_TIMEOUT": ["0.9", "x"],
    "CAPTURE_RECONNECT_SECONDS": ["-1", "x"],
    "CAPTURE_IDLE_SECONDS": ["0", "x"],
    "CAPTURE_NODE_SILENT_AFTER": ["4", "x"],
    "CAPTURE_LOST_AFTER": ["14", "x"],
    "CAPTURE_DRAIN_SECONDS": ["-1", "x"],
    "CAPTURE_TOKEN_SECONDS": ["59", "x"],
    "CAPTURE_MAX_MESSAGE_BYTES": ["65535", "1e6"],
    "CAPTURE_MIN_FREE_BYTES": ["-1", "1 GB"],
    "FLAT_REQUESTS_PER_MINUTE": ["-1", "x"],
    "RESOURCES_REQUESTS_PER_MINUTE": ["-1", "x"],
    "LOGIN_ATTEMPTS_PER_MINUTE": ["-1", "x"],
    "SESSIONS_REQUESTS_PER_MINUTE": ["-1", "x"],
    "LIVE_FOLLOWERS_MAX": ["-1", "x"],
    "CHAT_MIN_SECONDS": ["-1", "x"],
    "DOWNLOAD_URL_MAX_SECONDS": ["0", "x"],
    "OUTBOUND_ALLOW": ["10.0.0.0/33", "localhost"],
    "WEBHOOK_TIMEOUT_SECONDS": ["0", "x"],
    "WEB_THREADS": ["0", "x"],
    "WORKER_PROCESSES": ["0", "x"],
    "LOG_LEVEL": ["LOUD"],
}
FREE_TEXT = {"DATA_DIR", "ALLOWED_HOSTS", "STORAGE_ROOT", "CAPTURE_HOST", "CAPTURE_DIR"} | {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
}
"""Every text is a name, a folder or a key; whether it is there shows when it is used."""


def test_every_setting_has_a_wrong_value_here_or_none_at_all():
    assert set(variables(tree.read("project/settings.py"))) == set(WRONG) | FREE_TEXT


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_stops_the_boot_by_name(boot, name, value):
    with pytest.raises(ImproperlyConfigured) as stopped:
        boot(**({"SECRET_KEY": KEY} | {name: value}))
    sentence = str(stopped.value)
    assert sentence.startswith(name)
    assert re.fullmatch(r"[^\n]+\.", sentence)
    assert "p@h" not in sentence  # a password is nobody's to read in a log


def test_an_embedded_default_needs_no_setting_at_all(boot, tmp_path):
    made = boot()
    assert tmp_path == made.DATA_DIR
    assert (tmp_path / "secret-key").read_text() == made.SECRET_KEY
    assert boot().SECRET_KEY == made.SECRET_KEY
    database = made.DATABASES["default"]
    assert (database["ENGINE"], database["NAME"]) == ("django.db.backends.sqlite3", str(tmp_path / "tapedeck.sqlite3"))
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in database["OPTIONS"]["init_command"]
    assert made.CELERY_BROKER_URL.startswith("filesystem://")
    assert (tmp_path / "broker" / "queue").is_dir()
    assert (tmp_path / "broker" / "control").is_dir()
    assert tmp_path / "files" == made.STORAGE_ROOT
    assert tmp_path / "capture" == made.CAPTURE_DIR
    assert made.DEBUG is False
    assert made.WAVSTREAM_URL == made.RECORDING_BASE_URL == ""


def test_many_machines(boot, tmp_path):
    made = boot(
        SECRET_KEY=KEY,
        DATABASE_URL="postgres://tape:deck@db.example:5433/calls",
        CELERY_BROKER_URL="amqps://u:p@mq.example//",
        PUBLIC_URL="https://tapedeck.example/",
        WAVSTREAM_URL="wss://capture.example/",
        RECORDING_BASE_URL="https://cdn.example/audio/",
        TIME_ZONE="Europe/Stockholm",
        OUTBOUND_ALLOW="10.0.0.0/8",
    )
    database = made.DATABASES["default"]
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 5433, "calls")
    assert database["OPTIONS"]["connect_timeout"] == 3
    assert made.CELERY_BROKER_TRANSPORT_OPTIONS["connect_timeout"] == 0.5
    assert made.PUBLIC_URL == "https://tapedeck.example"
    assert made.SESSION_COOKIE_SECURE
    assert made.CSRF_COOKIE_SECURE
    assert made.SECURE_HSTS_SECONDS > 0
    assert (made.WAVSTREAM_URL, made.RECORDING_BASE_URL) == ("wss://capture.example", "https://cdn.example/audio")
    assert made.OUTBOUND_ALLOW == ["10.0.0.0/8"]
    assert list(tmp_path.iterdir()) == []


BUCKET = {"SECRET_KEY": KEY, "STORAGE": "s3", "AWS_STORAGE_BUCKET_NAME": "calls"}


def test_a_bucket(boot, tmp_path):
    (tmp_path / "secret").write_text("hush\n")
    made = boot(
        **BUCKET,
        AWS_S3_ENDPOINT_URL="https://s3.example:9000/",
        AWS_ACCESS_KEY_ID="AKIA0123",
        AWS_SECRET_ACCESS_KEY_FILE=str(tmp_path / "secret"),
    )
    assert (made.STORAGE, made.AWS_STORAGE_BUCKET_NAME) == ("s3", "calls")
    assert (made.AWS_S3_ENDPOINT_URL, made.AWS_S3_REGION_NAME) == ("https://s3.example:9000", "us-east-1")
    assert (made.AWS_ACCESS_KEY_ID, made.AWS_SECRET_ACCESS_KEY) == ("AKIA0123", "hush")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"AWS_STORAGE_BUCKET_NAME": ""}, "AWS_STORAGE_BUCKET_NAME"),
        ({"AWS_ACCESS_KEY_ID": "AKIA0123"}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ({"AWS_SECRET_ACCESS_KEY": "hush"}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_half_a_bucket_stops_the_boot(boot, given, named):
    with pytest.raises(ImproperlyConfigured, match=f"^{named}") as stopped:
        boot(**(BUCKET | given))
    assert "hush" not in str(stopped.value)
    assert boot(**given, STORAGE="files").STORAGE == "files"  # keys of another program in the same environment


@pytest.mark.parametrize("url", ["redis://:p@redis.example:6379/1", "rediss://redis.example/0"])
def test_redis_gives_a_task_out_again_only_when_it_cannot_run_any_more(boot, url):
    from project.celery import app

    options = boot(SECRET_KEY=KEY, CELERY_BROKER_URL=url).CELERY_BROKER_TRANSPORT_OPTIONS
    assert options["visibility_timeout"] > app.conf.task_time_limit
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.5


def test_without_tls_no_cookie_is_lost(boot):
    made = boot(PUBLIC_URL="http://127.0.0.1:8000")
    assert made.SESSION_COOKIE_SECURE is made.CSRF_COOKIE_SECURE is False
    assert made.SECURE_HSTS_SECONDS == 0
    assert made.SECURE_PROXY_SSL_HEADER is None


def test_secrets_may_stand_in_files(boot, tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "database").write_text("postgres://u:p@db.example/name\n")
    made = boot(SECRET_KEY_FILE=str(tmp_path / "key"), DATABASE_URL_FILE=str(tmp_path / "database"))
    assert made.SECRET_KEY == KEY
    assert made.DATABASES["default"]["HOST"] == "db.example"


def test_a_data_folder_that_is_none(boot, tmp_path):
    (tmp_path / "file").write_text("x")
    for given in ({}, {"SECRET_KEY": KEY}):
        with pytest.raises(ImproperlyConfigured, match=r"^DATA_DIR"):
            boot(DATA_DIR=str(tmp_path / "file"), **given)


def manage(tmp_path, *words, **given):
    """`manage.py` in a process of its own, with nothing of ours in its environment but the way to Python."""
    kept = {
        name: value for name, value in os.environ.items() if name in {"PATH", "LANG"} or name.startswith("COVERAGE")
    }
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=tree.ROOT,
        env={**kept, "DATA_DIR": str(tmp_path), **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_process_with_good_settings_passes_its_checks(tmp_path):
    checked = manage(tmp_path, "check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_process_with_a_wrong_setting_says_one_sentence_and_leaves_with_1(tmp_path):
    checked = manage(tmp_path, "check", CAPTURE_PORT="http")
    assert checked.returncode == 1
    assert checked.stderr == "manage.py: CAPTURE_PORT is 'http'; it must be a whole number from 0 to 65535.\n"
    assert checked.stdout == ""

"""What each check says where all is well and where it is not; none of them raises."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections

from calls.models import Event, WebhookDelivery, WebhookEndpoint
from recordings import readiness, storage
from recordings.errors import StorageError
from recordings.models import CaptureNode, Recording
from tests.builders import start
from workspaces.clock import now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def node():
    return CaptureNode.objects.create(host="cap-1", spool_bytes=1234)


def found(name, *, backlog=False):
    return {finding.name: finding for finding in readiness.check(backlog=backlog)}[name]


def test_all_is_well(node):
    findings = readiness.check(backlog=True)
    assert [(finding.name, finding.good) for finding in findings] == [
        ("database", True),
        ("broker", True),
        ("storage", True),
        ("capture", True),
        ("recordings", True),
        ("webhooks", True),
    ]
    told = {finding.name: finding.sentence for finding in findings}
    assert told["database"] == f"{connection.vendor} answers"
    assert told["capture"] == "1 capture process(es), 1234 bytes in the spool"
    assert [finding.name for finding in readiness.check()] == ["database", "broker", "storage", "capture"]


def test_no_database(node, monkeypatch):
    def refuse(*_):
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "cursor", refuse)
        database, capture = found("database"), found("capture")
    assert (database.good, database.sentence) == (False, "connection refused")
    assert not capture.good
    assert found("broker").good


def test_an_error_without_words_is_told_by_its_name(node, monkeypatch):
    def refuse():
        raise TimeoutError

    monkeypatch.setattr(storage, "probe", refuse)
    assert found("storage") == readiness.Finding("storage", good=False, sentence="TimeoutError")


def test_the_brokers_folder_is_missing(node, settings, tmp_path):
    settings.BROKER_DIR = tmp_path
    assert not found("broker").good
    assert str(tmp_path) in found("broker").sentence
    (tmp_path / "queue").mkdir()
    assert found("broker").good


@pytest.fixture
def amqp(settings, monkeypatch):
    """A broker that is spoken to over the network; `answers` decides whether it does."""
    from celery import current_app

    class Connection:
        answers = True

        def __call__(self, connect_timeout):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def ensure_connection(self, *, max_retries, timeout):
            if not self.answers:
                raise ConnectionRefusedError("[Errno 111] Connection refused")

    settings.CELERY_BROKER_URL = "amqp://localhost"
    broker = Connection()
    monkeypatch.setattr(current_app, "connection_for_write", broker)
    return broker


def test_a_broker_on_the_network(node, amqp):
    assert found("broker") == readiness.Finding("broker", good=True, sentence="the broker answers")
    amqp.answers = False
    assert found("broker") == readiness.Finding("broker", good=False, sentence="[Errno 111] Connection refused")


def test_a_store_that_does_not_do_as_told(node, monkeypatch, tmp_path):
    (tmp_path / "files").write_text("no folder")
    monkeypatch.setattr(storage, "store", lambda: storage.FileStore(tmp_path / "files"))
    assert not found("storage").good
    with pytest.raises(StorageError):
        storage.probe()


def test_no_capture_process_lives(settings):
    assert not found("capture").good
    assert "manage.py capture" in found("capture").sentence
    silent = now() - timedelta(seconds=settings.CAPTURE_NODE_SILENT_AFTER + 1)
    node = CaptureNode.objects.create(host="cap-1", heartbeat_at=silent)
    assert not found("capture").good
    CaptureNode.objects.filter(pk=node.pk).update(heartbeat_at=now())
    assert found("capture").good


def test_a_capture_process_in_trouble(node):
    CaptureNode.objects.create(host="cap-2", trouble="the disk is full")
    CaptureNode.objects.create(host="cap-3", trouble="no database")
    finding = found("capture")
    assert not finding.good
    assert sorted(finding.sentence.split("; ")) == ["no database", "the disk is full"]


@pytest.mark.parametrize(("seconds", "good"), [(50, True), (70, False)])
def test_recordings_that_nobody_brings_on(call, node, seconds, good):
    start(call)
    Recording.objects.update(due_at=now() - timedelta(seconds=seconds))
    finding = found("recordings", backlog=True)
    assert finding.good is good
    assert good or finding.sentence == "1 recordings wait for longer than a minute; is `celery beat` running?"


@pytest.mark.parametrize(
    ("seconds", "status", "good"), [(50, "pending", True), (70, "pending", False), (70, "failed", True)]
)
def test_deliveries_that_nobody_makes(cast, node, seconds, status, good):
    endpoint = WebhookEndpoint.objects.create(workspace=cast.workspace, url="https://x.example/", secret="whsec_eA==")
    event = Event.objects.create(workspace=cast.workspace, type="test")
    delivery = WebhookDelivery.objects.create(event=event, endpoint=endpoint)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(status=status, due_at=now() - timedelta(seconds=seconds))
    finding = found("webhooks", backlog=True)
    assert finding.good is good
    assert good or finding.sentence == "1 deliveries wait for longer than a minute; is a `celery worker` running?"

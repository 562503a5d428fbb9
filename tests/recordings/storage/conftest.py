"""A bucket on a simulated server in every run, and on the real one where TEST_S3_ENDPOINT_URL says where it is."""

import logging
import os
from uuid import uuid4

import pytest

from recordings import storage
from recordings.storage import FileStore
from recordings.storage.bucket import STORING, Bucket
from recordings.storage.s3 import S3Store
from tests.recordings.capture.conftest import capture_settings, start_node  # noqa: F401 - fixtures of ours too
from tests.recordings.storage.servers import FaultyWay

REAL = os.environ.get("TEST_S3_ENDPOINT_URL", "")
SERVERS = ["simulated", *(["real"] if REAL else [])]
NO_SERVER = "no S3 server (`tests/s3-server start` tells what to export)"


@pytest.fixture(scope="session")
def simulated():
    """The address of a simulated S3 server. It believes every signature and serves expired links."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would tell of every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def _new_bucket(endpoint, key_id, secret):
    bucket = Bucket(
        name=f"tapedeck-{uuid4().hex[:20]}", region="us-east-1", endpoint=endpoint, key_id=key_id, secret=secret
    )
    bucket.connect(STORING).create_bucket(Bucket=bucket.name)
    return bucket


@pytest.fixture
def simulated_bucket(simulated):
    return _new_bucket(simulated, "AKIATEST", "secret")


@pytest.fixture
def real_bucket():
    if not REAL:
        pytest.skip(NO_SERVER)
    return _new_bucket(REAL, os.environ["TEST_S3_ACCESS_KEY_ID"], os.environ["TEST_S3_SECRET_ACCESS_KEY"])


@pytest.fixture(params=SERVERS)
def bucket(request):
    """An empty bucket, on each server."""
    return request.getfixturevalue(f"{request.param}_bucket")


@pytest.fixture
def s3(bucket):
    return S3Store(bucket)


@pytest.fixture(params=["files", *SERVERS])
def any_store(request, tmp_path):
    """Each kind of store, empty."""
    if request.param == "files":
        return FileStore(tmp_path / "files")
    return S3Store(request.getfixturevalue(f"{request.param}_bucket"))


@pytest.fixture
def way(simulated_bucket):
    """The way to `simulated_bucket`, on which things may go wrong."""
    with FaultyWay(simulated_bucket.endpoint) as way:
        yield way


@pytest.fixture
def use_s3(settings):
    """`use_s3(bucket)`: the product keeps its audio there from now on, as its settings say."""

    def use(bucket, endpoint=""):
        settings.STORAGE = "s3"
        settings.AWS_STORAGE_BUCKET_NAME = bucket.name
        settings.AWS_S3_REGION_NAME = bucket.region
        settings.AWS_S3_ENDPOINT_URL = endpoint or bucket.endpoint
        settings.AWS_ACCESS_KEY_ID = bucket.key_id
        settings.AWS_SECRET_ACCESS_KEY = bucket.secret
        storage.store.cache_clear()

    yield use
    storage.store.cache_clear()

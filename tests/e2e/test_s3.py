"""The whole product with its audio in a bucket of a real S3 server."""

import os
from uuid import uuid4

import pytest

from tests.e2e import engine
from tests.e2e.product import Product

pytestmark = pytest.mark.e2e


@pytest.fixture
def on_s3(tmp_path):
    if not os.environ.get("TEST_S3_ENDPOINT_URL"):
        pytest.skip("no S3 server (`tests/s3-server start` tells what to export)")
    import boto3

    names = {
        "AWS_S3_ENDPOINT_URL": os.environ["TEST_S3_ENDPOINT_URL"],
        "AWS_ACCESS_KEY_ID": os.environ["TEST_S3_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["TEST_S3_SECRET_ACCESS_KEY"],
        "AWS_STORAGE_BUCKET_NAME": f"tapedeck-{uuid4().hex[:20]}",
    }
    client = boto3.client(
        "s3",
        endpoint_url=names["AWS_S3_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=names["AWS_STORAGE_BUCKET_NAME"])
    with Product(
        tmp_path / "data", MEDIA_ENGINE="external", CAPTURE_CHUNK_SECONDS="1", STORAGE="s3", **names
    ) as running:
        running.client, running.bucket = client, names["AWS_STORAGE_BUCKET_NAME"]
        yield running.furnish()


def test_a_call_is_kept_in_the_bucket_and_nowhere_else(on_s3):
    said = engine.noise(5, seed=1)
    recording = engine.play(on_s3.stream_url, said)
    on_s3.await_end(recording)
    assert on_s3.pcm(recording) == said
    part = on_s3.wav(recording, Range="bytes=44-163")
    assert (part.status, part.data) == (206, said[:120])
    keys = [found["Key"] for found in on_s3.client.list_objects_v2(Bucket=on_s3.bucket)["Contents"]]
    assert keys
    assert all(key.startswith("w/") and f"/r/{recording}/" in key for key in keys)
    assert not list((on_s3.data / "files").rglob("*.*"))
    told = on_s3.manage_one("doctor").stdout
    assert f"bucket {on_s3.bucket} at {os.environ['TEST_S3_ENDPOINT_URL']}" in told
    assert os.environ["TEST_S3_SECRET_ACCESS_KEY"] not in told.split()

"""Objects in a bucket: how they are put and compared, and what damage, conflicts and failures become."""

import os
import time
from dataclasses import replace
from functools import partial
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from recordings.errors import ObjectConflict, ObjectDamaged, StorageError
from recordings.storage import s3 as module
from recordings.storage.bucket import Bucket, Patience
from recordings.storage.fingerprint import PART_BYTES
from recordings.storage.s3 import S3Store
from recordings.storage.windows import WINDOW_BYTES
from workspaces.clock import now

KEY = "w/1/r/2/c/3/000000000000-abc.pcm"
BRIEF = Patience(connect=0.5, silence=0.5, attempts=2)


def through(way, bucket, **options):
    """A store whose requests take that way."""
    return S3Store(replace(bucket, endpoint=way.url), **options)


def head(store, key=KEY):
    return store._client.head_object(Bucket=store._bucket.name, Key=key)


def uploads(store):
    found = store._client.list_multipart_uploads(Bucket=store._bucket.name)
    return [upload["Key"] for upload in found.get("Uploads", [])]


def flip(data, at=-1):
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


# --- Puts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [("recording.wav", "audio/wav"), ("recording.mp3", "audio/mpeg"), ("1.pcm", "application/octet-stream")],
)
def test_an_object_says_what_it_is_and_was_meant_to_be(s3, name, kind):
    s3.put(f"w/1/{name}", [b"tapedeck"])
    found = head(s3, f"w/1/{name}")
    assert (found["ContentType"], found["ContentLength"]) == (kind, 8)
    assert found["Metadata"] == {"sha256": sha256(b"tapedeck").hexdigest()}


def test_the_largest_whole_object_and_the_smallest_in_parts(s3):
    for size, parts in [(PART_BYTES, ""), (PART_BYTES + 1, "-2"), (2 * PART_BYTES, "-2"), (2 * PART_BYTES + 1, "-3")]:
        s3.put(f"w/1/{size}.wav", [bytes(size)])
        found = head(s3, f"w/1/{size}.wav")
        assert (found["ContentLength"], found["ContentType"]) == (size, "audio/wav")
        assert found["ETag"].strip('"')[32:] == parts
    assert uploads(s3) == []


def test_memory_holds_a_few_parts_and_never_the_object(s3):
    """Blocks are taken from their source only as parts go out."""
    waiting = []

    def blocks():
        for _ in range(48):
            waiting.append(1)
            yield bytes(1 << 20)

    send, most = s3._client.upload_part, []

    def counted(**request):
        most.append(len(waiting) * (1 << 20) - PART_BYTES * len(most))
        return send(**request)

    s3._client.upload_part = counted
    s3.put("w/1/long.wav", blocks())
    assert len(most) == 6
    assert max(most) <= 2 * PART_BYTES


def test_a_put_that_failed_in_its_middle_leaves_no_parts(s3):
    def blocks():
        yield bytes(3 * PART_BYTES)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        s3.put(KEY, blocks())
    assert uploads(s3) == []


def test_a_second_put_in_parts_sends_nothing(way, simulated_bucket):
    store, data = through(way, simulated_bucket), os.urandom(PART_BYTES + 5)
    store.put(KEY, [data])
    sent = way.count("PUT") + way.count("POST")
    store.put(KEY, [data])
    assert way.count("PUT") + way.count("POST") == sent
    with pytest.raises(ObjectConflict):
        store.put(KEY, [flip(data)])
    assert way.count("PUT") + way.count("POST") == sent


def test_of_two_puts_in_parts_at_once_the_slower_finds_the_key_taken(s3):
    """The other completes after this one looked. The real server ignores the condition, but the bytes are the same."""
    data = os.urandom(2 * PART_BYTES + 5)

    def blocks():
        yield data[: 2 * PART_BYTES]
        s3.put(KEY, [data])
        yield data[2 * PART_BYTES :]

    assert s3.put(KEY, blocks()).sha256 == sha256(data).hexdigest()
    assert s3.read(KEY, 0, len(data)) == data
    assert uploads(s3) == []


def test_another_object_that_came_while_parts_went_out_stays(simulated_bucket):
    s3, data = S3Store(simulated_bucket), os.urandom(2 * PART_BYTES + 5)

    def blocks():
        yield data[: 2 * PART_BYTES]
        s3._client.put_object(Bucket=simulated_bucket.name, Key=KEY, Body=b"another")
        yield data[2 * PART_BYTES :]

    s3._client.create_multipart_upload(Bucket=simulated_bucket.name, Key="w/other")
    # The simulation looks at no condition of a completion: a server that does is played here.
    complete = s3._client.complete_multipart_upload

    def conditional(**request):
        if request.get("IfNoneMatch") == "*":
            raise refusal("PreconditionFailed", 412)
        return complete(**request)

    s3._client.complete_multipart_upload = conditional
    with pytest.raises(ObjectConflict):
        s3.put(KEY, blocks())
    assert s3.read(KEY, 0, 100) == b"another"
    assert uploads(s3) == ["w/other"]


def refusal(code, status=400):
    from botocore.exceptions import ClientError

    error = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(error, "Act")


@pytest.mark.parametrize("size", [8, PART_BYTES + 5])
def test_a_server_without_conditions_is_asked_first(simulated_bucket, size):
    s3, data = S3Store(simulated_bucket), os.urandom(size)

    def old(act, **request):
        if "IfNoneMatch" in request:
            raise refusal("NotImplemented", 501)
        return act(**request)

    for name in ("put_object", "complete_multipart_upload"):
        setattr(s3._client, name, partial(old, getattr(s3._client, name)))
    s3.put(KEY, [data])
    s3.put(KEY, [data])
    with pytest.raises(ObjectConflict):
        s3.put(KEY, [flip(data)])
    assert s3.read(KEY, 0, size) == data


def test_a_completion_whose_reply_was_lost_is_found_done(simulated_bucket):
    s3, data = S3Store(simulated_bucket), os.urandom(PART_BYTES + 5)
    complete = s3._client.complete_multipart_upload

    def lost(**request):
        complete(**request)
        raise refusal("NoSuchUpload", 404)

    s3._client.complete_multipart_upload = lost
    assert s3.put(KEY, [data]).size == len(data)


def test_a_completion_that_fails_leaves_nothing(simulated_bucket, caplog):
    s3, data = S3Store(simulated_bucket), os.urandom(PART_BYTES + 5)
    abort, aborts = s3._client.abort_multipart_upload, []

    def fail(**request):
        raise refusal("InternalError", 500)

    def fail_once(**request):
        aborts.append(request["Key"])
        if len(aborts) == 1:
            raise refusal("SlowDown", 503)
        return abort(**request)

    s3._client.complete_multipart_upload, s3._client.abort_multipart_upload = fail, fail_once
    for _ in range(2):
        with pytest.raises(StorageError, match="could not be completed: InternalError"):
            s3.put(KEY, [data])
    assert "is left for the sweep" in caplog.text
    assert uploads(s3) == [KEY]  # of the first, whose abort failed too


def test_an_object_that_is_gone_after_its_completion_was_never_put(simulated_bucket):
    s3 = S3Store(simulated_bucket)
    complete = s3._client.complete_multipart_upload

    def robbed(**request):
        made = complete(**request)
        s3._client.delete_object(Bucket=simulated_bucket.name, Key=KEY)
        return made

    s3._client.complete_multipart_upload = robbed
    with pytest.raises(ObjectDamaged, match="is not there"):
        s3.put(KEY, [bytes(PART_BYTES + 5)])


# --- Damage -------------------------------------------------------------------------------------------------------


def damaged_on_the_way(times):
    """Flips a bit of the first `times` bodies with content."""
    left = [times]

    def damage(method, path, body):
        if method == "PUT" and body and left[0]:
            left[0] -= 1
            return flip(body)
        return body

    return damage


def test_a_real_server_refuses_what_the_way_damaged(real_bucket):
    from tests.recordings.storage.servers import FaultyWay

    with FaultyWay(real_bucket.endpoint) as way:
        store = through(way, real_bucket)
        way.damage = damaged_on_the_way(100)
        for data in (b"tapedeck", bytes(PART_BYTES + 5)):
            with pytest.raises(StorageError):
                store.put(KEY, [data])
        way.damage = None
        assert uploads(store) == []
        assert store.put(KEY, [b"tapedeck"]).size == 8


def test_damage_that_a_server_takes_is_noticed_and_mended(way, simulated_bucket):
    """The simulation takes whatever arrives; what it then says of the object differs from what was sent."""
    store = through(way, simulated_bucket)
    way.damage = damaged_on_the_way(1)
    assert store.put(KEY, [b"tapedeck"]).size == 8
    assert store.read(KEY, 0, 8) == b"tapedeck"


def test_damage_every_time_is_an_error_and_the_key_is_not_lost(way, simulated_bucket):
    store = through(way, simulated_bucket)
    way.damage = damaged_on_the_way(100)
    with pytest.raises(ObjectDamaged) as refused:
        store.put(KEY, [b"tapedeck"])
    assert refused.value.data == {"key": KEY}
    way.damage = None
    assert store.put(KEY, [b"tapedeck"]).size == 8  # what stands there was meant to be this, and is replaced
    assert store.read(KEY, 0, 8) == b"tapedeck"


def test_damage_of_a_part_is_noticed_and_nothing_stays(way, simulated_bucket):
    store, data = through(way, simulated_bucket), os.urandom(PART_BYTES + 5)
    way.damage = damaged_on_the_way(1)
    with pytest.raises(ObjectDamaged):
        store.put(KEY, [data])
    assert store.put(KEY, [data]).size == len(data)
    assert store.read(KEY, 0, len(data)) == data


@pytest.mark.parametrize("size", [8, PART_BYTES + 5])
def test_an_etag_that_is_no_md5_is_no_verdict(simulated_bucket, size):
    """As with server-side keys: then the object is read back."""
    store, data = S3Store(simulated_bucket), os.urandom(size)
    look = store._client.head_object
    store._client.head_object = lambda **request: look(**request) | {"ETag": '"0123456789abcdef0123456789abcdef"'}
    assert store.put(KEY, [data]).size == size
    with pytest.raises(ObjectConflict):
        store.put(KEY, [flip(data)])


def test_an_object_that_goes_while_it_is_put_is_put_again(simulated_bucket):
    store = S3Store(simulated_bucket)
    put, times = store._client.put_object, []

    def robbed(**request):
        made = put(**request)
        times.append(1)
        if len(times) == 1:
            store._client.delete_object(Bucket=simulated_bucket.name, Key=KEY)
        return made

    store._client.put_object = robbed
    assert store.put(KEY, [b"x"]).size == 1
    assert len(times) == 2


# --- Reads --------------------------------------------------------------------------------------------------------


def test_a_mix_asks_for_each_piece_once(way, simulated_bucket):
    """A piece of 10 s is 160,000 bytes; a mix reads in steps of 65,536 frames."""
    store, data = through(way, simulated_bucket), os.urandom(160_000)
    store.put(KEY, [data])
    assert b"".join(store.read(KEY, at, 131_072) for at in range(0, 160_000, 131_072)) == data
    assert store.read(KEY, 60_000, 10) == data[60_000:60_010]
    assert way.count("GET") == 1


def test_a_long_read_is_one_request_and_stays_in_no_memory(way, simulated_bucket):
    store, data = through(way, simulated_bucket), os.urandom(3 * WINDOW_BYTES)
    store.put(KEY, [data])
    for _ in range(2):
        assert store.read(KEY, 5, 2 * WINDOW_BYTES) == data[5 : 5 + 2 * WINDOW_BYTES]
    assert way.count("GET") == 2


def test_a_reply_that_breaks_off_is_asked_for_again(way, simulated_bucket):
    store = through(way, simulated_bucket)
    store.put(KEY, [b"tapedeck"])
    way.shorten = 2
    assert store.read(KEY, 0, 8) == b"tapedeck"
    way.shorten = 100
    with pytest.raises(StorageError, match="could not be read"):
        store.read(KEY, 0, 2 * WINDOW_BYTES)


# --- A server in trouble ------------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_an_error_within_bounds(way, simulated_bucket):
    store = through(way, simulated_bucket, patience=BRIEF)
    way.down = True
    acts = {
        "written": lambda: store.put(KEY, [b"x"]),
        "read": lambda: store.read(KEY, 0, 1),
        "removed": lambda: store.delete(KEY),
        "looked up": lambda: store.put(KEY, [bytes(PART_BYTES + 1)]),
        "searched": store.sweep,
    }
    for said, act in acts.items():
        with pytest.raises(StorageError, match=f"could not be {said}"):
            act()
    assert len(way.asked) == 2 * 4 + 2 * 3  # of a read also the reply is asked for again
    way.down = False
    assert store.put(KEY, [b"x"]).size == 1


def test_a_silent_server_is_given_up(way, simulated_bucket):
    store = through(way, simulated_bucket, patience=BRIEF)
    way.seconds = 1.5
    with pytest.raises(StorageError, match="could not be written"):
        store.put(KEY, [b"x"])


def test_a_bucket_that_is_not_there_is_no_absent_object(simulated_bucket):
    store = S3Store(replace(simulated_bucket, name="tapedeck-nowhere"))
    for act in (lambda: store.put(KEY, [b"x"]), lambda: store.read(KEY, 0, 1), lambda: store.delete(KEY)):
        with pytest.raises(StorageError, match="NoSuchBucket") as refused:
            act()
        assert type(refused.value) is StorageError


def test_a_wrong_secret_is_told_without_it(real_bucket):
    store = S3Store(replace(real_bucket, secret="not-the-secret"))
    with pytest.raises(StorageError) as refused:
        store.put(KEY, [b"x"])
    assert "SignatureDoesNotMatch" in str(refused.value)
    assert "not-the-secret" not in str(refused.value)


def test_a_store_that_reads_other_bytes_fails_its_probe(simulated_bucket):
    store = S3Store(simulated_bucket)
    store._prober.read = lambda key, offset, length: b"tape"
    with pytest.raises(ObjectDamaged):
        store.probe()
    assert "Contents" not in store._client.list_objects_v2(Bucket=simulated_bucket.name)


def test_a_probe_does_not_wait_long(way, simulated_bucket):
    store = through(way, simulated_bucket)
    way.down = True
    with pytest.raises(StorageError):
        store.probe()
    assert len(way.asked) == 1


# --- Links --------------------------------------------------------------------------------------------------------


def get(url, **headers):
    return urllib3.request("GET", url, headers=headers, retries=False)


def test_a_presigned_link_gives_the_object_by_ranges_and_a_name(s3):
    s3.put("w/1/recording.wav", [b"tapedeck"])
    url = s3.sign("w/1/recording.wav", seconds=60, filename='Anruf "Müller"\r\n.wav', content_type="audio/wav")
    reply = get(url, Range="bytes=4-")
    assert (reply.status, reply.data) == (206, b"deck")
    assert reply.headers["Content-Type"] == "audio/wav"
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["60"]
    assert "attachment" in reply.headers["Content-Disposition"]
    assert "%0D" not in url.upper().partition("X-AMZ-ALGORITHM")[0]


def test_a_presigned_link_expires_and_cannot_be_changed(real_bucket):
    store = S3Store(real_bucket)
    store.put("w/1/recording.wav", [b"tapedeck"])
    url = store.sign("w/1/recording.wav", seconds=2, filename="a.wav", content_type="audio/wav")
    assert get(url).status == 200
    assert get(url.replace("X-Amz-Expires=2", "X-Amz-Expires=2000")).status == 403
    assert get(url.replace("/recording.wav?", "/another.wav?")).status == 403
    time.sleep(3)
    assert get(url).status == 403


# --- The sweep ----------------------------------------------------------------------------------------------------


def test_uploads_older_than_a_day_are_aborted_and_no_others(s3, bucket, simulated, monkeypatch):
    for key in ("w/1/a.wav", "w/1/b.wav", "elsewhere/c.wav"):
        s3._client.create_multipart_upload(Bucket=s3._bucket.name, Key=key)
    if bucket.endpoint != simulated:  # where every upload began in 2010
        assert s3.sweep() == 0
        assert len(uploads(s3)) == 3
    monkeypatch.setattr(module, "now", lambda: now() + module.STALE_UPLOAD)
    assert s3.sweep() == 2
    assert uploads(s3) == ["elsewhere/c.wav"]
    assert s3.sweep() == 0


def test_an_upload_that_another_process_has_aborted_is_no_error(simulated_bucket, monkeypatch):
    s3 = S3Store(simulated_bucket)
    s3._client.create_multipart_upload(Bucket=simulated_bucket.name, Key=KEY)
    abort = s3._client.abort_multipart_upload

    def gone(**request):
        abort(**request)
        raise refusal("NoSuchUpload", 404)

    s3._client.abort_multipart_upload = gone
    assert s3.sweep() == 1
    assert uploads(s3) == []


def test_a_sweep_that_may_not_abort_says_so(simulated_bucket):
    s3 = S3Store(simulated_bucket)
    s3._client.create_multipart_upload(Bucket=simulated_bucket.name, Key=KEY)

    def denied(**_):
        raise refusal("AccessDenied", 403)

    s3._client.abort_multipart_upload = denied
    with pytest.raises(StorageError, match="could not be aborted: AccessDenied"):
        s3.sweep()


# --- Words --------------------------------------------------------------------------------------------------------


def test_a_bucket_is_described_without_its_secrets():
    bucket = Bucket(
        name="calls", region="eu-1", endpoint="https://u:pass@s3.example:9000", key_id="AKIA0123", secret="hush"
    )
    assert bucket.describe() == "bucket calls at https://s3.example:9000 (eu-1, key AKIA…)"
    assert Bucket(name="calls", region="eu-1").describe() == "bucket calls at AWS (eu-1, the machine's role)"
    assert "hush" not in repr(bucket)


def test_a_bucket_at_aws_is_addressed_as_aws_wants_it(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere.invalid")
    store = S3Store(Bucket(name="calls", region="eu-north-1", key_id="AKIA0123", secret="hush"))
    url = store.sign("w/1/a.wav", seconds=60, filename="a.wav", content_type="audio/wav")
    assert urlsplit(url).netloc == "calls.s3.eu-north-1.amazonaws.com"

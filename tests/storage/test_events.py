"""Events of buckets: one for each change that is durable, in order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jupyter_mlstudio.storage import events, recovery
from jupyter_mlstudio.storage.catalog import Details
from jupyter_mlstudio.storage.events import EventReader
from jupyter_mlstudio.storage.expiry import expire
from jupyter_mlstudio.storage.objects import ObjectStore

from .conftest import ACCOUNT, Front

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]


def send(s3: S3Client, bucket: str) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


def of(front: Front, bucket: str) -> list[events.Event]:
    return [event for event in EventReader(front.data).after(0) if event.bucket == bucket]


def test_where_events_go(s3: S3Client, bucket: str, fails: Fails) -> None:
    def get() -> dict[str, Any]:
        answer: Any = s3.get_bucket_notification_configuration(Bucket=bucket)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    assert get() == {}
    send(s3, bucket)
    assert get() == {"EventBridgeConfiguration": {}}
    arn = f"arn:aws:{{}}:us-east-1:{ACCOUNT}:x"
    for name, member, service in (
        ("QueueConfigurations", "QueueArn", "sqs"),
        ("TopicConfigurations", "TopicArn", "sns"),
        ("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda"),
    ):
        wish = {name: [{member: arn.format(service), "Events": ["s3:ObjectCreated:*"]}]}
        with pytest.raises(ClientError, match="Unable to validate the following destination") as e:
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wish)  # type: ignore[arg-type]
        assert e.value.response["Error"]["Code"] == "InvalidArgument"
        assert e.value.response["Error"]["ArgumentName"] == arn.format(service)  # type: ignore[typeddict-item]
        unchecked = fails(
            s3.put_bucket_notification_configuration,
            Bucket=bucket,
            NotificationConfiguration=wish,
            SkipDestinationValidation=True,
        )
        assert unchecked == ("NotImplemented", 501)
    assert get() == {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert get() == {}


def test_every_change_is_an_event(s3: S3Client, shared_front: Front, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="before")
    send(s3, bucket)
    key = "a b/☃"
    put = s3.put_object(Bucket=bucket, Key=key, Body=b"xyz")
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": key})
    s3.put_object_tagging(Bucket=bucket, Key="c", Tagging={"TagSet": []})
    s3.delete_object_tagging(Bucket=bucket, Key="c")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="m",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.delete_object(Bucket=bucket, Key="c")
    s3.delete_object(Bucket=bucket, Key="nothing")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="v")["VersionId"]
    wishes: Any = [{"Key": "v"}, {"Key": "v", "VersionId": version}, {"Key": "m"}]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": wishes})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    s3.put_object(Bucket=bucket, Key="after")
    found = of(shared_front, bucket)
    assert [(event.name, event.key) for event in found] == [
        ("ObjectCreated:Put", key),
        ("ObjectCreated:Copy", "c"),
        ("ObjectTagging:Put", "c"),
        ("ObjectTagging:Delete", "c"),
        ("ObjectCreated:CompleteMultipartUpload", "m"),
        ("ObjectRemoved:Delete", "c"),
        ("ObjectCreated:Put", "v"),
        ("ObjectRemoved:DeleteMarkerCreated", "v"),
        ("ObjectRemoved:Delete", "v"),
        ("ObjectRemoved:DeleteMarkerCreated", "m"),
    ]
    record = found[0].record()
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    item = record["s3"]["object"]
    assert (item["key"], item["size"], f'"{item["eTag"]}"') == ("a+b/%E2%98%83", 3, put["ETag"])
    assert record["responseElements"]["x-amz-request-id"] == put["ResponseMetadata"]["RequestId"]
    bridged = found[7].event_bridge(ACCOUNT)
    assert (bridged["source"], bridged["detail-type"]) == ("aws.s3", "Object Deleted")
    assert bridged["detail"]["deletion-type"] == "Delete Marker Created"
    assert bridged["detail"]["object"]["version-id"] == found[7].version
    assert bridged["id"] == found[7].event_bridge(ACCOUNT)["id"]
    assert found[6].version == version


def test_a_reader_goes_on_where_it_was(s3: S3Client, shared_front: Front, bucket: str) -> None:
    reader = EventReader(shared_front.data)
    at = max((event.position for event in reader.after(0, 100_000)), default=0)
    send(s3, bucket)
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{number}")
    seen: list[str] = []
    while page := reader.after(at, limit=2):
        seen += [event.key for event in page]
        at = page[-1].position
    assert seen == [f"k{number}" for number in range(5)]
    assert reader.after(at) == []


def test_no_reader_before_the_store(tmp_path: Path) -> None:
    assert EventReader(tmp_path).after(0) == []


def test_an_event_for_every_change_that_survives_kill_9(front: Front) -> None:
    client = front.client(Config(retries={"total_max_attempts": 1}))
    client.create_bucket(Bucket="noisy")
    send(client, "noisy")
    acknowledged: list[str] = []

    def work(worker: int) -> None:
        for number in range(100_000):
            try:
                client.put_object(Bucket="noisy", Key=f"{worker}-{number}")
            except (ClientError, BotoCoreError):
                return
            acknowledged.append(f"{worker}-{number}")

    workers = [threading.Thread(target=work, args=(worker,)) for worker in range(3)]
    for worker in workers:
        worker.start()
    while len(acknowledged) < 60:
        assert any(worker.is_alive() for worker in workers)
    front.kill()
    for worker in workers:
        worker.join()
    client.close()
    recovery.rebuild(front.data)
    front.start()
    client = front.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="noisy")
    objects = {item["Key"] for page in pages for item in page.get("Contents", ())}
    sent = [event.key for event in of(front, "noisy")]
    assert set(acknowledged) <= objects
    assert sorted(sent) == sorted(objects)
    for worker_ in "012":
        mine = [int(key.partition("-")[2]) for key in sent if key.startswith(worker_)]
        assert mine == sorted(mine)
    client.close()


def test_old_events_are_forgotten_but_never_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    store.configure("bucket", "notification", json.dumps({"EventBridgeConfiguration": {}}))

    def put(count: int) -> None:
        for number in range(count):
            file = store.files.new()
            file.write(b"x")
            store.put("bucket", f"k{number}", file, "etag", Details())

    def positions() -> list[int]:
        return [event.position for event in EventReader(tmp_path).after(0)]

    put(5)
    before = positions()
    assert len(before) == 5
    with monkeypatch.context() as patch:
        patch.setattr(events, "KEPT_EVENTS", 3)
        expire(store, before[-1] / 1e6)
    assert positions() == before[2:]
    expire(store, before[-1] / 1e6 + events.KEPT_SECONDS + 1)
    assert positions() == before[4:]
    # The clock went back by a year.
    monkeypatch.setattr(
        "jupyter_mlstudio.storage.events.time.time_ns", lambda: before[0] * 1000 - 10**16
    )
    put(1)
    assert positions() == [before[4], before[4] + 1]
    store.close()
    recovery.rebuild(tmp_path)
    assert positions() == [before[4], before[4] + 1]

"""Lifecycle rules: what is due when, and that nothing else goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlstudio.storage import catalog, multipart, recovery
from jupyter_mlstudio.storage.catalog import Details
from jupyter_mlstudio.storage.events import EventReader
from jupyter_mlstudio.storage.expiry import expire
from jupyter_mlstudio.storage.lifecycle import midnight
from jupyter_mlstudio.storage.objects import ObjectStore

from .conftest import Front

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]
DAY = 24 * 3600
PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    yield store
    store.close()


def rule(store: ObjectStore, **wish: Any) -> None:
    wish = {"ID": "r", "Status": "Enabled", "Filter": {}, **wish}
    store.configure("bucket", "lifecycle", json.dumps({"Rules": [wish]}))


def put(store: ObjectStore, key: str, data: bytes = b"x", **tags: str) -> str:
    file = store.files.new()
    file.write(data)
    return store.put("bucket", key, file, "etag", Details(tags=tags)).version


def left(store: ObjectStore) -> list[tuple[str, str]]:
    """Return (key, version) of everything, with a + at the version of a delete marker."""
    found = catalog.versions(
        store.reading, "bucket", start="", inclusive=True, below=None, limit=1000
    )
    return [(item.key, "+" * item.is_marker + item.version) for item in found]


def keys(store: ObjectStore) -> list[str]:
    return [key for key, _ in left(store)]


def test_days_end_at_midnight() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
    assert datetime.fromtimestamp(midnight(noon, 1), UTC) == datetime(2026, 3, 3, tzinfo=UTC)
    even = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert datetime.fromtimestamp(midnight(even, 1), UTC) == datetime(2026, 3, 2, tzinfo=UTC)


def test_days(store: ObjectStore) -> None:
    put(store, "k")
    rule(store, Expiration={"Days": 3})
    due = midnight(store.get("bucket", "k").modified, 3)
    assert expire(store, due - 1) == 0
    assert keys(store) == ["k"]
    assert expire(store, due) == 1
    assert keys(store) == []
    assert expire(store, due) == 0


def test_a_rule_that_is_disabled(store: ObjectStore) -> None:
    put(store, "k")
    rule(store, Expiration={"Days": 1}, Status="Disabled")
    assert expire(store, time.time() + 9 * DAY) == 0


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"a/1", "a/22", "b/1", "b/tagged"}),
    ({"Prefix": "a/"}, {"a/1", "a/22"}),
    ({"Tag": {"Key": "team", "Value": "x"}}, {"b/tagged"}),
    ({"Tag": {"Key": "team", "Value": "y"}}, set()),
    ({"ObjectSizeGreaterThan": 1}, {"a/22"}),
    ({"ObjectSizeLessThan": 2}, {"a/1", "b/1", "b/tagged"}),
    ({"And": {"Prefix": "a/", "ObjectSizeLessThan": 2}}, {"a/1"}),
    ({"And": {"Tags": [{"Key": "team", "Value": "x"}, {"Key": "no", "Value": ""}]}}, set()),
    ({"And": {"Tags": [{"Key": "team", "Value": "x"}], "Prefix": "b"}}, {"b/tagged"}),
]


@pytest.mark.parametrize(("wish", "expected"), FILTERS)
def test_filters(store: ObjectStore, wish: dict[str, Any], expected: set[str]) -> None:
    for key, data in (("a/1", b"1"), ("a/22", b"22"), ("b/1", b"1")):
        put(store, key, data)
    put(store, "b/tagged", team="x", other="z")
    rule(store, Filter=wish, Expiration={"Days": 1})
    before = set(keys(store))
    expire(store, time.time() + 3 * DAY)
    assert before - set(keys(store)) == expected


def test_an_object_that_was_replaced_meanwhile_stays(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "k", b"old")
    rule(store, Expiration={"Days": 1})
    write = store.write

    def replaced_first(decision: Any) -> Any:
        monkeypatch.setattr(store, "write", write)
        put(store, "k", b"new")
        return write(decision)

    monkeypatch.setattr(store, "write", replaced_first)
    assert expire(store, time.time() + 3 * DAY) == 0
    assert store.path(store.get("bucket", "k")).read_bytes() == b"new"


def test_versions_and_markers(store: ObjectStore) -> None:
    store.set_versioning("bucket", "Enabled")
    ids = [put(store, "k", b"%d" % number) for number in range(4)]
    now = time.time()
    rule(store, NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 1})
    assert expire(store, now) == 0
    assert expire(store, now + 3 * DAY) == 2
    assert left(store) == [("k", ids[3]), ("k", ids[2])]
    rule(store, Expiration={"Days": 1})
    assert expire(store, now + 3 * DAY) == 1
    assert [item[0] for item in left(store)] == ["k"] * 3
    assert left(store)[0][1].startswith("+")
    assert expire(store, now + 3 * DAY) == 0
    rule(
        store,
        Expiration={"ExpiredObjectDeleteMarker": True},
        NoncurrentVersionExpiration={"NoncurrentDays": 1},
    )
    assert expire(store, now + 3 * DAY) == 2
    assert expire(store, now + 3 * DAY) == 1
    assert left(store) == []


def test_a_suspended_bucket(store: ObjectStore) -> None:
    store.set_versioning("bucket", "Enabled")
    kept = put(store, "k")
    store.set_versioning("bucket", "Suspended")
    put(store, "k")
    rule(store, Expiration={"Days": 1})
    expire(store, time.time() + 3 * DAY)
    assert left(store) == [("k", "+null"), ("k", kept)]


def test_uploads_nobody_completes(store: ObjectStore) -> None:
    for key in ("a/k", "b/k"):
        multipart.start(store, "bucket", key, Details())
    rule(
        store,
        Filter={"Prefix": "a/"},
        AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2},
    )
    assert expire(store, time.time() + DAY) == 0
    assert expire(store, time.time() + 4 * DAY) == 1
    assert [upload.key for upload in catalog.uploads(store.reading, "bucket")] == ["b/k"]


def test_expiry_is_an_event(store: ObjectStore, tmp_path: Path) -> None:
    store.configure("bucket", "notification", json.dumps({"EventBridgeConfiguration": {}}))
    rule(store, Expiration={"Days": 1}, NoncurrentVersionExpiration={"NoncurrentDays": 1})
    put(store, "k")
    store.set_versioning("bucket", "Enabled")
    put(store, "k")
    expire(store, time.time() + 3 * DAY)
    found = EventReader(tmp_path).after(0)[2:]
    assert [event.name for event in found] == [
        "LifecycleExpiration:DeleteMarkerCreated",
        "LifecycleExpiration:Delete",
    ]
    assert found[1].version == "null"
    assert found[1].event_bridge("1")["detail"]["reason"] == "Lifecycle Expiration"


def test_what_expired_stays_expired(store: ObjectStore, tmp_path: Path) -> None:
    store.set_versioning("bucket", "Enabled")
    for number in range(450):
        put(store, f"k{number:03}")
    rule(store, Expiration={"Days": 1}, Filter={"Prefix": "k1"})
    assert expire(store, time.time() + 3 * DAY) == 100
    before = left(store)
    store.close()
    recovery.rebuild(tmp_path)
    store.__init__(tmp_path)  # type: ignore[misc] # the fixture closes it again
    assert left(store) == before


# Through S3 ------------------------------------------------------------------------------------


def configure(s3: S3Client, bucket: str, *rules: dict[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": rules},  # type: ignore[typeddict-item]
    )


def test_the_configuration_comes_back(s3: S3Client, bucket: str, fails: Fails) -> None:
    get = s3.get_bucket_lifecycle_configuration
    assert fails(get, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)
    rules = [
        {"ID": "1", "Status": "Enabled", "Filter": {"Prefix": "a"}, "Expiration": {"Date": PAST}},
        {
            "ID": "2",
            "Status": "Disabled",
            "Filter": {"And": {"Prefix": "b", "Tags": [{"Key": "k", "Value": "v"}]}},
            "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 5, "NewerNoncurrentVersions": 2},
        },
    ]
    configure(s3, bucket, *rules)
    answer = get(Bucket=bucket)
    assert answer["Rules"] == rules
    assert answer["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    configure(s3, bucket, {"Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}})
    assert get(Bucket=bucket)["Rules"][0]["ID"]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert fails(get, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"Expiration": {"Days": 0}}, "InvalidArgument"),
    ({"Expiration": {"Date": PAST + timedelta(hours=1)}}, "InvalidArgument"),
    ({"Expiration": {"Date": PAST, "Days": 1}}, "MalformedXML"),
    ({}, "InvalidRequest"),
    ({"Expiration": {"Days": 1}, "Prefix": "a"}, "MalformedXML"),
    ({"Expiration": {"Days": 1}, "ID": "x" * 256}, "InvalidArgument"),
    (
        {"Expiration": {"Days": 1}, "Filter": {"Prefix": "a", "ObjectSizeLessThan": 5}},
        "MalformedXML",
    ),
    ({"NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 1}}, "InvalidArgument"),
    ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}, "InvalidArgument"),
    (
        {
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            "Filter": {"Tag": {"Key": "a", "Value": "b"}},
        },
        "InvalidRequest",
    ),
]


@pytest.mark.parametrize(("wish", "expected"), REFUSED)
def test_rules_that_s3_refuses(
    s3: S3Client, bucket: str, fails: Fails, wish: dict[str, Any], expected: str
) -> None:
    wish = {"Status": "Enabled", "Filter": {"Prefix": ""}, **wish}
    refused = fails(
        s3.put_bucket_lifecycle_configuration,
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [wish]},
    )
    assert refused == (expected, 400)
    assert fails(s3.get_bucket_lifecycle_configuration, Bucket=bucket)[1] == 404


def test_an_object_says_when_it_expires(s3: S3Client, bucket: str) -> None:
    configure(
        s3,
        bucket,
        {"ID": "soon", "Status": "Enabled", "Filter": {"Prefix": "a"}, "Expiration": {"Days": 2}},
    )
    said = s3.put_object(Bucket=bucket, Key="a")["Expiration"]
    head = s3.head_object(Bucket=bucket, Key="a")
    due = datetime.fromtimestamp(midnight(head["LastModified"].timestamp(), 2), UTC)
    assert said == f'expiry-date="{due:%a, %d %b %Y} 00:00:00 GMT", rule-id="soon"'
    assert head["Expiration"] == s3.get_object(Bucket=bucket, Key="a")["Expiration"] == said
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="b")


def gone(client: S3Client, bucket: str) -> bool:
    deadline = time.monotonic() + 10
    while "Contents" in client.list_objects_v2(Bucket=bucket):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_the_process_expires_objects_by_itself(front: Front) -> None:
    client = front.client()
    client.create_bucket(Bucket="expiring")
    client.put_object(Bucket="expiring", Key="k")
    configure(
        client,
        "expiring",
        {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": PAST}},
    )
    assert gone(client, "expiring")
    # The next run is in an hour, or when the process has started again.
    client.put_object(Bucket="expiring", Key="k")
    front.kill()
    front.start()
    assert gone(client, "expiring")
    client.close()

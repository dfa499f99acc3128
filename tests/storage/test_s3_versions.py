"""Versioning through a real client, and what it must not change for other readers."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jupyter_mlstudio.storage import catalog, records, recovery
from jupyter_mlstudio.storage.catalog import Details
from jupyter_mlstudio.storage.journal import Journal
from jupyter_mlstudio.storage.objects import ObjectStore
from jupyter_mlstudio.storage.reader import ObjectReader
from jupyter_mlstudio.storage.trees import link_tree

from .conftest import Front

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]


def version(s3: S3Client, bucket: str, status: Any) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


@pytest.fixture
def versioned(s3: S3Client, bucket: str) -> str:
    version(s3, bucket, "Enabled")
    return bucket


def listed(s3: S3Client, bucket: str, **wish: Any) -> list[tuple[str, str, bool, bool]]:
    """Return (key, version, latest, delete marker) of a bucket, by pages of every size."""
    found: list[list[tuple[str, str, bool, bool]]] = []
    for size in (1, 2, 1000):
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": size}, **wish
        )
        items = [
            (item["Key"], item["VersionId"], item["IsLatest"], name == "DeleteMarkers")
            for page in pages
            for name in ("Versions", "DeleteMarkers")
            for item in page.get(name, ())
        ]
        found.append(items)
    assert sorted(found[0]) == sorted(found[1]) == sorted(found[2])
    return found[0]


def body(s3: S3Client, bucket: str, key: str, **which: Any) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **which)["Body"].read()


def test_the_status_of_versioning(s3: S3Client, bucket: str, fails: Fails) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        version(s3, bucket, status)
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    refused = fails(
        s3.put_bucket_versioning,
        Bucket=bucket,
        VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"},
        MFA="1 2",
    )
    assert refused == ("NotImplemented", 501)
    assert fails(s3.get_bucket_versioning, Bucket="no-such") == ("NoSuchBucket", 404)


def test_a_bucket_that_never_had_versions_names_none(s3: S3Client, bucket: str) -> None:
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert "VersionId" not in s3.head_object(Bucket=bucket, Key="k")
    assert listed(s3, bucket) == [("k", "null", True, False)]
    assert body(s3, bucket, "k", VersionId="null") == b"1"
    assert "DeleteMarker" not in s3.delete_object(Bucket=bucket, Key="k")
    assert listed(s3, bucket) == []


def test_every_write_is_a_version(s3: S3Client, versioned: str, fails: Fails) -> None:
    ids = [
        s3.put_object(Bucket=versioned, Key="k", Body=text, Tagging=f"n={text.decode()}")[
            "VersionId"
        ]
        for text in (b"1", b"2", b"3")
    ]
    assert len(set(ids)) == 3
    assert body(s3, versioned, "k") == b"3"
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == ids[2]
    for number, name in enumerate(ids, 1):
        got = s3.get_object(Bucket=versioned, Key="k", VersionId=name)
        assert (got["Body"].read(), got["VersionId"]) == (str(number).encode(), name)
        tags = s3.get_object_tagging(Bucket=versioned, Key="k", VersionId=name)
        assert (tags["TagSet"][0]["Value"], tags["VersionId"]) == (str(number), name)
    assert listed(s3, versioned) == [
        ("k", ids[2], True, False),
        ("k", ids[1], False, False),
        ("k", ids[0], False, False),
    ]
    where: dict[str, Any] = {"Bucket": versioned, "Key": "k"}
    assert fails(s3.get_object, **where, VersionId="nonsense") == ("InvalidArgument", 400)
    assert fails(s3.get_object, **where, VersionId="0" * 32) == ("NoSuchVersion", 404)
    assert fails(s3.head_object, **where, VersionId="0" * 32) == ("404", 404)
    assert fails(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)


def test_a_deletion_is_a_marker(s3: S3Client, versioned: str, fails: Fails) -> None:
    where: dict[str, Any] = {"Bucket": versioned, "Key": "k"}
    first = s3.put_object(**where, Body=b"1")["VersionId"]
    deleted = s3.delete_object(**where)
    assert deleted["DeleteMarker"] is True
    marker = deleted["VersionId"]
    with pytest.raises(ClientError) as error:
        s3.get_object(**where)
    answer = error.value.response
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert answer["Error"]["Code"] == "NoSuchKey"
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker)
    for call in (s3.get_object, s3.head_object):
        assert fails(call, **where, VersionId=marker)[1] == 405
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert listed(s3, versioned) == [("k", marker, True, True), ("k", first, False, False)]
    assert body(s3, versioned, "k", VersionId=first) == b"1"
    source = {"Bucket": versioned, "Key": "k"}
    assert fails(s3.copy_object, Bucket=versioned, Key="c", CopySource=source)[0] == "NoSuchKey"
    as_marker: Any = {**source, "VersionId": marker}
    refused = fails(s3.copy_object, Bucket=versioned, Key="c", CopySource=as_marker)
    assert refused == ("InvalidRequest", 400)
    gone = s3.delete_object(**where, VersionId=marker)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker)
    assert body(s3, versioned, "k") == b"1"
    assert s3.delete_object(Bucket=versioned, Key="never")["DeleteMarker"] is True


def test_deleting_the_latest_version_brings_back_the_one_before(
    s3: S3Client, versioned: str
) -> None:
    where: dict[str, Any] = {"Bucket": versioned, "Key": "k"}
    ids = [s3.put_object(**where, Body=text)["VersionId"] for text in (b"1", b"2", b"3")]
    removed = s3.delete_object(**where, VersionId=ids[2])
    assert removed["VersionId"] == ids[2]
    assert "DeleteMarker" not in removed
    assert body(s3, versioned, "k") == b"2"
    s3.delete_object(**where, VersionId=ids[0])
    assert body(s3, versioned, "k") == b"2"
    s3.delete_object(**where, VersionId=ids[1])
    assert listed(s3, versioned) == []
    s3.delete_object(**where, VersionId=ids[1])
    s3.delete_bucket(Bucket=versioned)


def test_null_versions_of_a_suspended_bucket(s3: S3Client, bucket: str) -> None:
    where: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**where, Body=b"before")
    version(s3, bucket, "Enabled")
    assert s3.head_object(**where)["VersionId"] == "null"
    kept = s3.put_object(**where, Body=b"kept")["VersionId"]
    assert body(s3, bucket, "k", VersionId="null") == b"before"
    version(s3, bucket, "Suspended")
    assert s3.put_object(**where, Body=b"null")["VersionId"] == "null"
    assert listed(s3, bucket) == [("k", "null", True, False), ("k", kept, False, False)]
    s3.put_object(**where, Body=b"null again")
    assert body(s3, bucket, "k") == b"null again"
    deleted = s3.delete_object(**where)
    assert (deleted["VersionId"], deleted["DeleteMarker"]) == ("null", True)
    assert listed(s3, bucket) == [("k", "null", True, True), ("k", kept, False, False)]
    s3.put_object(**where, Body=b"back")
    assert listed(s3, bucket) == [("k", "null", True, False), ("k", kept, False, False)]
    s3.delete_object(**where, VersionId="null")
    assert body(s3, bucket, "k") == b"kept"


def test_many_versions_are_deleted_at_once(s3: S3Client, versioned: str) -> None:
    ids = {
        key: [s3.put_object(Bucket=versioned, Key=key)["VersionId"] for _ in range(2)]
        for key in ("a", "b")
    }
    answer = s3.delete_objects(
        Bucket=versioned,
        Delete={"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": ids["b"][1]}]},
    )
    marked, removed = answer["Deleted"]
    assert (marked["Key"], marked["DeleteMarker"]) == ("a", True)
    assert removed == {"Key": "b", "VersionId": ids["b"][1]}
    marker = marked["DeleteMarkerVersionId"]
    answer = s3.delete_objects(
        Bucket=versioned,
        Delete={
            "Objects": [
                {"Key": "a", "VersionId": marker},
                {"Key": "a", "VersionId": "nonsense"},
                {"Key": "b", "VersionId": ids["b"][0]},
            ]
        },
    )
    assert answer["Deleted"][0]["DeleteMarkerVersionId"] == marker
    assert answer["Deleted"][1] == {"Key": "b", "VersionId": ids["b"][0]}
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [("a", "InvalidArgument")]
    assert [item[1] for item in listed(s3, versioned)] == ids["a"][::-1]


def test_emptying_a_bucket_page_by_page(s3: S3Client, versioned: str) -> None:
    for number in range(30):
        s3.put_object(Bucket=versioned, Key=f"k{number % 4}", Body=b"x")
        if number % 5 == 0:
            s3.delete_object(Bucket=versioned, Key=f"k{number % 4}")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=versioned, PaginationConfig={"PageSize": 7}
    )
    for page in pages:
        items = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        wishes: Any = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]
        assert "Errors" not in s3.delete_objects(Bucket=versioned, Delete={"Objects": wishes})
    s3.delete_bucket(Bucket=versioned)


def test_versions_with_prefix_and_delimiter(s3: S3Client, versioned: str, fails: Fails) -> None:
    for key in ("a/1", "a/1", "a/2", "b", "b", "c/d/e ☃"):
        s3.put_object(Bucket=versioned, Key=key)
    prefixes: list[str] = []
    keys: list[str] = []
    for page in s3.get_paginator("list_object_versions").paginate(
        Bucket=versioned, Delimiter="/", PaginationConfig={"PageSize": 1}
    ):
        prefixes += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        keys += [item["Key"] for item in page.get("Versions", ())]
    assert (prefixes, keys) == (["a/", "c/"], ["b", "b"])
    assert [item[0] for item in listed(s3, versioned, Prefix="a/")] == ["a/1", "a/1", "a/2"]
    wrong = fails(s3.list_object_versions, Bucket=versioned, VersionIdMarker="null")
    assert wrong == ("InvalidArgument", 400)


def test_copies_and_parts_of_a_version(s3: S3Client, versioned: str) -> None:
    where: dict[str, Any] = {"Bucket": versioned, "Key": "k"}
    first = s3.put_object(**where, Body=b"first")["VersionId"]
    s3.put_object(**where, Body=b"second")
    source: Any = {**where, "VersionId": first}
    restored = s3.copy_object(**where, CopySource=source)
    assert restored["CopySourceVersionId"] == first
    assert restored["VersionId"] != first
    assert body(s3, versioned, "k") == b"first"
    upload = s3.create_multipart_upload(Bucket=versioned, Key="m")["UploadId"]
    part = s3.upload_part_copy(
        Bucket=versioned, Key="m", UploadId=upload, PartNumber=1, CopySource=source
    )
    assert part["CopySourceVersionId"] == first
    done = s3.complete_multipart_upload(
        Bucket=versioned,
        Key="m",
        UploadId=upload,
        MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]  # type: ignore[typeddict-item]
        },
    )
    assert s3.head_object(Bucket=versioned, Key="m")["VersionId"] == done["VersionId"]


def test_tags_of_an_old_version(s3: S3Client, versioned: str) -> None:
    where: dict[str, Any] = {"Bucket": versioned, "Key": "k"}
    first = s3.put_object(**where)["VersionId"]
    second = s3.put_object(**where)["VersionId"]
    tags = [{"Key": "a", "Value": "b"}]
    assert (
        s3.put_object_tagging(**where, VersionId=first, Tagging={"TagSet": tags})["VersionId"]
        == first
    )
    assert s3.get_object_tagging(**where, VersionId=first)["TagSet"] == tags
    assert s3.get_object_tagging(**where)["TagSet"] == []
    assert s3.put_object_tagging(**where, Tagging={"TagSet": tags})["VersionId"] == second
    s3.delete_object_tagging(**where, VersionId=first)
    assert s3.get_object(**where, VersionId=first).get("TagCount") is None
    assert s3.get_object(**where)["TagCount"] == 1


def test_conditions_are_about_the_latest_version(
    s3: S3Client, versioned: str, fails: Fails
) -> None:
    where: dict[str, Any] = {"Bucket": versioned, "Key": "k"}
    old = s3.put_object(**where, Body=b"1")["ETag"]
    new = s3.put_object(**where, Body=b"2", IfMatch=old)["ETag"]
    assert fails(s3.put_object, **where, IfMatch=old)[0] == "PreconditionFailed"
    assert fails(s3.delete_object, **where, IfMatch=old)[0] == "PreconditionFailed"
    s3.delete_object(**where, IfMatch=new)
    s3.put_object(**where, Body=b"3", IfNoneMatch="*")


def test_other_readers_see_the_latest_only_and_trees_stay(
    s3: S3Client, shared_front: Front, versioned: str, tmp_path: Path
) -> None:
    reader = ObjectReader(shared_front.data)
    first = s3.put_object(Bucket=versioned, Key="d/a", Body=b"one")["VersionId"]
    s3.put_object(Bucket=versioned, Key="d/b", Body=b"b")
    tree = link_tree(
        [(item.key, item.path) for item in reader.list(versioned, "d/")], tmp_path / "tree"
    )
    s3.put_object(Bucket=versioned, Key="d/a", Body=b"two")
    s3.delete_object(Bucket=versioned, Key="d/b")
    assert [(item.key, item.path.read_bytes()) for item in reader.list(versioned)] == [
        ("d/a", b"two")
    ]
    assert reader.get(versioned, "d/b") is None
    s3.delete_object(Bucket=versioned, Key="d/a", VersionId=first)
    assert (tree / "d/a").read_bytes() == b"one"
    assert (tree / "d/b").read_bytes() == b"b"


# The store itself ------------------------------------------------------------------------------


def state(root: Path) -> list[Any]:
    """Return everything a catalogue says, but for its position in the journal."""
    store = ObjectStore(root)
    rows = list(records.snapshot(store.reading))
    rows += catalog.versions(
        store.reading, "bucket", start="", inclusive=True, below=None, limit=10_000
    )
    store.close()
    return rows


def act(store: ObjectStore, choose: random.Random) -> None:
    key = choose.choice("abc")
    match choose.randrange(8):
        case 0:
            store.set_versioning("bucket", choose.choice(["Enabled", "Suspended"]))
        case 1:
            store.delete("bucket", key)
        case 2 | 3:
            found = catalog.versions(
                store.reading, "bucket", start=key, inclusive=True, below=None, limit=5
            )
            if found:
                entry = choose.choice(found)
                store.delete("bucket", entry.key, entry.version)
        case 4 if found_entry := store.find("bucket", key):
            store.tag("bucket", key, {"n": str(choose.random())}, found_entry.version)
        case _:
            file = store.files.new()
            file.write(str(choose.random()).encode())
            store.put("bucket", key, file, "etag", Details())


@pytest.mark.parametrize("seed", range(4))
def test_the_journal_makes_the_same_versions_again(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    choose = random.Random(seed)
    for _ in range(150):
        act(store, choose)
    needed = catalog.files(store.reading)
    assert all(store.files.path(file).exists() for file in needed)
    for key in "abc":
        newest = catalog.newest(store.reading, "bucket", key)
        present = store.find("bucket", key)
        assert present == (None if newest is None or newest.is_marker else newest)
    store.close()
    assert {path.name for path in (tmp_path / "data").rglob("*") if path.is_file()} == needed
    before = state(tmp_path)
    recovery.rebuild(tmp_path)
    assert state(tmp_path) == before
    monkeypatch.setattr(recovery, "_COMPACT_RECORDS", 0)
    monkeypatch.setattr(recovery, "_COMPACT_RATIO", 0)
    assert state(tmp_path) == before
    recovery.rebuild(tmp_path)
    assert state(tmp_path) == before


def test_a_journal_from_before_there_were_versions(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    file = store.files.new()
    file.write(b"old")
    file.publish()
    store.close()
    old = {"bucket": "bucket", "key": "k", "file": file.id, "size": 3, "etag": "e", "modified": 1.5}
    Journal.create(
        tmp_path / "journal",
        [
            {"do": "put_bucket", "name": "bucket", "region": "us-east-1", "created": 1.0},
            {"do": "put_object", **old, "details": "{}"},
            {"do": "put_object", **old, "details": '{"tags":{"a":"b"}}'},
        ],
    ).close()
    store = ObjectStore(tmp_path)
    entry = store.get("bucket", "k", "null")
    assert (entry.details.tags, store.path(entry).read_bytes()) == ({"a": "b"}, b"old")
    store.set_versioning("bucket", "Enabled")
    store.delete("bucket", "k")
    assert store.get("bucket", "k", "null").file == file.id
    store.close()


def test_versions_survive_kill_9(front: Front) -> None:
    client = front.client(Config(retries={"total_max_attempts": 1}))
    client.create_bucket(Bucket="versioned")
    version(client, "versioned", "Enabled")
    written: dict[str, bytes] = {}
    removed: set[str] = set()
    lock = threading.Lock()

    def work(worker: int) -> None:
        mine: list[str] = []
        while True:
            data = os.urandom(200)
            try:
                put = client.put_object(Bucket="versioned", Key=f"k{worker % 2}", Body=data)
                with lock:
                    written[put["VersionId"]] = data
                mine.append(put["VersionId"])
                if len(mine) % 3 == 0:
                    gone = mine.pop(0)
                    with lock:
                        removed.add(gone)
                    client.delete_object(Bucket="versioned", Key=f"k{worker % 2}", VersionId=gone)
            except (ClientError, BotoCoreError):
                return

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, worker) for worker in range(4)]
        while len(written) < 80:
            assert not all(worker.done() for worker in workers)
        front.kill()
    client.close()
    front.start()
    client = front.client()
    left = {name: key for key, name, _, _ in listed(client, "versioned")}
    assert written.keys() - removed <= left.keys()
    for name in written.keys() & left.keys():
        assert body(client, "versioned", left[name], VersionId=name) == written[name]
    front.stop()
    recovery.rebuild(front.data)
    front.start()
    assert {name: key for key, name, _, _ in listed(client, "versioned")} == left
    client.close()

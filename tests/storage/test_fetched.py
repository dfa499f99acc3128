"""Objects of another S3 as files: fetched once, gone on with, kept within bounds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config

from jupyter_mlstudio.storage import fetched
from jupyter_mlstudio.storage.fetched import ObjectCache, RemoteReader
from jupyter_mlstudio.storage.trees import link_tree

from .conftest import Front

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=2)


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    return ObjectCache(tmp_path / "cache", 1 << 40)


@pytest.fixture
def asked(s3: S3Client) -> Iterator[list[str | None]]:
    """Give the range of every body that was asked for."""
    ranges: list[str | None] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        ranges.append(params["headers"].get("Range"))

    s3.meta.events.register("before-call.s3.GetObject", note)
    yield ranges
    s3.meta.events.unregister("before-call.s3.GetObject", note)


@pytest.fixture
def reader(s3: S3Client, cache: ObjectCache) -> RemoteReader:
    return RemoteReader(lambda: s3, cache)


def halves(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").rglob("*.part"))


def test_what_there_is(
    s3: S3Client, bucket: str, reader: RemoteReader, asked: list[str], monkeypatch: Any
) -> None:
    assert reader.bucket_exists(bucket)
    assert not reader.bucket_exists("no-such")
    assert list(reader.list("no-such")) == []
    assert reader.get(bucket, "none") is None
    assert reader.get("no-such", "none") is None
    keys = [f"a/{number} ☃" for number in range(5)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"xy")
    monkeypatch.setattr(fetched, "_PAGE", 2)
    s3.put_object(Bucket=bucket, Key="b")
    assert [item.key for item in reader.list(bucket, "a/")] == keys
    found = list(reader.get_many(bucket, ["b", "c", keys[3]]))
    assert [item and (item.key, item.size) for item in found] == [("b", 0), None, (keys[3], 2)]
    assert asked == []


def test_a_body_is_fetched_once(
    s3: S3Client, bucket: str, reader: RemoteReader, asked: list[str], tmp_path: Path
) -> None:
    etag = s3.put_object(Bucket=bucket, Key="d/k", Body=b"one")["ETag"]
    s3.put_object(Bucket=bucket, Key="d/empty")
    tree = link_tree(
        [(item.key, item.path) for item in reader.list(bucket, "d/")], tmp_path / "tree"
    )
    assert (tree / "d/k").read_bytes() == b"one"
    item = reader.get(bucket, "d/k")
    assert item is not None
    assert f'"{item.etag}"' == etag
    assert item.path.stat().st_ino == (tree / "d/k").stat().st_ino
    assert item.path.stat().st_mode & 0o777 == 0o644
    assert asked == [None, None]
    s3.put_object(Bucket=bucket, Key="d/k", Body=b"two")
    new = reader.get(bucket, "d/k")
    assert new is not None
    assert new.path.read_bytes() == b"two"
    assert (tree / "d/k").read_bytes() == b"one"


def test_an_object_that_is_replaced_meanwhile(
    s3: S3Client, bucket: str, reader: RemoteReader
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"one")
    seen = reader.get(bucket, "k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"two")
    assert seen is not None
    with pytest.raises(FileNotFoundError, match="k has changed"):
        _ = seen.path
    s3.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(FileNotFoundError):
        _ = seen.path


@pytest.mark.parametrize("damage", ["half", "all", "too much", "other bytes"])
def test_what_is_half_here_goes_on(
    s3: S3Client,
    bucket: str,
    reader: RemoteReader,
    cache: ObjectCache,
    asked: list[str | None],
    damage: str,
) -> None:
    data = os.urandom(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    item = reader.get(bucket, "k")
    assert item is not None
    path = item.path
    half = path.with_name(f"{path.name}.{cache._boot}.part")
    path.unlink()
    half.write_bytes(
        {
            "half": data[:40_000],
            "all": data,
            "too much": data + b"x",
            "other bytes": b"x" * 40_000,
        }[damage]
    )
    asked.clear()
    assert item.path.read_bytes() == data
    assert (
        asked
        == {
            "half": ["bytes=40000-"],
            "all": [],
            "too much": [None],
            "other bytes": ["bytes=40000-", None],
        }[damage]
    )
    assert not half.exists()


def test_kill_9_in_the_middle(front: Front, tmp_path: Path) -> None:
    client = front.client()
    client.create_bucket(Bucket="large")
    data = os.urandom(64 << 20)
    client.put_object(Bucket="large", Key="k", Body=data)
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        import boto3
        from jupyter_mlstudio.storage import fetched
        root, url, access, secret = sys.argv[1:]
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1",
                              aws_access_key_id=access, aws_secret_access_key=secret)
        fetched._STEP = 256 << 10
        item = fetched.RemoteReader(lambda: client, fetched.ObjectCache(Path(root), 1 << 40)).get(
            "large", "k")
        print(item.path)
        """
    )
    keys = front.credentials()
    where = tmp_path / "cache"
    arguments = [sys.executable, "-c", script, str(where), front.url, keys.access_key]
    with subprocess.Popen([*arguments, keys.secret_key], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not any(half.stat().st_size > 1 << 20 for half in halves(tmp_path)):
            assert time.monotonic() < deadline
            assert process.poll() is None, "it was over before it could be killed"
        process.send_signal(signal.SIGKILL)
    (half,) = halves(tmp_path)
    have = half.stat().st_size
    assert have < len(data)
    ranges: list[str] = []
    client.meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: ranges.append(params["headers"]["Range"])
    )
    item = RemoteReader(lambda: client, ObjectCache(where, 1 << 40)).get("large", "k")
    assert item is not None
    assert item.path.read_bytes() == data
    assert ranges == [f"bytes={have}-"]
    client.close()


def test_what_follows_is_fetched_ahead(
    s3: S3Client, bucket: str, reader: RemoteReader, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(fetched, "_FETCHED_AHEAD", 5)
    monkeypatch.setattr(fetched, "_SMALL", 10)
    for number in range(12):
        size = 100 if number == 3 else number
        s3.put_object(Bucket=bucket, Key=f"k{number:02}", Body=b"x" * size)
    items = list(reader.list(bucket))
    s3.delete_object(Bucket=bucket, Key="k04")
    assert items[0].path.read_bytes() == b""

    def here() -> set[int]:
        files = (tmp_path / "cache").rglob("*")
        return {file.stat().st_size for file in files if file.is_file()}

    deadline = time.monotonic() + 10
    while here() != {0, 1, 2, 5}:
        assert time.monotonic() < deadline, here()
        time.sleep(0.02)
    assert [items[number].path.stat().st_size for number in (3, 5)] == [100, 5]
    with pytest.raises(FileNotFoundError):
        _ = items[4].path
    assert items[11].path.stat().st_size == 11


def test_many_want_the_same(
    s3: S3Client, bucket: str, reader: RemoteReader, asked: list[str]
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=os.urandom(3_000_000))
    item = reader.get(bucket, "k")
    assert item is not None
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: item.path, range(8)))) == 1
    assert len(asked) == 1


def test_bounds(s3: S3Client, bucket: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(fetched, "_EVERY", 0)
    monkeypatch.setattr(fetched, "_FETCHED_AHEAD", 0)
    cache = ObjectCache(tmp_path / "cache", 2500)
    reader = RemoteReader(lambda: s3, cache)
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x" * 1000)
    items = list(reader.list(bucket))
    paths = [item.path for item in items[:4]]
    assert all(path.exists() for path in paths), "what was just used stays"
    kept = tmp_path / "kept"
    os.link(paths[0], kept)
    for age, path in zip((4000, 3000, 5000, 1000), paths, strict=True):
        moment = time.time() - age
        os.utime(path, (moment, moment))
    stale = paths[0].with_name("0.1.part")
    stale.write_bytes(b"half")
    os.utime(stale, (0, 0))
    paths.append(items[4].path)
    assert [path.exists() for path in paths] == [False, False, False, True, True]
    assert not stale.exists()
    assert kept.read_bytes() == b"x" * 1000


def test_what_is_forbidden_and_what_does_not_answer(
    shared_front: Front, bucket: str, cache: ObjectCache
) -> None:
    stranger = shared_front.client(aws_secret_access_key="wrong")
    reader = RemoteReader(lambda: stranger, cache)
    questions: list[Callable[[], object]] = [
        lambda: reader.get(bucket, "k"),
        lambda: list(reader.list(bucket)),
        lambda: reader.bucket_exists(bucket),
    ]
    for question in questions:
        with pytest.raises(PermissionError, match=bucket):
            question()
    stranger.close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        gone = shared_front.client(ONCE, endpoint_url=url)
        with pytest.raises(ConnectionError, match="Could not connect"):
            RemoteReader(lambda: gone, cache).get(bucket, "k")
        gone.close()

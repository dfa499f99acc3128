"""The object store without its front: durability, conditions, recovery."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_mlstudio.storage import recovery
from jupyter_mlstudio.storage.catalog import Details
from jupyter_mlstudio.storage.listing import list_page
from jupyter_mlstudio.storage.objects import Conditions, ObjectStore, StoreInUse
from jupyter_mlstudio.storage.reader import ObjectReader
from jupyter_mlstudio.wire.errors import AWSError

HOSTILE = [
    "x",
    "x/y",
    "x/y/",
    "..",
    "../../etc/passwd",
    "a/../../b",
    "/absolute",
    "%2e%2e",
    "back\\slash",
    "new\nline",
    "snow ☃ \U0001f600",
    " ",
    "con//double",
    "'; DROP TABLE objects; --",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    yield store
    store.close()


def put(store: ObjectStore, key: str, data: bytes, conditions: Conditions | None = None) -> str:
    body = store.files.new()
    try:
        body.write(data)
    except OSError:
        body.discard()
        raise
    entry = store.put("bucket", key, body, "etag", Details(), conditions or Conditions())
    return entry.file


def content(root: Path) -> dict[str, bytes]:
    return {item.key: item.path.read_bytes() for item in ObjectReader(root).list("bucket")}


def bodies(root: Path) -> list[str]:
    return sorted(file.name for file in (root / "data").rglob("*") if file.is_file())


def keys(store: ObjectStore, prefix: str = "", delimiter: str = "", limit: int = 1000) -> list[str]:
    found: list[str] = []
    after, truncated = "", True
    while truncated:
        page = list_page(
            store.reading, "bucket", prefix=prefix, delimiter=delimiter, after=after, limit=limit
        )
        found += [entry.key for entry in page.entries]
        found += [f"{name} (prefix)" for name in page.prefixes]
        after, truncated = page.last, page.truncated
    return found


def test_any_key_is_only_data(store: ObjectStore, tmp_path: Path) -> None:
    expected = {key: f"body of {key}".encode() for key in HOSTILE}
    for key, data in expected.items():
        put(store, key, data)
    assert content(tmp_path) == expected
    assert list(content(tmp_path)) == sorted(HOSTILE, key=str.encode)
    outside = {path for path in tmp_path.parent.iterdir() if path != tmp_path}
    assert not any(path.name in ("b", "etc", "absolute") for path in outside)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("a\0b", "InvalidArgument"),
        ("", "InvalidArgument"),
        ("k" * 1025, "KeyTooLongError"),
        ("é" * 513, "KeyTooLongError"),
        ("\ud800", "InvalidURI"),
    ],
)
def test_keys_that_s3_refuses(store: ObjectStore, tmp_path: Path, key: str, code: str) -> None:
    with pytest.raises(AWSError) as error:
        put(store, key, b"x")
    assert error.value.code == code
    assert bodies(tmp_path) == []
    assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["ab", "A" * 5, "..", "a..b", "-abc", "abc-", "192.168.1.1", "a_b", "x" * 64, "a/b"]
)
def test_bucket_names_that_s3_refuses(store: ObjectStore, name: str) -> None:
    with pytest.raises(AWSError, match="InvalidBucketName"):
        store.create_bucket(name, "us-east-1")


def test_an_overwrite_is_a_new_file_and_the_old_one_goes(
    store: ObjectStore, tmp_path: Path
) -> None:
    first = put(store, "key", b"old")
    held = store.files.path(first).open("rb")
    second = put(store, "key", b"new")
    store.close()
    assert first != second
    assert held.read() == b"old"
    held.close()
    assert bodies(tmp_path) == [second]
    assert content(tmp_path) == {"key": b"new"}
    store.__init__(tmp_path)  # type: ignore[misc] # the fixture closes it again


def test_conditions(store: ObjectStore) -> None:
    absent = Conditions(if_none_match="*")
    put(store, "key", b"1", absent)
    with pytest.raises(AWSError, match="PreconditionFailed"):
        put(store, "key", b"2", absent)
    put(store, "key", b"3", Conditions(if_match='"etag"'))
    with pytest.raises(AWSError, match="PreconditionFailed"):
        put(store, "key", b"4", Conditions(if_match='"other"'))
    with pytest.raises(AWSError, match="NoSuchKey"):
        put(store, "missing", b"5", Conditions(if_match='"etag"'))
    assert store.path(store.get("bucket", "key")).read_bytes() == b"3"


def test_only_one_of_many_conditional_writers_wins(store: ObjectStore) -> None:
    def attempt(number: int) -> bool:
        try:
            put(store, "key", str(number).encode(), Conditions(if_none_match="*"))
        except AWSError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(64))) == 1
    assert len(list(store.files.ids())) == 1


def test_a_copy_shares_the_bytes_but_not_the_fate(store: ObjectStore) -> None:
    put(store, "key", b"bytes")
    source = store.get("bucket", "key")
    target = store.copy(source, ("bucket", "copy"), source.details)
    assert store.path(source).stat().st_ino == store.path(target).stat().st_ino
    store.delete("bucket", "key")
    assert store.path(target).read_bytes() == b"bytes"


def test_listing_pages_and_prefixes(store: ObjectStore) -> None:
    for key in ["a", "a/1", "a/2", "a/b/3", "a0", "b/\U0010ffff", "b/\U0010ffffx", "c"]:
        put(store, key, b"")
    for limit in (1, 2, 1000):
        assert keys(store, limit=limit)[:3] == ["a", "a/1", "a/2"]
        assert len(keys(store, limit=limit)) == 8
        assert sorted(keys(store, delimiter="/", limit=limit)) == [
            "a",
            "a/ (prefix)",
            "a0",
            "b/ (prefix)",
            "c",
        ]
        assert (
            keys(store, prefix="a/", delimiter="/", limit=limit)
            == [
                "a/1",
                "a/2",
                "a/b/ (prefix)",
            ]
            or limit < 1000
        )
        assert keys(store, prefix="b/\U0010ffff", limit=limit) == ["b/\U0010ffff", "b/\U0010ffffx"]
    assert keys(store, prefix="nothing") == []


def test_a_bucket_with_objects_stays(store: ObjectStore) -> None:
    put(store, "key", b"")
    with pytest.raises(AWSError, match="BucketNotEmpty"):
        store.delete_bucket("bucket")
    store.delete("bucket", "key")
    store.delete_bucket("bucket")
    with pytest.raises(AWSError, match="NoSuchBucket"):
        put(store, "key", b"")


def test_a_second_writer_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(StoreInUse, match=f"pid {os.getpid()}"):
        ObjectStore(tmp_path)


def test_what_the_reader_sees_of_a_store_never_started(tmp_path: Path) -> None:
    reader = ObjectReader(tmp_path)
    assert not reader.bucket_exists("bucket")
    assert reader.get("bucket", "key") is None
    assert list(reader.list("bucket")) == []


def test_the_reader_works_with_and_without_the_writer(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    put(store, "a/1", b"one")
    reader = ObjectReader(tmp_path)

    def check() -> None:
        assert reader.bucket_exists("bucket")
        found = reader.get("bucket", "a/1")
        assert found is not None
        assert (found.size, found.path.read_bytes()) == (3, b"one")
        assert [item.key for item in reader.list("bucket", "a/")] == ["a/1"]

    check()
    store.close()
    check()


@pytest.mark.parametrize(
    "loss", ["deleted", "garbage", "truncated", "zero header", "another version"]
)
def test_a_lost_catalogue_is_built_from_the_journal(tmp_path: Path, loss: str) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    expected = {f"key {number}": str(number).encode() for number in range(300)}
    for key, data in expected.items():
        put(store, key, data)
    store.delete("bucket", "key 7")
    del expected["key 7"]
    store.close()
    (tmp_path / "running").touch()
    database = tmp_path / "objects.db"
    data = database.read_bytes()
    if loss == "deleted":
        database.unlink()
    elif loss == "another version":
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript("DROP TABLE objects; PRAGMA user_version = 99;")
    else:
        middle = len(data) // 2
        damaged = {
            "garbage": data[:middle] + os.urandom(4096 * 2) + data[middle + 8192 :],
            "truncated": data[:middle],
            "zero header": bytes(100) + data[100:],
        }
        database.write_bytes(damaged[loss])
    ObjectStore(tmp_path).close()
    assert content(tmp_path) == dict(sorted(expected.items()))


def test_rebuild_on_demand(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    put(store, "key", b"body")
    store.tag("bucket", "key", {"a": "b"})
    store.close()
    assert recovery.rebuild(tmp_path) == 2
    store = ObjectStore(tmp_path)
    assert store.get("bucket", "key").details.tags == {"a": "b"}
    store.close()


def test_a_lost_journal_is_written_from_the_catalogue(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    put(store, "key", b"body")
    store.close()
    (tmp_path / "journal").unlink()
    ObjectStore(tmp_path).close()
    assert recovery.rebuild(tmp_path) == 2
    assert content(tmp_path) == {"key": b"body"}


def test_nothing_is_deleted_when_all_records_are_lost(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    file = put(store, "key", b"precious")
    store.close()
    (tmp_path / "journal").unlink()
    (tmp_path / "objects.db").unlink()
    ObjectStore(tmp_path).close()
    assert (tmp_path / "lost" / file).read_bytes() == b"precious"


def test_a_torn_line_is_cut_off_and_damage_is_loud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    for key in ("one", "two", "three"):
        put(store, key, key.encode())
    store.close()
    journal = tmp_path / "journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines) + lines[-1][:20])
    recovery.rebuild(tmp_path)
    assert list(content(tmp_path)) == ["one", "three", "two"]
    assert "damaged" not in caplog.text
    assert journal.read_bytes() == b"".join(lines)
    lines[3] = b"00000000" + lines[3][8:]
    journal.write_bytes(b"".join(lines))
    recovery.rebuild(tmp_path)
    assert list(content(tmp_path)) == ["one", "three"]
    assert "damaged" in caplog.text
    assert [file.read_bytes() for file in (tmp_path / "lost").iterdir()] == [b"two"]


def test_a_grown_journal_is_compacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_COMPACT_RECORDS", 10)
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    for number in range(60):
        put(store, "key", str(number).encode())
    store.close()
    before = (tmp_path / "journal").stat().st_size
    ObjectStore(tmp_path).close()
    assert (tmp_path / "journal").stat().st_size < before / 10
    assert recovery.rebuild(tmp_path) == 2
    assert content(tmp_path) == {"key": b"59"}


def test_a_disk_that_is_full_changes_nothing(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "key", b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jupyter_mlstudio.storage.journal.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.delete("bucket", "key")
    assert content(tmp_path) == {"key": b"before"}
    put(store, "key", b"after")
    assert content(tmp_path) == {"key": b"after"}
    store.close()
    recovery.rebuild(tmp_path)
    assert content(tmp_path) == {"key": b"after"}
    store.__init__(tmp_path)  # type: ignore[misc] # the fixture closes it again


def test_bodies_leave_room_to_delete_them(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "key", b"before")
    with monkeypatch.context() as patch:
        patch.setattr("jupyter_mlstudio.storage.files._RESERVE", 1 << 60)
        patch.setattr("jupyter_mlstudio.storage.files.os.statvfs", lambda _: _Full())
        with pytest.raises(OSError, match="No space left"):
            put(store, "other", b"x")
        store.delete("bucket", "key")
    assert list(store.files.incoming.iterdir()) == []


class _Full:
    """A disk with little room left."""

    f_blocks, f_bavail, f_frsize = 1000, 120, 4096


def test_a_disk_that_fails_for_a_while(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "key", b"before")
    with monkeypatch.context() as patch:
        patch.setattr("jupyter_mlstudio.storage.journal.os.fsync", _broken)
        for _ in range(3):
            with pytest.raises(OSError, match="Input/output"):
                store.delete("bucket", "key")
    put(store, "other", b"after")
    assert content(tmp_path) == {"key": b"before", "other": b"after"}
    store.close()
    recovery.rebuild(tmp_path)
    assert content(tmp_path) == {"key": b"before", "other": b"after"}
    store.__init__(tmp_path)  # type: ignore[misc] # the fixture closes it again


def test_a_change_that_can_be_neither_made_nor_undone_stops_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    store = ObjectStore(tmp_path, lambda: told.append("broken"))
    store.create_bucket("bucket", "us-east-1")
    put(store, "key", b"kept")
    with monkeypatch.context() as patch:
        patch.setattr("jupyter_mlstudio.storage.catalog.set_position", _broken)
        patch.setattr("jupyter_mlstudio.storage.journal.Journal.truncate", _broken)
        with pytest.raises(OSError, match="Input/output"):
            put(store, "key", b"maybe")
        with pytest.raises(OSError, match="broke"):
            store.delete("bucket", "key")
    with pytest.raises(OSError, match="broke"):
        put(store, "other", b"")
    assert told == ["broken"]
    store.close()
    store = ObjectStore(tmp_path)
    put(store, "other", b"again")
    store.close()
    assert content(tmp_path) == {"key": b"maybe", "other": b"again"}
    assert len(bodies(tmp_path)) == 2


def test_a_change_whose_end_fails_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    put(store, "key", b"before")
    with monkeypatch.context() as patch:
        patch.setattr("concurrent.futures.ThreadPoolExecutor.submit", _broken)
        put(store, "key", b"after")
    put(store, "other", b"")
    store.close()
    assert len(bodies(tmp_path)) == 3
    ObjectStore(tmp_path).close()
    assert len(bodies(tmp_path)) == 2
    assert content(tmp_path) == {"key": b"after", "other": b""}


@pytest.mark.parametrize("heals", [True, False])
def test_a_body_that_cannot_be_deleted_is_deleted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heals: bool
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.storage.writer._FIRST_PAUSE", 0.05)
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket", "us-east-1")
    first = put(store, "key", b"before")
    with monkeypatch.context() as patch:
        patch.setattr(store._writer, "_remove", _broken)
        put(store, "key", b"after")
        if not heals:
            store.close()
    if not heals:
        assert store.files.path(first).exists()
        store = ObjectStore(tmp_path)
    deadline = time.monotonic() + 10
    while store.files.path(first).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    store.close()
    assert content(tmp_path) == {"key": b"after"}
    assert not (tmp_path / "running").exists()


def _broken(*_: object) -> None:
    raise OSError(5, "Input/output error")


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from concurrent.futures import ThreadPoolExecutor
        from jupyter_mlstudio.storage.catalog import Details
        from jupyter_mlstudio.storage.objects import ObjectStore
        store = ObjectStore(Path(sys.argv[1]))
        store.create_bucket("bucket", "us-east-1")
        def put(number):
            body = store.files.new()
            body.write(str(number).encode() * 100)
            store.put("bucket", str(number % 50), body, "etag", Details())
            os.write(1, b"%d\\n" % number)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, range(100000)))
        """
    )
    for round_ in range(3):
        arguments = [sys.executable, "-c", script, str(tmp_path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            seen = [int(process.stdout.readline()) for _ in range(150 + 37 * round_)]
            process.send_signal(signal.SIGKILL)
            seen += [int(line) for line in process.stdout if line.endswith("\n")]
        ObjectStore(tmp_path).close()
        found = {key: data.decode() for key, data in content(tmp_path).items()}
        for key in range(50):
            # Neighbours run in four threads: a later write of the key may have happened too.
            acknowledged = max(number for number in seen if number % 50 == key)
            kept = found[str(key)][: len(found[str(key)]) // 100]
            assert found[str(key)] == kept * 100
            assert int(kept) >= acknowledged
        assert len(bodies(tmp_path)) == 50

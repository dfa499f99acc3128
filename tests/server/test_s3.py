"""The S3 browser's handlers over a real studio."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlstudio.server import preview
from jupyter_mlstudio.server.objects import listing, sending
from jupyter_mlstudio.server.preview import parquet

from .real import Bucket, Fetch, bucket, studio_root  # noqa: F401 - fixtures

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
ODD = "a b+c/ü&<x>\x01.txt"


def post(fetch: Fetch, *path: str, body: object, **params: str) -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body)
    return fetch(*path, method="POST", body=text, params=params)


def test_folders_and_objects_are_listed_by_prefix(fetch: Fetch, bucket: Bucket) -> None:  # noqa: F811
    for key in ("top.csv", "data/a.csv", "data/b.csv", "data/deep/c.csv", ODD):
        bucket.put(key, b"12")
    root = fetch("s3", bucket.name, "folder").document
    assert root["folders"] == ["a b+c/", "data/"]
    [only] = root["objects"]
    assert (only["key"], only["size"]) == ("top.csv", 2)
    assert only["modified"].startswith("20")
    data = fetch("s3", bucket.name, "folder", params={"prefix": "data/"}).document
    assert data["folders"] == ["data/deep/"]
    assert [each["key"] for each in data["objects"]] == ["data/a.csv", "data/b.csv"]
    found = fetch("s3", bucket.name, "folder", params={"prefix": "data/b"}).document
    assert [each["key"] for each in found["objects"]] == ["data/b.csv"]
    odd = fetch("s3", bucket.name, "folder", params={"prefix": "a b+c/"}).document
    assert [each["key"] for each in odd["objects"]] == [ODD]


def test_a_folder_comes_in_pages_and_is_deleted_in_steps(
    fetch: Fetch,
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    monkeypatch.setattr(listing, "STEP", 2)
    monkeypatch.setattr(listing, "COUNTED", 4)
    for number in range(5):
        bucket.put(f"many/{number}", b"123")
    bucket.put("other")
    first = fetch("s3", bucket.name, "folder", params={"prefix": "many/"}).document
    params = {"prefix": "many/", "nextToken": first["nextToken"]}
    second = fetch("s3", bucket.name, "folder", params=params).document
    keys = [each["key"] for each in first["objects"] + second["objects"]]
    assert keys == [f"many/{number}" for number in range(4)]
    counted = fetch("s3", bucket.name, "count", params={"prefix": "many/"}).document
    assert counted == {"objects": 4, "bytes": 12, "more": True}
    wish = {"keys": [], "prefixes": ["many/"]}
    assert post(fetch, "s3", bucket.name, "deletion", body=wish).document == {
        "deleted": 4,
        "errors": [],
        "more": True,
    }
    assert post(fetch, "s3", bucket.name, "deletion", body=wish).document["more"] is False
    assert bucket.keys() == ["other"]
    assert fetch("s3", bucket.name, "count").document["objects"] == 1


def test_an_empty_prefix_deletes_nothing(fetch: Fetch, bucket: Bucket) -> None:  # noqa: F811
    bucket.put("kept")
    for wish in ({"prefixes": [""]}, {"keys": [1]}, {"keys": "kept"}):
        answer = post(fetch, "s3", bucket.name, "deletion", body=wish)
        assert (answer.status, answer.document["code"]) == (400, "ValidationException")
    assert bucket.keys() == ["kept"]


def test_an_object_is_uploaded_whole_and_in_parts(fetch: Fetch, bucket: Bucket) -> None:  # noqa: F811
    route = ("s3", bucket.name, "object")
    assert post(fetch, *route, body=b"a,b\n", key=ODD).status == 200
    assert bucket.get(ODD) == b"a,b\n"
    head = bucket.s3.head_object(Bucket=bucket.name, Key=ODD)
    assert head["ContentType"] == "text/plain"
    begun = bucket.s3.create_multipart_upload(Bucket=bucket.name, Key="big")
    parts = []
    for number, body in enumerate((b"x" * (5 << 20), b"yz"), 1):
        params = {"key": "big", "uploadId": begun["UploadId"], "partNumber": str(number)}
        answer = post(fetch, *route, body=body, **params)
        parts.append({"PartNumber": number, "ETag": answer.document["etag"]})
    bucket.s3.complete_multipart_upload(
        Bucket=bucket.name,
        Key="big",
        UploadId=begun["UploadId"],
        MultipartUpload={"Parts": parts},
    )
    assert bucket.get("big") == b"x" * (5 << 20) + b"yz"
    gone = post(fetch, *route, body=b"x", key="big", uploadId="none", partNumber="1")
    assert gone.document["code"] == "NoSuchUpload"
    bad = post(fetch, *route, body=b"x", key="big", uploadId="none", partNumber="-1")
    assert bad.document["code"] == "ValidationException"


def test_a_download_is_a_file_to_keep_whatever_is_in_it(
    fetch: Fetch,
    bucket: Bucket,  # noqa: F811
    jp_fetch: Any,
    run: Any,
) -> None:
    bucket.put("a/evil.html", b"<script>alert(1)</script>", ContentType="text/html")

    def get(**options: Any) -> Any:
        return run(jp_fetch("mlstudio", "s3", bucket.name, "object", **options))

    whole = get(params={"key": "a/evil.html"})
    assert whole.body == b"<script>alert(1)</script>"
    assert whole.headers["Content-Type"] == "application/octet-stream"
    assert whole.headers["Content-Disposition"] == "attachment; filename*=UTF-8''evil.html"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    part = get(params={"key": "a/evil.html"}, headers={"Range": "bytes=1-6"})
    assert (part.code, part.body) == (206, b"script")
    assert part.headers["Content-Range"] == "bytes 1-6/25"
    inline = get(params={"key": "a/evil.html", "inline": "1"})
    assert inline.headers["Content-Type"] == "application/octet-stream"
    missing = fetch("s3", bucket.name, "object", params={"key": "none"})
    assert (missing.status, missing.document["code"]) == (404, "NoSuchKey")


def test_pictures_are_shown_as_what_they_are(
    bucket: Bucket,  # noqa: F811
    jp_fetch: Any,
    run: Any,
) -> None:
    bucket.put("p.html", PNG, ContentType="text/html")
    bucket.put("p.svg", SVG, ContentType="image/svg+xml")
    kinds = []
    for key in ("p.html", "p.svg"):
        params = {"key": key, "inline": "1"}
        answer = run(jp_fetch("mlstudio", "s3", bucket.name, "object", params=params))
        kinds.append(answer.headers["Content-Type"])
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert kinds == ["image/png", "application/octet-stream"]


def look(fetch: Fetch, bucket: Bucket, key: str, body: bytes) -> Any:  # noqa: F811
    bucket.put(key, body)
    return fetch("s3", bucket.name, "preview", params={"key": key}).document


def test_what_there_is_to_see_of_an_object(fetch: Fetch, bucket: Bucket) -> None:  # noqa: F811
    csv = look(fetch, bucket, "a.csv", b'1,"x\ny"\n2,z\n')
    assert csv["rows"] == [["1", "x\ny"], ["2", "z"]]
    assert csv["truncated"] is False
    assert look(fetch, bucket, "a.tsv", b"1\t2\n")["rows"] == [["1", "2"]]
    zipped = look(fetch, bucket, "a.csv.gz", gzip.compress(b"1,2\n"))
    assert zipped["rows"] == [["1", "2"]]
    assert look(fetch, bucket, "a.json", b'{"a":[1]}')["text"] == '{\n  "a": [\n    1\n  ]\n}'
    assert look(fetch, bucket, "bad.json", b"{")["text"] == "{"
    assert look(fetch, bucket, "a.txt", b"\xff\xfeh")["text"] == "\ufffd\ufffdh"
    assert look(fetch, bucket, "a.svg", SVG)["kind"] == "text"
    assert look(fetch, bucket, "a.png", PNG)["mediaType"] == "image/png"
    assert look(fetch, bucket, "a.bin", b"a\0b")["kind"] == "none"
    empty = look(fetch, bucket, "empty", b"")
    assert (empty["kind"], empty["text"], empty["size"]) == ("text", "", 0)


def test_only_the_beginning_is_read(fetch: Fetch, bucket: Bucket) -> None:  # noqa: F811
    body = b"number,value\n" * 100_000
    seen = look(fetch, bucket, "long.csv", body)
    assert len(seen["rows"]) == preview.ROWS
    assert (seen["truncated"], seen["size"]) == (True, len(body))
    assert len(look(fetch, bucket, "long.txt", body)["text"]) == preview.HEAD
    bomb = look(fetch, bucket, "bomb.txt.gz", gzip.compress(b"0" * (64 << 20)))
    assert len(bomb["text"]) == preview.HEAD
    assert bomb["truncated"] is True
    wide = look(fetch, bucket, "wide.csv", b"1," * 1000 + b"\n" + b"x" * 200_000)
    assert wide["kind"] == "text" or len(wide["rows"][0]) == preview.COLUMNS


def parquet_file(rows: int, **columns: list[object]) -> bytes:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    table = pa.table(columns or {"n": list(range(rows)), "t": ["x" * 50] * rows})
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def test_the_first_rows_of_parquet(fetch: Fetch, bucket: Bucket) -> None:  # noqa: F811
    seen = look(fetch, bucket, "a.parquet", parquet_file(0, a=[1, None], b=[{"x": 1}, None]))
    assert seen["columns"] == ["a: int64", "b: struct<x: int64>"]
    assert seen["rows"] == [["1", "{'x': 1}"], ["", ""]]
    long = look(fetch, bucket, "long.parquet", parquet_file(100_000))
    assert len(long["rows"]) == 200
    assert long["truncated"] is True


def test_a_damaged_parquet_file_is_said_to_be_so(fetch: Fetch, bucket: Bucket) -> None:  # noqa: F811
    whole = parquet_file(10)
    seen = look(fetch, bucket, "a.parquet", whole[:100] + b"\xff" * 50 + whole[150:])
    assert seen["kind"] == "none"
    assert "damaged" in seen["reason"]
    cut = look(fetch, bucket, "cut.parquet", b"PAR1")
    assert "damaged" in cut["reason"]


def test_a_parquet_file_that_takes_long_or_much_is_left(
    fetch: Fetch,
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet, "BUDGET", 100)
    seen = look(fetch, bucket, "a.parquet", parquet_file(1000))
    assert "spread over" in seen["reason"]


def test_files_of_the_jupyter_server_are_sent(
    fetch: Fetch,
    bucket: Bucket,  # noqa: F811
    jp_root_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = jp_root_dir / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_bytes(b"1")
    (folder / "deep" / "b.bin").write_bytes(b"22")
    (folder / "link").symlink_to("/etc/passwd")
    wish = {"path": "data", "prefix": "in/"}
    answer = post(fetch, "s3", bucket.name, "files", body=wish)
    assert answer.document == {"files": 2, "bytes": 3}
    assert bucket.keys() == ["in/data/a.csv", "in/data/deep/b.bin"]
    monkeypatch.setattr(sending, "PART", 5 << 20)
    (jp_root_dir / "big").write_bytes(b"z" * (6 << 20))
    assert post(fetch, "s3", bucket.name, "files", body={"path": "big"}).document["files"] == 1
    assert bucket.s3.head_object(Bucket=bucket.name, Key="big")["ETag"].endswith('-2"')
    for path in ("../secret", ".hidden", "none", "", None):
        (jp_root_dir / ".hidden").write_text("x")
        answer = post(fetch, "s3", bucket.name, "files", body={"path": path})
        assert answer.status in (400, 404), path


def test_an_upload_that_fails_leaves_nothing(
    fetch: Fetch,
    bucket: Bucket,  # noqa: F811
    jp_root_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "PART", 1 << 20)
    (jp_root_dir / "big").write_bytes(b"z" * (3 << 20))
    # S3 wants parts of 5 MiB.
    answer = post(fetch, "s3", bucket.name, "files", body={"path": "big"})
    assert answer.document["code"] == "EntityTooSmall"
    assert "Uploads" not in bucket.s3.list_multipart_uploads(Bucket=bucket.name)


def test_a_script_is_packed_alone_or_with_its_folder(
    fetch: Fetch,
    bucket: Bucket,  # noqa: F811
    jp_root_dir: Path,
) -> None:
    code = jp_root_dir / "code"
    (code / "lib" / "__pycache__").mkdir(parents=True)
    for name in ("train.py", "lib/util.py", "lib/__pycache__/x.pyc", ".secret"):
        (code / name).write_text(f"# {name}")
    names = []
    for folder in (False, True):
        wish = {
            "path": "code/train.py",
            "folder": folder,
            "bucket": bucket.name,
            "prefix": f"{folder}/",
        }
        made = post(fetch, "sources", body=wish).document
        assert made["program"] == "train.py"
        assert made["directory"] == f"s3://{bucket.name}/{folder}/sourcedir.tar.gz"
        archive = bucket.get(f"{folder}/sourcedir.tar.gz")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            names.append(sorted(tar.getnames()))
    assert names == [["train.py"], ["lib/util.py", "train.py"]]
    wish = {"path": "code", "bucket": bucket.name, "prefix": ""}
    assert post(fetch, "sources", body=wish).document["message"] == "There is no file code."

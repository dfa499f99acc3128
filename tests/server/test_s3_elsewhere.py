"""The S3 browser's handlers where the objects are in another S3 than ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunningStudio
from tests.elsewhere import Elsewhere

from .conftest import Answer

BUCKET = "browsed-elsewhere"
KEY = "a b+c/ü&x.csv"


@pytest.fixture(scope="module")
def elsewhere(other_s3: Elsewhere, make_studio: Callable[..., RunningStudio]) -> RunningStudio:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in other_s3.environment.items():
            patch.setenv(name, value)
        return make_studio("process", s3_endpoint=other_s3.url, s3_bucket=BUCKET)


@pytest.fixture
def studio_root(elsewhere: RunningStudio) -> Path:
    return elsewhere.settings.root


def test_objects_are_sent_listed_seen_and_deleted(
    fetch: Callable[..., Answer], other_s3: Elsewhere, jp_root_dir: Path
) -> None:
    def post(*path: str, body: Any, **params: str) -> Answer:
        text = body if isinstance(body, bytes) else json.dumps(body)
        return fetch(*path, method="POST", body=text, params=params)

    created = post("api", "s3", "CreateBucket", body={"Bucket": "made-here"})
    assert created.status == 200, created.text
    assert post("s3", "made-here", "object", body=b"1,2\n", key=KEY).status == 200
    (jp_root_dir / "big").write_bytes(b"x" * (17 << 20))
    sent = post("s3", "made-here", "files", body={"path": "big", "prefix": "in/"})
    assert sent.document == {"files": 1, "bytes": 17 << 20}
    there = other_s3.client().get_object(Bucket="made-here", Key=KEY)
    assert there["Body"].read() == b"1,2\n"
    root = fetch("s3", "made-here", "folder").document
    assert root["folders"] == ["a b+c/", "in/"]
    below = fetch("s3", "made-here", "folder", params={"prefix": "a b+c/"}).document
    assert [each["key"] for each in below["objects"]] == [KEY]
    seen = fetch("s3", "made-here", "preview", params={"key": KEY}).document
    assert seen["rows"] == [["1", "2"]]
    wish = {"keys": [KEY], "prefixes": ["in/"]}
    gone = post("s3", "made-here", "deletion", body=wish).document
    assert gone == {"deleted": 2, "errors": [], "more": False}
    assert fetch("s3", "made-here", "count").document["objects"] == 0
    assert post("api", "s3", "DeleteBucket", body={"Bucket": "made-here"}).status == 200

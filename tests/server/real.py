"""A Jupyter server's handlers over a real studio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunningStudio

Document = dict[str, Any]


class Bucket:
    """A bucket of its own, through boto3."""

    def __init__(self, studio: RunningStudio, name: str) -> None:
        self.name = name
        self.s3 = studio.client("s3")
        self.s3.create_bucket(Bucket=name)

    def put(self, key: str, body: bytes = b"", **more: Any) -> None:
        """Store an object."""
        self.s3.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def get(self, key: str) -> bytes:
        """Return the bytes of an object."""
        body: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def keys(self) -> list[str]:
        """Return all keys."""
        found = self.s3.list_objects_v2(Bucket=self.name)
        return [each["Key"] for each in found.get("Contents", [])]


@pytest.fixture
def studio_root(process_studio: RunningStudio) -> Path:
    """Give the root of the studio that the extension speaks to."""
    return process_studio.settings.root


@pytest.fixture
def bucket(process_studio: RunningStudio, request: pytest.FixtureRequest) -> Bucket:
    """Give a bucket of its own."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())
    return Bucket(process_studio, f"b-{name}"[:60].strip("-"))


Fetch = Callable[..., Any]

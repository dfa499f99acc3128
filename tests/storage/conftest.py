"""A real S3 front in a process of its own, and real clients for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from jupyter_mlstudio.wire.keys import Credentials, KeyRing

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"


@dataclass
class Front:
    """A running front; ``stop`` and ``kill`` end it, ``start`` starts it again."""

    root: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @property
    def ready(self) -> Path:
        return self.root / "run" / "s3.json"

    @property
    def data(self) -> Path:
        return self.root / "objects"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self, *more: str) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyter_mlstudio.storage"),
            *("--data", str(self.data), "--key", str(self.root / "master.key")),
            *("--account", ACCOUNT, "--region", REGION, "--bucket", BUCKET),
            *("--port", str(self.port), "--ready", str(self.ready)),
            *more,
        ]

    def start(self, *more: str) -> Front:
        self.root.mkdir(exist_ok=True)
        self.ready.unlink(missing_ok=True)
        with (self.root / "front.log").open("ab") as log:
            self.process = subprocess.Popen(self.arguments(*more), stderr=log)
        deadline = time.monotonic() + 20
        while not self.ready.exists():
            assert self.process.poll() is None, (self.root / "front.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.port = json.loads(self.ready.read_text())["port"]
        return self

    def signal(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def stop(self) -> int:
        return self.signal(signal.SIGTERM)

    def kill(self) -> int:
        return self.signal(signal.SIGKILL)

    def credentials(self) -> Credentials:
        ring = KeyRing.load(self.root / "master.key")
        return ring.user_key(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mlstudio")

    def client(self, config: Config | None = None, **changes: Any) -> S3Client:
        keys = self.credentials()
        settings = {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": keys.access_key,
            "aws_secret_access_key": keys.secret_key,
            "config": config,
        }
        return boto3.client("s3", **{**settings, **changes})


@pytest.fixture(autouse=True)
def no_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def _end(front: Front) -> None:
    if front.process is not None and front.process.poll() is None:
        assert front.stop() == 0
    log = (front.root / "front.log").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def shared_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    front = Front(tmp_path_factory.mktemp("s3")).start()
    yield front
    _end(front)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    front = Front(tmp_path).start()
    yield front
    _end(front)


@pytest.fixture
def s3(shared_front: Front) -> Iterator[S3Client]:
    client = shared_front.client()
    yield client
    client.close()


_buckets = iter(range(1_000_000))


@pytest.fixture
def bucket(s3: S3Client) -> str:
    name = f"bucket-{next(_buckets)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def fails() -> Callable[..., Any]:
    """Call something and return (code, status) of the error it answers."""
    from botocore.exceptions import ClientError

    def check(function: Callable[..., Any], **arguments: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as error:
            function(**arguments)
        response = error.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    return check

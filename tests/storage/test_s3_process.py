"""The process: start, end, crash, addresses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jupyter_mlstudio.storage.reader import ObjectReader

from .conftest import BUCKET, Front

QUICK = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)


def test_the_ready_file_says_who_serves(front: Front) -> None:
    document = json.loads(front.ready.read_text())
    assert front.process is not None
    assert document["pid"] == front.process.pid
    assert document["port"] == front.port
    assert {"version", "started"} <= document.keys()
    assert front.stop() == 0
    assert not front.ready.exists()


def test_everything_is_there_after_a_restart(front: Front) -> None:
    client = front.client()
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body", Metadata={"a": "b"})
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="m")["UploadId"]
    where: dict[str, Any] = {"Bucket": BUCKET, "Key": "m", "UploadId": upload}
    etag = client.upload_part(**where, PartNumber=1, Body=b"part")["ETag"]
    front.stop()
    front.start()
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"body"
    assert client.head_object(Bucket=BUCKET, Key="k")["Metadata"] == {"a": "b"}
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    client.complete_multipart_upload(**where, MultipartUpload=parts)  # type: ignore[arg-type]
    assert client.get_object(Bucket=BUCKET, Key="m")["Body"].read() == b"part"
    client.close()


def test_kill_9_loses_nothing_acknowledged(front: Front) -> None:
    acknowledged: dict[str, bytes] = {}
    lock = threading.Lock()
    for round_ in range(3):
        client = front.client(QUICK)
        ended = threading.Event()

        def put(
            worker: int, round_: int = round_, client: Any = client, ended: Any = ended
        ) -> None:
            for number in range(100_000):
                size = (number * 7919) % 300_000 if worker else (9 << 20)
                key, body = f"{worker}/{number % 7}", os.urandom(16) * (size // 16 + 1)
                try:
                    if worker % 2:
                        client.put_object(Bucket=BUCKET, Key=key, Body=body)
                    else:
                        import io

                        client.upload_fileobj(io.BytesIO(body), BUCKET, key)
                except (ClientError, BotoCoreError):
                    # It was cut short: the object is the old one or the new one, whole.
                    with lock:
                        acknowledged[f"{key}?"] = body
                    return
                with lock:
                    acknowledged[key] = body
                if ended.is_set():
                    return

        with ThreadPoolExecutor(6) as pool:
            workers = [pool.submit(put, worker) for worker in range(6)]
            time.sleep(1.5)
            front.kill()
            ended.set()
            for worker in workers:
                worker.result()
        client.close()
        front.start()
        found = {item.key: item.path.read_bytes() for item in ObjectReader(front.data).list(BUCKET)}
        for key, body in acknowledged.items():
            if key.endswith("?"):
                continue
            assert found[key] in (body, acknowledged.get(f"{key}?"))
            acknowledged[key] = found[key]
        certain = {key for key in acknowledged if not key.endswith("?")}
        uncertain = {key.rstrip("?") for key in acknowledged if key.endswith("?")}
        assert certain <= found.keys() <= certain | uncertain
        for key in [key for key in acknowledged if key.endswith("?")]:
            body = acknowledged.pop(key)
            if key.rstrip("?") in found:
                acknowledged[key.rstrip("?")] = found[key.rstrip("?")]
                assert found[key.rstrip("?")] == body or key.rstrip("?") in certain
        assert list((front.data / "incoming").iterdir()) == []
    assert acknowledged


def test_requests_under_way_are_finished(front: Front) -> None:
    client = front.client(QUICK)
    body = os.urandom(64 << 20)
    with ThreadPoolExecutor(1) as pool:
        put = pool.submit(client.put_object, Bucket=BUCKET, Key="k", Body=body)
        deadline = time.monotonic() + 10
        while not list((front.data / "incoming").iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert front.stop() == 0
        assert put.result()["ETag"]
    stored = ObjectReader(front.data).get(BUCKET, "k")
    assert stored is not None
    assert stored.path.read_bytes() == body
    client.close()


def test_a_second_front_is_refused(front: Front) -> None:
    second = subprocess.run(
        [*front.arguments()[:-4], "--port", "0"], capture_output=True, text=True, timeout=30
    )
    assert second.returncode == 1
    assert "is open in another process" in second.stderr
    assert front.client().list_buckets()["Buckets"]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        front = Front(tmp_path, port=taken.getsockname()[1])
        refused = subprocess.run(front.arguments(), capture_output=True, text=True, timeout=30)
    assert refused.returncode == 1
    assert "address already in use" in refused.stderr.lower()
    assert not front.ready.exists()
    assert not (front.data / "running").exists()


def test_more_addresses_are_served_once_they_are_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        front = Front(tmp_path).start("--also", f"127.0.0.2:{port}", "--also", "127.0.0.3:0")
        time.sleep(1.5)
    client = front.client(
        Config(retries={"total_max_attempts": 1}), endpoint_url=f"http://127.0.0.2:{port}"
    )
    deadline = time.monotonic() + 10
    while True:
        try:
            assert client.list_buckets()["Buckets"]
            break
        except BotoCoreError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    client.close()
    assert front.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(front: Front, number: signal.Signals) -> None:
    assert front.signal(number) == 0
    assert not (front.data / "running").exists()
    front.start()

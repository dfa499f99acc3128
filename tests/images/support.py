"""A job's folders, and a client of the inference server."""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNTIME = Path(__file__).parents[2] / "jupyter_mlstudio" / "images" / "runtime"


def wheel_files(name: str) -> dict[str, str]:
    """Return what a wheel of version 1.0 with one module, ``<name>_module``, holds."""
    info = f"{name}-1.0.dist-info"
    return {
        f"{name}_module.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{info}/RECORD": "",
    }


def wheel(name: str) -> bytes:
    """Return such a wheel, to be called ``<name>-1.0-py3-none-any.whl``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in wheel_files(name).items():
            archive.writestr(path, text)
    return buffer.getvalue()


@dataclass
class Job:
    """``/opt/ml`` of one job."""

    base: Path

    def configure(
        self,
        hyperparameters: Mapping[str, str],
        channels: Mapping[str, str | None] | None = None,
        **files: Any,
    ) -> None:
        """Write the configuration; ``channels`` are names and content types."""
        config = {
            name: {"TrainingInputMode": "File", **({"ContentType": kind} if kind else {})}
            for name, kind in (channels or {}).items()
        }
        self.write("hyperparameters", dict(hyperparameters))
        self.write("inputdataconfig", config)
        self.write("resourceconfig", {"current_host": "localhost", "hosts": ["localhost"]})
        for name, content in files.items():
            self.write(name, content)

    def write(self, name: str, content: Any) -> None:
        """Write one configuration file."""
        (self.base / "input" / "config" / f"{name}.json").write_text(json.dumps(content))

    def channel(self, name: str) -> Path:
        """Make a channel's folder."""
        folder = self.base / "input" / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment process compute gives the job."""
        return {
            **os.environ,
            "PYTHONPATH": str(RUNTIME),
            "SAGEMAKER_BASE_DIR": str(self.base),
            "TRAINING_JOB_NAME": "a-job",
            **variables,
        }

    def train(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``train`` as process compute does."""
        return subprocess.run(
            [sys.executable, "-m", "mlstudio_runtime", "train"],
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def failure(self) -> str:
        """What ``/opt/ml/output/failure`` says."""
        return (self.base / "output" / "failure").read_text()


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Client:
    port: int
    process: subprocess.Popen[str]
    log: Path

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = self.connect()
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def invoke(self, body: Any, **headers: str) -> Answer:
        return self.request("POST", "/invocations", body, **headers)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(job: Job, variables: Mapping[str, str]) -> tuple[subprocess.Popen[str], Client]:
    """Start ``serve`` as process compute does and wait until it answers ``/ping``."""
    port = free_port()
    log = job.base / "serve.log"
    environment = job.environment(
        SAGEMAKER_BIND_TO_PORT=str(port),
        MLSTUDIO_BIND_HOST="127.0.0.1",
        **{"SAGEMAKER_MODEL_SERVER_WORKERS": "2", **variables},
    )
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlstudio_runtime", "serve"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    client = Client(port, process, log)
    deadline = time.monotonic() + float(os.environ.get("SERVE_TIMEOUT", "60"))
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}: {log.read_text()}")
        try:
            if client.request("GET", "/ping").status == 200:
                return process, client
        except ConnectionError:
            time.sleep(0.05)
    process.kill()
    raise TimeoutError(log.read_text())

"""A kernel of a real Jupyter Server reaches the studio with nothing but ``boto3.client(...)``."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.studio import client

CODE = """
import boto3
print(boto3.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])
print(boto3.client("sts").get_caller_identity()["Arn"])
print([bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]])
print(boto3.session.Session(profile_name="prod").client("sts").meta.endpoint_url)
"""


async def output_of(url: str, token: str, code: str) -> str:
    """Start a kernel once the studio is there, run code in it, and return what it printed."""
    headers = {"Authorization": f"token {token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for _ in range(300):
            try:
                async with http.get(f"{url}/mlstudio/status") as answer:
                    if answer.status == 200:
                        break
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
        async with http.post(f"{url}/api/kernels", json={"name": "python3"}) as answer:
            kernel = (await answer.json())["id"]
        request: dict[str, Any] = {
            "header": {
                "msg_id": uuid.uuid4().hex,
                "msg_type": "execute_request",
                "username": "",
                "session": uuid.uuid4().hex,
                "version": "5.3",
            },
            "parent_header": {},
            "metadata": {},
            "content": {"code": code, "silent": False, "store_history": True},
            "channel": "shell",
        }
        printed = ""
        async with http.ws_connect(f"{url}/api/kernels/{kernel}/channels") as channels:
            await channels.send_json(request)
            while True:
                message = await channels.receive_json(timeout=120)
                if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                    continue
                match message["msg_type"]:
                    case "stream":
                        printed += message["content"]["text"]
                    case "error":
                        return "\n".join(message["content"]["traceback"])
                    case "execute_reply":
                        return printed


@pytest.mark.parametrize("base", ["/", "/a/b%20c/"])
async def test_plain_boto3_in_a_kernel_reaches_the_studio(tmp_path: Path, base: str) -> None:
    root = tmp_path / "root"
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile prod]\nregion = eu-west-1\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    settings = load_settings(root, compute="process")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
            *(f"--ServerApp.port={port}", f"--ServerApp.base_url={base}"),
            *("--IdentityProvider.token=secret", f"--MLStudioExtension.root={root}"),
        ],
        cwd=tmp_path,
        env={**clean, "HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"},
    )
    try:
        url = f"http://127.0.0.1:{port}{base}".rstrip("/")
        printed = await output_of(url, "secret", CODE)
    finally:
        server.terminate()
        server.wait(30)
        client.stop(settings, containers=True)
    assert printed.splitlines() == [
        "[]",
        settings.kernel_arn,
        f"['{settings.default_bucket}']",
        "https://sts.eu-west-1.amazonaws.com",
    ]

"""A studio in this process with everything real around it but Docker.

S3 front and gateway are processes of their own, models run as processes, and boto3 talks to the
studio's operations over HTTP.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from aiohttp import web
from botocore.config import Config

from jupyter_mlstudio.compute.process_engine import ProcessEngine
from jupyter_mlstudio.compute.protocol import AccessSettings
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.studio import capabilities
from jupyter_mlstudio.wire.http import make_app, make_runner
from tests.postgres import chosen

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

IMAGE = "model:1"
SERVER = Path(__file__).with_name("model_server.py")
BUCKET = "models"


class World:
    """One studio and its clients."""

    def __init__(self, root: Path) -> None:
        capabilities.load()
        self.settings = load_settings(root, account="123456789012", **chosen())
        self._clients: list[Any] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self.start_studio()
        self._start_front()
        self.gateway = self.start_gateway()
        self.sagemaker: SageMakerClient = self.client("sagemaker", self.settings.url)
        self.runtime: SageMakerRuntimeClient = self.client(
            "sagemaker-runtime", self.settings.gateway_url
        )
        self.s3: S3Client = self.client("s3", self.settings.s3_url)
        self.s3.create_bucket(Bucket=BUCKET)

    # Processes

    def start_studio(self) -> None:
        """Start the studio and its AWS endpoint."""
        settings = self.settings
        access = AccessSettings(settings.container_port, settings.s3_port, settings.gateway_port)
        engine = ProcessEngine(
            settings.studio_id, root=settings.root, access=access, command_for=_command
        )
        self.studio = Studio(settings, engine)
        self.studio.start()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(20)

    def stop_studio(self) -> None:
        """Stop the studio; containers, gateway and S3 go on."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self.studio.close()

    def start_gateway(self) -> subprocess.Popen[bytes]:
        """Start the gateway process."""
        return self._start("jupyter_mlstudio.endpoints.gateway", "--root", str(self.settings.root))

    def close(self) -> None:
        """Remove every container and end every process."""
        for client in self._clients:
            client.close()
        self.stop_studio()
        engine = self.studio.engine
        for state in engine.owned():
            engine.remove(state.name)
        for process in self._processes:
            process.terminate()
            process.wait(70)

    # Clients and data

    def client(self, service: str, url: str) -> Any:
        """Return a boto3 client with the user's key."""
        user = self.studio.keys.user_key(self.settings.account, self.settings.user_arn)
        client = boto3.session.Session().client(
            service,
            endpoint_url=url,
            region_name=self.settings.region,
            aws_access_key_id=user.access_key,
            aws_secret_access_key=user.secret_key,
            config=Config(
                retries={"max_attempts": 0}, max_pool_connections=16, parameter_validation=False
            ),
        )
        self._clients.append(client)
        return client

    def arn(self, path: str) -> str:
        """Return an ARN of this studio."""
        return f"arn:aws:sagemaker:{self.settings.region}:{self.settings.account}:{path}"

    def upload_model(self, name: str, **files: str) -> str:
        """Put a ``model.tar.gz`` of text files into S3 and return its URI."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for member, text in files.items():
                entry = tarfile.TarInfo(member)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        key = f"{name}/model.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=packed.getvalue())
        return f"s3://{BUCKET}/{key}"

    def create_config(
        self, name: str, *, count: int = 1, variant: dict[str, Any] | None = None, **container: Any
    ) -> str:
        """Make a model and an endpoint configuration of that name."""
        definition = {"Image": IMAGE, **container}
        self.sagemaker.create_model(
            ModelName=name, PrimaryContainer=definition, ExecutionRoleArn=self.settings.role_arn
        )
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[production(name, count, **(variant or {}))]
        )
        return name

    def deploy(self, name: str, **options: Any) -> None:
        """Create an endpoint with model and configuration of its name, and wait for it."""
        self.create_config(name, **options)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self.wait_in_service(name)

    def wait_in_service(self, name: str) -> None:
        """Use botocore's waiter."""
        waiter = self.sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})

    def delete_endpoints(self) -> None:
        """Delete every endpoint, and wait until they are gone."""
        for endpoint in self.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]:
            if endpoint["EndpointStatus"] != "Deleting":
                self.sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])
        until(lambda: not self.sagemaker.list_endpoints()["Endpoints"], 40)

    def clear(self) -> None:
        """Delete every endpoint, configuration and model."""
        self.delete_endpoints()
        for config in self.sagemaker.list_endpoint_configs(MaxResults=100)["EndpointConfigs"]:
            self.sagemaker.delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
        for model in self.sagemaker.list_models(MaxResults=100)["Models"]:
            self.sagemaker.delete_model(ModelName=model["ModelName"])

    def status(self, name: str) -> str:
        """Return the status of an endpoint."""
        return self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]

    def invoke(self, name: str, body: str = "x") -> dict[str, Any]:
        """Return what a model answers."""
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body.encode())
        document: dict[str, Any] = json.load(answer["Body"])
        return document

    def containers(self, name: str) -> list[str]:
        """Return the names of the running containers of an endpoint."""
        from jupyter_mlstudio.endpoints.kinds import ENDPOINT

        found = self.studio.store.find(ENDPOINT, self.settings.account, self.settings.region, name)
        assert found is not None
        prefix = self.studio.container_name(found, "")
        owned = self.studio.engine.owned()
        return [
            each.name for each in owned if each.name.startswith(prefix) and not each.finished_at
        ]

    # Inside

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        ready = self.settings.run / f"{module.rpartition('.')[2]}.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", module, "--ready", str(ready), *arguments]
        process = subprocess.Popen(command)
        self._processes.append(process)
        until(ready.exists)
        return process

    def _start_front(self) -> None:
        settings = self.settings
        self._start(
            "jupyter_mlstudio.storage",
            *("--data", str(settings.objects), "--key", str(settings.master_key)),
            *("--account", settings.account, "--region", settings.region),
            *("--bucket", settings.default_bucket, "--port", str(settings.s3_port)),
        )

    def _serve(self, ready: threading.Event) -> None:
        async def serve() -> None:
            settings = self.settings
            app = make_app(
                self.studio,
                self.studio.keys,
                account=settings.account,
                default_region=settings.region,
            )
            runner = make_runner(app)
            await runner.setup()
            await web.TCPSite(runner, settings.host, settings.port, reuse_address=True).start()
            ready.set()
            await self._stop.wait()
            await runner.cleanup()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())
        self._loop.close()


def production(model: str, count: int = 1, **fields: Any) -> Any:
    """Return a production variant."""
    return {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": count,
        **fields,
    }


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _command(image: str, arguments: Any) -> Any:
    if image != IMAGE:
        return None
    return [sys.executable, str(SERVER), *arguments], {}

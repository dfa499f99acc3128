"""A real studio for tests, and what to do where a part of the machine is missing."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest

from jupyter_mlstudio.compute.protocol import STUDIO_LABEL
from jupyter_mlstudio.core.database import Database
from jupyter_mlstudio.core.opening import open_database
from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.studio import client as studio_client
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.services import MODELS
from tests import postgres
from tests.elsewhere import Elsewhere, seaweed
from tests.machine import lacks

os.environ["AWS_DATA_PATH"] = str(MODELS)


@cache
def missing_docker() -> str | None:
    """Say why Docker cannot be used; None when it can."""
    try:
        docker.from_env(timeout=10).ping()
    except docker.errors.DockerException as error:
        return f"no container engine: {error}"
    return None


@cache
def missing_browser() -> str | None:
    """Say why browser tests cannot run; None when they can."""
    return None if shutil.which("chromium") else "no Chromium on PATH"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip visibly what this machine lacks; in CI a missing part is a failure."""
    for marker, reason in (("docker", missing_docker), ("browser", missing_browser)):
        if item.get_closest_marker(marker) and (why := reason()):
            lacks(why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show why a test was run once more."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"RERUN {report.nodeid}")
        terminalreporter.line(report.longreprtext)


FILE_SYSTEM = "fs-0123456789abcdef0"
"""A folder that every studio here shares with its jobs."""


class RunningStudio:
    """A studio process of its own root, and clients of it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.role = settings.role_arn
        self.bucket = settings.default_bucket
        self.log_folder = settings.logs(settings.account, settings.region)
        # One for all clients: a session reads the models of services anew. It is not for threads.
        self._session = boto3.session.Session()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process and wait until it answers."""
        studio_client.ensure(self.settings)

    def stop(self, *, containers: bool = False) -> None:
        """Stop the process, and with ``containers`` everything it started."""
        studio_client.stop(self.settings, containers=containers)

    def forget(self) -> None:
        """Remove what a stopped studio would take up again: its root goes away with the test."""
        if missing_docker():
            return
        client = docker.from_env()
        label = f"{STUDIO_LABEL}={self.settings.studio_id}"
        for container in client.containers.list(all=True, filters={"label": label}):
            container.remove(force=True, v=True)
        client.close()

    def restart(self) -> None:
        """Stop and start again; containers go on."""
        self.stop()
        self.start()

    def client(
        self, service: str, *, session: boto3.session.Session | None = None, **extra: Any
    ) -> Any:
        """Return a boto3 client with the studio's user key."""
        user = KeyRing.load(self.settings.master_key).user_key(
            self.settings.account, self.settings.user_arn
        )
        url = {"s3": self.settings.s3_url}.get(service, self.settings.url)
        defaults = {
            "region_name": self.settings.region,
            "endpoint_url": url,
            "aws_access_key_id": user.access_key,
            "aws_secret_access_key": user.secret_key,
        }
        with self._lock:
            return (session or self._session).client(service, **{**defaults, **extra})


@pytest.fixture(params=["sqlite", "postgres"])
def database_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Give settings of a fresh root on each kind of database."""
    url = postgres.server().schema() if request.param == "postgres" else None
    return load_settings(tmp_path / "root", database=url)


@pytest.fixture
def database(database_settings: Settings) -> Iterator[Database]:
    """Give a database of its own, of each kind."""
    made = open_database(database_settings)
    yield made
    made.close()


@pytest.fixture(scope="session")
def make_studio(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., RunningStudio]]:
    """Give a function that starts a studio on a compute (``docker`` or ``process``).

    It takes further settings by name.
    """
    running: list[RunningStudio] = []

    def make(compute: str, **more: Any) -> RunningStudio:
        root: Path = tmp_path_factory.mktemp(f"studio-{compute}")
        shared = {FILE_SYSTEM: str(tmp_path_factory.mktemp("shared"))}
        chosen = {"compute": compute, "file_systems": shared, **postgres.chosen(), **more}
        studio = RunningStudio(load_settings(root, **chosen))
        running.append(studio)
        studio.start()
        return studio

    yield make
    for studio in running:
        studio.stop(containers=True)
        studio.forget()


@pytest.fixture(scope="session")
def docker_studio(make_studio: Callable[[str], RunningStudio]) -> RunningStudio:
    """Give one studio on Docker for the whole run."""
    return make_studio("docker")


@pytest.fixture(scope="session")
def process_studio(make_studio: Callable[[str], RunningStudio]) -> RunningStudio:
    """Give one studio on process compute for the whole run."""
    return make_studio("process")


@pytest.fixture
def docker_api() -> Iterator[docker.APIClient]:
    """Give the engine that all containers here run on."""
    client = docker.APIClient(version="auto", timeout=60)
    yield client
    client.close()


@pytest.fixture
def volume(docker_api: docker.APIClient) -> Iterator[str]:
    """Give an empty volume."""
    name = f"mlstudio-test-{secrets.token_hex(4)}"
    docker_api.create_volume(name)
    yield name
    docker_api.remove_volume(name, force=True)


@pytest.fixture(scope="session")
def other_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Give an S3 that is not ours, for the whole run."""
    with seaweed(tmp_path_factory.mktemp("seaweed")) as store:
        yield store

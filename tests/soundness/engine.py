"""Containers, networks, volumes and processes: each is wanted, and what is wanted is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import docker
import docker.errors
import psutil
from docker.utils import kwargs_from_env

from jupyter_mlstudio.compute.docker_client import HELPER_LABEL
from jupyter_mlstudio.compute.docker_volumes import CONTAINER_LABEL
from jupyter_mlstudio.compute.protocol import STUDIO_LABEL
from jupyter_mlstudio.core.settings import Settings
from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.endpoints.plan import serving
from jupyter_mlstudio.endpoints.slots import part_of, slots_of

from .rows import JOBS, Rows


@dataclass
class Present:
    """What an engine has of a studio: names; of containers also whether they run."""

    containers: dict[str, bool] = field(default_factory=dict)
    networks: list[str] = field(default_factory=list)
    volumes: dict[str, str] = field(default_factory=dict)
    """Containers by the names of their volumes."""
    helpers: list[str] = field(default_factory=list)


def owners(settings: Settings, rows: Rows) -> Iterator[str]:
    """Everything on the engine has a row that wants it, and the other way round."""
    present = _present(settings)
    prefix = f"mls-{settings.studio_id}-"
    for name in present.containers:
        uid, _, part = name.removeprefix(prefix).partition("-")
        if problem := _unwanted(rows, uid, part):
            yield f"The container {name} is there, and {problem}"
    for name in present.networks:
        uid = name.removeprefix(prefix)
        if uid not in rows.live:
            yield f"The network {name} is there, and its job is not or has ended"
    for name, container in present.volumes.items():
        uid = container.removeprefix(prefix).partition("-")[0]
        if container not in present.containers and uid not in rows.live:
            yield f"The volume {name} is there, and its container {container} is not"
    for name in present.helpers:
        yield f"The helper container {name} is still there"
    for resource in rows.live.values():
        yield from _missing(settings, resource, present)


def _unwanted(rows: Rows, uid: str, part: str) -> str | None:
    resource = rows.resources.get(uid)
    if resource is None:
        return "nothing has this uid"
    if uid not in rows.live:
        return f"{resource.kind} {resource.name} is {resource.status}"
    if resource.kind != "Endpoint":
        return None
    slots = resource.facts.get("Slots", {})
    wanted = {f"{key}-{record['Attempt']}" for key, record in slots.items()}
    if part not in wanted | resource.facts.get("Retired", {}).keys():
        return f"endpoint {resource.name} knows of no such replica"
    return None


def _missing(settings: Settings, resource: Resource, present: Present) -> Iterator[str]:
    """Yield what is said to run, but does not."""
    name = f"mls-{settings.studio_id}-{resource.uid}-"
    if resource.kind in JOBS and resource.facts["SecondaryStatus"] == JOBS[resource.kind]:
        if not any(other.startswith(name) for other in present.containers):
            yield f"{resource.kind} {resource.name} runs, and has no container"
    elif resource.kind == "WarmPool" and resource.facts.get("Ready"):
        if f"{name}1" not in present.containers:
            yield f"The warm pool {resource.name} is {resource.status}, and has no container"
    elif resource.kind == "Endpoint" and resource.status == "InService":
        for slot in slots_of(serving(resource) or {"Generation": 0, "Variants": []}):
            if not present.containers.get(f"{name}{part_of(resource, slot)}"):
                yield f"Endpoint {resource.name} is InService, and replica {slot.key} does not run"


def processes(settings: Settings, rows: Rows) -> Iterator[str]:
    """There is one process of each sort at most, and no other than those of live resources."""
    seen: dict[str, list[int]] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            mine = [word for word in command if str(settings.root) in word]
            if not mine or process.pid == psutil.Process().pid:
                continue
            module = command[command.index("-m") + 1] if "-m" in command else ""
            if module in _SINGLE:
                seen.setdefault(module, []).append(process.pid)
            elif not any(uid in word for word in mine for uid in rows.live):
                yield f"Process {process.pid} belongs to nothing: {' '.join(command)}"
    for module, pids in seen.items():
        if len(pids) > 1:
            yield f"Of {module} there are {len(pids)} processes: {pids}"


_SINGLE = (
    "jupyter_mlstudio.studio",
    "jupyter_mlstudio.storage",
    "jupyter_mlstudio.endpoints.gateway",
)


def _present(settings: Settings) -> Present:
    present = Present()
    folder = settings.run / "containers"
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            state = json.loads((path / "state.json").read_text())
            present.containers[path.name] = "exit_code" not in state
        present.containers.setdefault(path.name, False)
    if settings.compute == "process":
        return present
    try:
        client = docker.APIClient(version="auto", timeout=20, **kwargs_from_env())
    except docker.errors.DockerException:
        return present
    with closing(client):
        mine = {"label": f"{STUDIO_LABEL}={settings.studio_id}"}
        for found in client.containers(all=True, filters=mine):
            present.containers[found["Names"][0].removeprefix("/")] = found["State"] == "running"
        present.networks = [found["Name"] for found in client.networks(filters=mine)]
        for volume in client.volumes(filters=mine)["Volumes"] or ():
            present.volumes[volume["Name"]] = volume["Labels"].get(CONTAINER_LABEL, "")
        helping = {"label": f"{HELPER_LABEL}={settings.studio_id}"}
        helpers = client.containers(all=True, filters=helping)
        present.helpers = [found["Names"][0].removeprefix("/") for found in helpers]
    return present

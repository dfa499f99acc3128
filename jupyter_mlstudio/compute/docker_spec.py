"""A container specification in Docker's terms, and Docker's state in ours. No I/O here."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import docker
import docker.errors
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from jupyter_mlstudio.compute.docker_logs import parse_time
from jupyter_mlstudio.compute.protocol import (
    GPU_LABEL,
    STUDIO_LABEL,
    ContainerSpec,
    ContainerState,
    NetworkMode,
    Phase,
)

PORT_LABEL = "mlstudio.port"

DROPPED = ["NET_RAW", "MKNOD", "AUDIT_WRITE", "SETFCAP"]
PIDS = 4096
OPEN_FILES = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
"""An engine without the right to raise limits starts nothing above its own: ours is the guess."""
SHM = 64 * 1024**2
TMP = "size=1g,mode=1777"
LOG_FILE = 512 << 20
"""Bytes of one file of Docker's log; what is older than two of them is dropped."""
LOGS = LogConfig(
    type=LogConfig.types.JSON, config={"max-size": f"{LOG_FILE >> 20}m", "max-file": "2"}
)


def host_config(
    api: docker.APIClient,
    spec: ContainerSpec,
    *,
    network: str,
    mounts: Sequence[Mount],
    extra_hosts: Mapping[str, str],
    publish: bool,
    gpus: Sequence[str] = (),
) -> dict[str, Any]:
    """Return Docker's HostConfig: limits, hardening, mounts and network of ``spec``."""
    limits = spec.limits
    hosts = dict(extra_hosts)
    if spec.hostname and spec.network is NetworkMode.NONE and not spec.group:
        hosts[spec.hostname] = "127.0.0.1"
    config: dict[str, Any] = api.create_host_config(
        mounts=list(mounts),
        network_mode=network,
        extra_hosts=hosts or None,
        port_bindings={spec.port: ("127.0.0.1", None)} if spec.port and publish else None,
        cap_drop=["ALL"] if spec.drop_capabilities else DROPPED,
        security_opt=["no-new-privileges"],
        pids_limit=PIDS,
        nano_cpus=round(limits.cpus * 1e9) if limits.cpus else None,
        mem_limit=limits.memory,
        memswap_limit=limits.memory,
        shm_size=limits.shm or SHM,
        ulimits=[
            Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
        read_only=spec.read_only,
        tmpfs={"/tmp": TMP} if spec.read_only else None,  # noqa: S108 - inside the container
        log_config=LOGS,
        init=True,
        restart_policy={"Name": "no"},
        device_requests=[DeviceRequest(device_ids=list(gpus), capabilities=[["gpu"]])]
        if gpus
        else None,
    )
    return config


_ENDED_FROM_OUTSIDE = (137, 255)
"""Exit codes of containers that an engine killed, or found gone, as it went down or came up."""

STOP_SIGNAL = "SIGCONT"
"""What an engine sends when it goes down itself: nothing that ends a program.

With SIGTERM a program that ends well then, as it should when it is asked to stop, would look
complete. Whoever means to stop a container sends SIGTERM itself.
"""
STOP_SECONDS = 1


def create(api: docker.APIClient, image: str, *, name: str, **config: Any) -> None:  # noqa: ANN401
    """Create a container that an engine kills when it goes down."""
    document = api.create_container_config(image, stop_signal=STOP_SIGNAL, **config)
    document["StopTimeout"] = STOP_SECONDS
    api.create_container_from_config(document, name)  # type: ignore[no-untyped-call]


def names(api: docker.APIClient, spec: ContainerSpec, network: str) -> dict[str, Any] | None:
    """Return Docker's NetworkingConfig: the name other containers of the group find it by."""
    if not spec.group or not spec.hostname:
        return None
    endpoint = api.create_endpoint_config(aliases=[spec.hostname])
    config: dict[str, Any] = api.create_networking_config({network: endpoint})  # type: ignore[arg-type]  # the stubs name the inner one
    return config


def labels(spec: ContainerSpec, studio_id: str, gpus: Sequence[str] = ()) -> dict[str, str]:
    """Return the labels by which the container is found again."""
    ours = {STUDIO_LABEL: studio_id}
    if spec.port:
        ours[PORT_LABEL] = str(spec.port)
    if gpus:
        ours[GPU_LABEL] = ",".join(gpus)
    return {**spec.labels, **ours}


def read_state(document: Mapping[str, Any]) -> ContainerState:
    """Return what ``inspect`` says of a container."""
    state = document["State"]
    found = document["Config"]["Labels"] or {}
    phase = _phase(state)
    ended = phase is Phase.EXITED
    started, finished = _seconds(state["StartedAt"]), _seconds(state["FinishedAt"])
    if ended and started and finished:
        # Docker may note the end of a short process before it notes its start.
        finished = max(started, finished)
    return ContainerState(
        name=document["Name"].removeprefix("/"),
        labels=found,
        phase=phase,
        exit_code=state["ExitCode"] if ended else None,
        oom_killed=ended and bool(state.get("OOMKilled")),
        started_at=started,
        finished_at=finished if ended else None,
        address=_address(document, found.get(PORT_LABEL)) if phase is Phase.RUNNING else None,
        error=state.get("Error") or None,
    )


def with_interruption(api: docker.APIClient, state: ContainerState) -> ContainerState:
    """Return the state with whether the engine has been restarted since the container began.

    An engine makes its default network anew when it starts; one without such a network tells
    nothing.
    """
    if state.exit_code not in _ENDED_FROM_OUTSIDE or state.oom_killed or not state.started_at:
        return state
    try:
        made = parse_time(api.inspect_network("bridge")["Created"]) / 1e9
    except docker.errors.NotFound:
        return state
    return replace(state, interrupted=state.started_at < made)


def _phase(state: Mapping[str, Any]) -> Phase:
    if state["Status"] in ("running", "paused", "restarting"):
        return Phase.RUNNING
    if state["Status"] == "created" and not state.get("Error"):
        return Phase.CREATED
    return Phase.EXITED


def _seconds(text: str) -> float | None:
    return None if text.startswith("0001-") else parse_time(text) / 1e9


def _address(document: Mapping[str, Any], port: str | None) -> tuple[str, int] | None:
    if port is None:
        return None
    settings = document["NetworkSettings"]
    published = (settings["Ports"] or {}).get(f"{port}/tcp")
    if published:
        return published[0]["HostIp"], int(published[0]["HostPort"])
    addresses = [net["IPAddress"] for net in settings["Networks"].values() if net["IPAddress"]]
    return (addresses[0], int(port)) if addresses else None

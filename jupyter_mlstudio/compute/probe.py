"""Which engine to use, and what works on it: for start-up and ``doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.paths import SHARING
from jupyter_mlstudio.compute.process_engine import CommandFor, ProcessEngine
from jupyter_mlstudio.compute.protocol import AccessSettings, Engine, EngineError

PROCESSES = (
    "Jobs and endpoints run as plain processes on this machine: without isolation, and only with "
    "the studio's own images."
)
FALLBACK = f"{PROCESSES} No Docker engine answers: {{reason}}"


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What works on an engine. ``notes`` say what does not, and what to do about it.

    ``paths`` is how the engine sees our files (``same``, ``mapped``, or ``none``: they are copied);
    ``access`` the host under which containers find the studio. None means not known or not
    applicable.
    """

    name: str
    reachable: bool
    version: str | None = None
    storage_driver: str | None = None
    cgroup_version: str | None = None
    paths: str | None = None
    overlay: bool | None = None
    access: str | None = None
    gpus: int = 0
    notes: Sequence[str] = field(default_factory=tuple)


def choose_engine(
    setting: str,
    studio_id: str,
    *,
    root: Path,
    access: AccessSettings,
    command_for: CommandFor,
    client: DockerClient | None = None,
    pull: bool = False,
    shared: Sequence[Path] = (),
) -> Engine:
    """Return the engine of a setting; ``auto`` is Docker where it answers, else processes.

    Why there is no Docker is in the engine's ``note`` then.
    """
    if setting not in ("auto", "docker", "process"):
        raise ValueError(f"compute is {setting!r}; it can be auto, docker or process")
    if setting == "process":
        return ProcessEngine(
            studio_id, root=root, access=access, command_for=command_for, note=PROCESSES
        )
    docker = DockerEngine(
        studio_id, root=root, access=access, client=client, pull=pull, shared=shared
    )
    if setting == "docker":
        return docker
    try:
        docker.machine()
    except EngineError as error:
        docker.close()
        note = FALLBACK.format(reason=error.reason)
        return ProcessEngine(
            studio_id, root=root, access=access, command_for=command_for, note=note
        )
    return docker


def probe(engine: Engine) -> EngineReport:
    """Find out what works on an engine; never raises, and takes seconds at most."""
    if not isinstance(engine, DockerEngine):
        notes = [engine.note] if engine.note else []
        return EngineReport(
            engine.name,
            reachable=True,
            paths="same",
            overlay=False,
            access="127.0.0.1",
            gpus=engine.machine().gpus,
            notes=notes,
        )
    try:
        return _probe_docker(engine)
    except EngineError as error:
        remedy = f"{error.reason} Start Docker, or set compute to process."
        return EngineReport(engine.name, reachable=False, notes=[remedy])


def _probe_docker(engine: DockerEngine) -> EngineReport:
    info = engine.info()
    access = engine.access()
    paths = engine.paths
    notes = []
    if paths.mode == "mapped":
        notes.append(f"The engine sees {paths.ours} as {paths.theirs}; this costs nothing.")
    if paths.mode == "none":
        notes.append(
            f"The engine does not see {paths.ours}: input and models are copied into volumes of "
            "every container, and what it wrote back when it has ended. That takes time and room "
            f"for a second copy. {SHARING}"
        )
    elif not paths.overlay:
        notes.append(
            "Overlays do not work here (the studio's root lies on another overlay, a network file "
            "system or a virtual machine's share): input data is copied for every job."
        )
    if not access.serves_credentials:
        notes.append(
            f"Containers find the studio at {access.host}, from where AWS SDKs take no "
            "credentials over plain HTTP: keys are put into their environment, good for as long "
            "as a job may run and for 30 days in an endpoint."
        )
    if info.get("CgroupVersion") == "1":
        notes.append("cgroup v1: limits work; memory pressure is not reported.")
    if not info.get("PidsLimit", True):
        notes.append("The kernel cannot limit processes: a fork bomb would reach the machine.")
    return EngineReport(
        engine.name,
        reachable=True,
        version=info.get("ServerVersion"),
        storage_driver=info.get("Driver"),
        cgroup_version=info.get("CgroupVersion"),
        paths=paths.mode,
        overlay=paths.overlay,
        access=access.host,
        gpus=engine.machine().gpus,
        notes=notes,
    )

"""What the studio asks of a container engine, and what it learns from one."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jupyter_mlstudio.compute.machine import Machine

STUDIO_LABEL = "mlstudio.studio"
"""Label of every container: the id of the studio it belongs to."""
GPU_LABEL = "mlstudio.gpus"
"""Label with the indexes of the GPUs a container has, separated by commas."""


class EngineError(Exception):
    """The engine refused or could not be reached; ``reason`` is for the user."""

    def __init__(self, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


class ImageNotFound(EngineError):
    """The image is neither here nor to be had."""


class ContentsLost(EngineError):
    """What a container wrote is gone, before it could be fetched."""


class NetworkMode(enum.Enum):
    """What a container can reach."""

    STUDIO = "studio"
    """The shared bridge: the studio's AWS and S3 ports, the internet, no other container."""
    NONE = "none"
    """Nothing at all, or only the containers of its group (an isolated job)."""
    INTERNAL = "internal"
    """A bridge without a way out, so that only the host reaches it (an isolated endpoint)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may use. ``memory`` and ``shm`` in bytes; ``cpus`` in cores."""

    cpus: float | None = None
    memory: int | None = None
    gpus: int = 0
    shm: int | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A writable host folder at ``target`` inside the container.

    What the container writes is there after :meth:`Engine.readable_tree`, once it has ended; on
    most engines at once. A ``shared`` folder may lie outside of the studio's root, in one of the
    folders that the engine was told of; it is never copied.
    """

    source: Path
    target: str
    read_only: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Overlay:
    """A read-only tree ``lower`` shown at ``target`` as a writable copy.

    What the container writes goes to ``scratch`` and never to ``lower``.
    """

    lower: Path
    scratch: Path
    target: str


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container, wholly described. ``name`` makes creation idempotent.

    ``base`` is the host folder that stands for ``/`` to process compute: the folder of a mount
    with target ``/opt/ml/model`` is ``base/opt/ml/model``.
    """

    name: str
    image: str
    base: Path
    labels: Mapping[str, str]
    command: Sequence[str] | None = None
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[Folder | Overlay] = ()
    limits: Limits = Limits()
    network: NetworkMode = NetworkMode.STUDIO
    hostname: str | None = None
    group: str | None = None
    """Containers of one group reach each other by their host names, on a network of their own."""
    port: int | None = None
    """The port a server inside listens on, where the studio must reach it."""
    user: str | None = None
    """``uid[:gid]`` instead of the image's own user."""
    read_only: bool = False
    """Mount the image's root file system read-only, with a small writable ``/tmp``."""
    drop_capabilities: bool = False
    """Drop every capability, for our own images that need none."""


class Phase(enum.Enum):
    """Where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What the engine says of a container. Times are seconds since the epoch."""

    name: str
    labels: Mapping[str, str]
    phase: Phase
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    address: tuple[str, int] | None = None
    """Host and port where ``ContainerSpec.port`` answers, from this machine."""
    error: str | None = None
    interrupted: bool = False
    """Whether it did not end by itself, but because the engine or the machine was restarted."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container uses at ``time`` (seconds since the epoch).

    ``cpu`` is seconds of one core since it started; ``memory`` is bytes in use, of at most
    ``memory_limit``; ``received`` and ``sent`` are bytes since it started, None where they cannot
    be told; ``disk`` is the percentage of the disk its folders are on that is in use.
    """

    time: float
    cpu: float
    memory: int
    memory_limit: int
    received: int | None
    sent: int | None
    disk: float | None


class LogCut(Exception):
    """What follows in a container's log is not kept: it is longer than can be read safely."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a container wrote. ``time_ns`` is since the epoch; ``text`` has no newline."""

    time_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """The ports containers find the studio at: AWS services, S3 and the inference gateway."""

    port: int
    s3_port: int
    gateway_port: int


@dataclass(frozen=True, slots=True)
class Access:
    """How code inside a container reaches the studio.

    ``environment`` holds the endpoints the AWS SDKs need; credentials and region are added by
    the caller. ``listen`` is the address of this machine the three services must listen on for
    that. AWS SDKs take credentials over plain HTTP only where ``host`` is 169.254.170.2 or
    loopback (:attr:`serves_credentials`).
    """

    host: str
    environment: Mapping[str, str]
    listen: str = "127.0.0.1"

    @property
    def serves_credentials(self) -> bool:
        """Whether SDKs accept ``AWS_CONTAINER_CREDENTIALS_FULL_URI`` with :attr:`host`."""
        return self.host in ("169.254.170.2", "127.0.0.1", "localhost")


def sdk_endpoints(host: str, settings: AccessSettings) -> dict[str, str]:
    """Return the variables that send AWS SDKs to the studio at ``host``."""
    s3 = f"http://{host}:{settings.s3_port}"
    return {
        "AWS_ENDPOINT_URL": f"http://{host}:{settings.port}",
        "AWS_ENDPOINT_URL_S3": s3,
        "S3_ENDPOINT_URL": s3,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://{host}:{settings.gateway_port}",
        "NO_PROXY": f"{host},localhost,127.0.0.1",
    }


class Engine(Protocol):
    """A container engine. Every method may block; every effect is idempotent by name.

    Raises :class:`EngineError` (``retryable`` when the engine could not be reached).
    """

    name: str
    """``docker`` or ``process``; shown to the user."""
    note: str | None
    """What the user should know about running on this engine."""

    def access(self) -> Access:
        """Return how containers reach the studio, making the networks they need."""

    def machine(self) -> Machine:
        """Return what containers can use in all."""

    def ensure_image(self, image: str) -> None:
        """Have the image here, pulling it where that is allowed, else raise ImageNotFound."""

    def start(self, spec: ContainerSpec) -> None:
        """Create and start the container unless one of that name exists already."""

    def inspect(self, name: str) -> ContainerState | None:
        """Return the state, or None when there is no such container."""

    def owned(self) -> list[ContainerState]:
        """Return every container that carries this studio's id."""

    def stop(self, name: str, grace: int) -> None:
        """Send SIGTERM, and SIGKILL after ``grace`` seconds; returns at once. Unknown: no-op."""

    def remove(self, name: str) -> None:
        """Remove the container with its volumes, killing it if need be. Unknown: no-op."""

    def logs(self, name: str, since_ns: int = 0) -> Iterator[LogLine]:
        """Follow stdout and stderr from the first line later than ``since_ns`` to the end.

        Raises :class:`LogCut` where the rest of a very long log would have gaps.
        """

    def stats(self, name: str) -> Usage | None:
        """Return what a container uses, or None when it does not run. May take a second."""

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call ``changed(name)`` from a thread whenever an owned container starts or ends."""

    def image_exists(self, image: str) -> bool:
        """Say whether the image is here (for process compute: whether it can stand in for it)."""

    def rename(self, name: str, new: str) -> None:
        """Give a container another name. Raises :class:`EngineError` when it is gone."""

    def command(self, image: str) -> tuple[list[str], list[str]]:
        """Return the entrypoint and the command that an image has of its own."""

    def remove_group(self, group: str) -> None:
        """Remove the network of a group whose containers are gone."""

    def groups(self) -> list[str]:
        """Return the groups that have a network and belong to this studio."""

    def prepare(self) -> None:
        """Find out what the first container would have to wait for."""

    def shares_fifos(self) -> bool:
        """Say whether a FIFO in a mounted folder connects containers with processes of ours."""

    def remove_tree(self, path: Path) -> None:
        """Delete a folder whose files may belong to another user."""

    def readable_tree(self, path: Path) -> None:
        """Have what ended containers wrote below a folder there, readable to this process.

        Raises ContentsLost when it is gone.
        """

    def tidy(self) -> None:
        """Remove what earlier processes of this studio were killed in the middle of."""

    def close(self) -> None:
        """Stop watching. Containers go on."""

"""Containers in a Docker engine, found by their names and labels alone."""

from __future__ import annotations

import logging
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import docker
import docker.errors

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.compute import docker_spec, machine
from jupyter_mlstudio.compute.docker_client import (
    CONTROL_TIMEOUT,
    HELPER_LABEL,
    PROCESS,
    PROCESS_LABEL,
    DockerClient,
    Gone,
    unless_already,
)
from jupyter_mlstudio.compute.docker_creator import Creator
from jupyter_mlstudio.compute.docker_events import Watcher
from jupyter_mlstudio.compute.docker_files import HelperContainer, Mounts
from jupyter_mlstudio.compute.docker_images import Images
from jupyter_mlstudio.compute.docker_logs import (
    cut_after,
    join_lines,
    read_frames,
    since_parameter,
)
from jupyter_mlstudio.compute.docker_network import Networks
from jupyter_mlstudio.compute.docker_spec import LOG_FILE, read_state
from jupyter_mlstudio.compute.docker_stats import read_usage
from jupyter_mlstudio.compute.docker_volumes import containers_away, remove_volume
from jupyter_mlstudio.compute.machine import Machine
from jupyter_mlstudio.compute.paths import PathMap, probe_paths
from jupyter_mlstudio.compute.protocol import (
    STUDIO_LABEL,
    Access,
    AccessSettings,
    ContainerSpec,
    ContainerState,
    EngineError,
    LogLine,
    Phase,
    Usage,
)
from jupyter_mlstudio.compute.trees import make_readable

log = logging.getLogger(__name__)


class DockerEngine:
    """The :class:`~jupyter_mlstudio.compute.protocol.Engine` on a Docker engine.

    Nothing is asked of Docker before the first call, and nothing is remembered that Docker knows.

    Parameters
    ----------
    studio_id:
        Only containers labelled with it are listed and touched.
    root:
        The studio's root; only folders below it are mounted.
    access:
        The ports containers find the studio at.
    client:
        Connection to the engine; by default the one ``docker`` itself would use.
    pull:
        Whether an image that is not here may be pulled.
    paths:
        How the engine sees ``root``; by default it is asked.
    shared:
        Folders outside of ``root`` that may be mounted where a mount asks for it.
    """

    name = "docker"
    note: str | None = None

    def __init__(
        self,
        studio_id: str,
        *,
        root: Path,
        access: AccessSettings,
        client: DockerClient | None = None,
        pull: bool = False,
        paths: PathMap | None = None,
        shared: Sequence[Path] = (),
    ) -> None:
        self.studio_id = studio_id
        self.root = root.resolve()
        self._access = access
        self._client = client or DockerClient()
        self._networks = Networks(self._client, studio_id)
        self._images = Images(self._client, pull=pull)
        self._helper = HelperContainer(self._client, studio_id)
        self._creator = Creator(
            self._client, studio_id, self._networks, self._images, self._mounts, self.owned
        )
        self._paths = paths
        self._shared = shared
        self._lock = threading.RLock()
        self._starting: dict[str, threading.Lock] = {}
        self._stopping: dict[str, float] = {}
        self._kept: set[str] = set()
        self._watcher: Watcher | None = None

    def access(self) -> Access:
        """Return how containers reach the studio, making the networks they need."""
        return self._networks.access(self._access)

    @property
    def paths(self) -> PathMap:
        """How the engine sees the studio's files (asked once)."""
        with self._lock:
            if self._paths is None:
                self._paths = probe_paths(self._client, self.root, self.studio_id)
            return self._paths

    def machine(self) -> Machine:
        """Return what the engine has to run containers with."""
        info = self.info()
        return Machine(float(info["NCPU"]), int(info["MemTotal"]), machine.gpus())

    def info(self) -> dict[str, Any]:
        """Return what the engine says of itself."""
        with self._client.api() as api:
            found: dict[str, Any] = api.info()
        return found

    def image_exists(self, image: str) -> bool:
        """Say whether the image is on this engine."""
        return self._images.exists(image)

    def ensure_image(self, image: str) -> None:
        """Have the image here, pulling it where that is allowed."""
        self._images.ensure(image)

    def start(self, spec: ContainerSpec) -> None:
        """Create and start the container, or go on from where an earlier start was cut off."""
        with self._alone(spec.name):
            state = self.inspect(spec.name)
            made = state is None and self._creator.create(spec)
            reached("docker.created")
            if state is None and not made:
                state = self.inspect(spec.name)
        if made or (state is not None and state.phase is Phase.CREATED):
            self._creator.name_in_group(spec)
            reached("docker.connected")
            self._start(spec.name)
            reached("docker.started")
        elif state is not None and state.started_at is None and state.error:
            raise EngineError(state.error)

    def inspect(self, name: str) -> ContainerState | None:
        """Return the state, or None when there is no such container."""
        with self._client.api() as api:
            try:
                state = read_state(api.inspect_container(name))
            except docker.errors.NotFound:
                return None
            state = docker_spec.with_interruption(api, state)
        if state.labels.get(STUDIO_LABEL) != self.studio_id:
            raise EngineError(f"The container {name} belongs to somebody else.")
        return state

    def owned(self) -> list[ContainerState]:
        """Return every container that carries this studio's id."""
        with self._client.api() as api:
            found = api.containers(all=True, filters={"label": f"{STUDIO_LABEL}={self.studio_id}"})
        states = (self.inspect(entry["Names"][0].removeprefix("/")) for entry in found)
        return [state for state in states if state is not None]

    def stop(self, name: str, grace: int) -> None:
        """Send SIGTERM, and SIGKILL after ``grace`` seconds; returns at once.

        Docker itself keeps the time, so a stop goes on when the studio ends meanwhile. Of several
        stops the one that is up first counts.
        """
        state = self.inspect(name)
        if state is None or state.phase is not Phase.RUNNING:
            return
        deadline = time.monotonic() + grace
        with self._lock:
            if self._stopping.get(name, math.inf) <= deadline:
                return
            self._stopping[name] = deadline
        threading.Thread(target=self._stop, args=(name, grace), daemon=True).start()

    def remove(self, name: str) -> None:
        """Remove the container with its volumes, killing it if need be."""
        self.inspect(name)
        with self._client.api() as api:
            unless_already(lambda: api.remove_container(name, force=True, v=True))
        reached("docker.removed")
        kept = self._mounts(name).remove()
        with self._lock:
            self._kept.update(kept)
            self._starting.pop(name, None)

    def rename(self, name: str, new: str) -> None:
        """Give a container another name. Raises :class:`EngineError` when it is gone."""
        self.inspect(name)
        with self._client.api() as api:
            api.rename(name, new)

    def command(self, image: str) -> tuple[list[str], list[str]]:
        """Return the entrypoint and the command that an image has of its own."""
        return self._images.command(image)

    def remove_group(self, group: str) -> None:
        """Remove the network of a group whose containers are gone."""
        self._networks.remove_group(group)

    def groups(self) -> list[str]:
        """Return the groups that have a network and belong to this studio."""
        return self._networks.groups()

    def logs(self, name: str, since_ns: int = 0) -> Iterator[LogLine]:
        """Follow stdout and stderr from the first line later than ``since_ns`` to the end.

        A lost connection raises a retryable :class:`EngineError`; go on from the last line seen.
        """
        while True:
            state = self.inspect(name)
            if state is None:
                return
            if state.phase is not Phase.CREATED:
                for line in self._follow(name, since_ns):
                    since_ns = line.time_ns
                    yield line
            if state.phase is Phase.EXITED:
                return
            time.sleep(0.1)

    def stats(self, name: str) -> Usage | None:
        """Return what a container uses, or None when it does not run. May take a second."""
        disk = None if self.paths.mode == "none" else machine.disk_used(self.root)
        with self._client.api() as api:
            try:
                document = api.stats(name, stream=False, one_shot=True)
            except docker.errors.NotFound:
                return None
        return read_usage(document, disk)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call ``changed(name)`` from a thread whenever an owned container starts or ends."""
        with self._lock:
            if self._watcher is not None:
                self._watcher.stop()
            self._watcher = Watcher(
                self._client,
                f"{STUDIO_LABEL}={self.studio_id}",
                changed,
                resync=self._resync,
            )
            self._watcher.start()

    def _resync(self) -> list[str]:
        """Try volumes that were kept again; return what may have changed unseen."""
        with self._lock:
            kept = set(self._kept)
        with self._client.api() as api:
            removed = {name for name in kept if remove_volume(api, name)}
        with self._lock:
            self._kept -= removed
        return [state.name for state in self.owned()]

    def prepare(self) -> None:
        """Find out how the engine sees our files."""
        _ = self.paths

    def shares_fifos(self) -> bool:
        """Say whether FIFOs connect us with containers: where both have the same kernel."""
        # A virtual machine may share our folders, and still has FIFOs of its own.
        same = self.info()["KernelVersion"] == os.uname().release
        return same and self.paths.mode != "none"

    def remove_tree(self, path: Path) -> None:
        """Delete a folder whose files may belong to another user."""
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return
        except PermissionError:
            parent = self.paths.engine_path(path.parent)
            self._helper.run(parent, 'rm -rf -- "/tree/$0"', path.name)

    def readable_tree(self, path: Path) -> None:
        """Have what ended containers wrote below a folder there, readable to this process."""
        for container in containers_away(self.root):
            self._mounts(container).fetch(path)
        try:
            make_readable(path)
        except PermissionError:
            owner = f"{os.getuid()}:{os.getgid()}"
            script = 'chown -hR "$0" /tree; chmod -R u+rwX,a+rX /tree'
            self._helper.run(self.paths.engine_path(path), script, owner)

    def tidy(self) -> None:
        """Remove the helper containers of processes that were killed, and their volumes."""
        mine = {"label": f"{HELPER_LABEL}={self.studio_id}"}
        with self._client.api() as api:
            for found in api.containers(all=True, filters=mine):
                if found["Labels"].get(PROCESS_LABEL) != PROCESS:
                    unless_already(partial(api.remove_container, found["Id"], force=True, v=True))
            for volume in api.volumes(filters=mine)["Volumes"] or ():
                if volume["Labels"].get(PROCESS_LABEL) != PROCESS:
                    unless_already(partial(api.remove_volume, volume["Name"], force=True))

    def close(self) -> None:
        """Stop watching. Containers go on."""
        with self._lock:
            if self._watcher is not None:
                self._watcher.stop()
                self._watcher = None
        self._client.close()

    def _mounts(self, name: str) -> Mounts:
        return Mounts(self._client, self.paths, name, self.studio_id, self._shared)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Let one thread at a time start a container of this name."""
        with self._lock:
            lock = self._starting.setdefault(name, threading.Lock())
        with lock:
            yield

    def _start(self, name: str) -> None:
        with self._client.api() as api:
            unless_already(lambda: api.start(name), codes=(304,))

    def _stop(self, name: str, grace: int) -> None:
        try:
            with self._client.api() as api:
                url = f"{api.base_url}/v{api.api_version}/containers/{name}"
                if grace:
                    unless_already(lambda: api.kill(name, "SIGTERM"))
                timeout = (CONTROL_TIMEOUT, grace + 60)
                api.post(f"{url}/stop", params={"t": grace}, timeout=timeout).close()
        except EngineError as error:
            log.warning("Stopping %s: %s", name, error.reason)
        finally:
            with self._lock:
                self._stopping.pop(name, None)

    def _follow(self, name: str, since_ns: int) -> Iterator[LogLine]:
        parameters = {
            "follow": 1,
            "stdout": 1,
            "stderr": 1,
            "timestamps": 1,
            "since": since_parameter(since_ns),
        }
        with (
            suppress(Gone),
            self._client.stream(
                f"/containers/{name}/logs", parameters, read_timeout=None
            ) as response,
        ):
            frames = read_frames(response.iter_content(chunk_size=None))
            kept = cut_after(frames, LOG_FILE)
            yield from join_lines(kept, since_ns, ended=lambda: self._ended(name))

    def _ended(self, name: str) -> bool:
        state = self.inspect(name)
        return state is None or state.phase is Phase.EXITED

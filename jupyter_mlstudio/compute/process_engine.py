"""Containers without a container engine: plain processes that keep to the same contract.

Each has a folder in ``root/run/containers``, written by it and its supervisor (``shim.py``). There
is no isolation: limits of CPU, read-only mounts and other users do not exist here, and a
container that asks for network isolation is refused.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from jupyter_mlstudio._drafts import draft_of
from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.compute import machine, process_files, shim
from jupyter_mlstudio.compute.docker_logs import CUT, MAX_LINE
from jupyter_mlstudio.compute.gpus import free_gpus
from jupyter_mlstudio.compute.machine import Machine
from jupyter_mlstudio.compute.process_stats import ProcessTable, tree_usage
from jupyter_mlstudio.compute.protocol import (
    GPU_LABEL,
    STUDIO_LABEL,
    Access,
    AccessSettings,
    ContainerSpec,
    ContainerState,
    EngineError,
    ImageNotFound,
    LogLine,
    NetworkMode,
    Phase,
    Usage,
    sdk_endpoints,
)
from jupyter_mlstudio.compute.trees import make_readable

CommandFor = Callable[[str, Sequence[str]], tuple[list[str], dict[str, str]] | None]
"""(image, arguments) to (argv, environment), or None where the image needs a container engine."""

MAX_LOG = 128 * 1024**2
CAPPED = "[log capped here: longer than 128 MiB]"
OPEN_FILES = 65536
POLL = 0.1
START_TIMEOUT = 10
LOST = "The process that supervised the container was killed."


class ProcessEngine:
    """The :class:`~jupyter_mlstudio.compute.protocol.Engine` on plain processes.

    Parameters
    ----------
    studio_id:
        Put on every container as a label.
    root:
        The studio's root.
    access:
        The ports containers find the studio at.
    command_for:
        How an image's arguments are run without a container.
    note:
        Why processes are used, for the user.
    """

    name = "process"

    def __init__(
        self,
        studio_id: str,
        *,
        root: Path,
        access: AccessSettings,
        command_for: CommandFor,
        note: str | None = None,
    ) -> None:
        self.note = note
        self.studio_id = studio_id
        self._folder = root.resolve() / "run" / "containers"
        self._access = access
        self._command_for = command_for
        self._closed = threading.Event()
        self._table = ProcessTable()

    def access(self) -> Access:
        """Return how processes reach the studio: over loopback."""
        return Access("127.0.0.1", sdk_endpoints("127.0.0.1", self._access))

    def machine(self) -> Machine:
        """Return what this machine has."""
        return Machine.detect()

    def image_exists(self, image: str) -> bool:
        """Say whether this process can stand in for the image."""
        return self._command_for(image, ["train"]) is not None

    def ensure_image(self, image: str) -> None:
        """Raise :class:`ImageNotFound` where nothing stands in for the image."""
        if not self.image_exists(image):
            raise _needs_docker(image)

    def start(self, spec: ContainerSpec) -> None:
        """Start the process unless a container of that name was started before."""
        if spec.network is not NetworkMode.STUDIO:
            raise EngineError(
                "Network isolation needs a container engine: this studio runs containers as plain "
                "processes, which cannot be cut off. Install Docker or drop the isolation."
            )
        if spec.group:
            raise EngineError(
                "Several instances need a container engine: this studio runs containers as plain "
                "processes, which have no host names. Install Docker or use one instance."
            )
        folder = self._folder / spec.name
        if not folder.exists():
            self._create(spec, folder)
            reached("process.created")
        if not (folder / "state.json").exists():
            _launch(folder)
            reached("process.launched")

    def inspect(self, name: str) -> ContainerState | None:
        """Return the state, or None when there is no such container."""
        folder = self._folder / name
        try:
            spec = json.loads((folder / "spec.json").read_text())
        except FileNotFoundError:
            return None
        found = _read_state(folder)
        if found is None:
            return ContainerState(name=name, labels=spec["labels"], phase=Phase.CREATED)
        ended = "exit_code" in found
        return ContainerState(
            name=name,
            labels=spec["labels"],
            phase=Phase.EXITED if ended else Phase.RUNNING,
            exit_code=found.get("exit_code"),
            oom_killed=found.get("oom_killed", False),
            started_at=found["started_at"],
            finished_at=found.get("finished_at"),
            address=("127.0.0.1", spec["port"]) if spec["port"] and not ended else None,
            error=found.get("error"),
        )

    def owned(self) -> list[ContainerState]:
        """Return every container of this studio."""
        folders = sorted(self._folder.iterdir()) if self._folder.exists() else []
        states = (self.inspect(folder.name) for folder in folders if folder.name[0] != ".")
        return [state for state in states if state is not None]

    def stop(self, name: str, grace: int) -> None:
        """Send SIGTERM, and have the supervisor send SIGKILL after ``grace`` seconds."""
        folder = self._folder / name
        found = _read_state(folder)
        if found is None or "exit_code" in found:
            return
        (folder / "grace").write_text(str(grace))
        with suppress(ProcessLookupError):
            os.kill(found["pid"], signal.SIGTERM)

    def remove(self, name: str) -> None:
        """Kill the process if need be and forget it, its log too."""
        folder = self._folder / name
        if not folder.exists():
            return
        self.stop(name, 0)
        held = shim.lock(folder, patience=START_TIMEOUT)
        if held is None:
            raise EngineError(f"The process of {name} does not end.", retryable=True)
        os.close(held)
        draft = draft_of(folder)
        folder.rename(draft)
        try:
            reached("process.removing")
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def logs(self, name: str, since_ns: int = 0) -> Iterator[LogLine]:
        """Follow the output from the first line later than ``since_ns`` to the end."""
        folder = self._folder / name
        while (state := self.inspect(name)) and not (folder / "log").exists():
            if state.phase is Phase.EXITED:
                return
            time.sleep(POLL)
        try:
            file = (folder / "log").open("rb")
        except FileNotFoundError:
            return
        with file:
            for record in self._records(file, name):
                stamp, _, text = record.partition(b" ")
                if int(stamp) > since_ns:
                    yield LogLine(int(stamp), text.decode("utf-8", "replace"))

    def stats(self, name: str) -> Usage | None:
        """Return what the processes of a container use, or None when it does not run."""
        folder = self._folder / name
        found = _read_state(folder)
        if found is None or "exit_code" in found:
            return None
        limit = json.loads((folder / "spec.json").read_text())["memory"]
        disk = machine.disk_used(self._folder)
        return tree_usage(self._table.below(found["pid"]), limit or Machine.detect().memory, disk)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call ``changed(name)`` from a thread whenever a container starts or ends."""
        threading.Thread(
            target=self._watch, args=(changed,), name="process-events", daemon=True
        ).start()

    def rename(self, name: str, new: str) -> None:
        """Refuse: a process keeps its name."""
        raise EngineError(f"The process {name} cannot be renamed to {new}.")

    def command(self, image: str) -> tuple[list[str], list[str]]:
        """Return nothing: what stands in for an image has no entrypoint."""
        return [], []

    def remove_group(self, group: str) -> None:
        """Do nothing: processes have no networks."""

    def groups(self) -> list[str]:
        """Return nothing: processes have no networks."""
        return []

    def prepare(self) -> None:
        """Do nothing: processes see what we see."""

    def shares_fifos(self) -> bool:
        """Say that processes share FIFOs."""
        return True

    def remove_tree(self, path: Path) -> None:
        """Delete a folder; everything in it is ours."""
        with suppress(FileNotFoundError):
            make_readable(path)
            shutil.rmtree(path)

    def readable_tree(self, path: Path) -> None:
        """Make a folder that a process wrote readable."""
        make_readable(path)

    def tidy(self) -> None:
        """Do nothing: what is half made here are drafts, and looked for as such."""

    def close(self) -> None:
        """Stop watching. Processes go on."""
        self._closed.set()

    def _create(self, spec: ContainerSpec, folder: Path) -> None:
        given = [*(spec.entrypoint or ()), *(spec.command or ())]
        command = self._command_for(spec.image, process_files.arguments(given, spec.base))
        if command is None:
            raise _needs_docker(spec.image)
        argv, extra = command
        process_files.place_mounts(spec)
        gpus = free_gpus(spec.limits.gpus, self.owned())
        port = _free_port() if spec.port else None
        visible = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}
        document = {
            "argv": argv,
            "cwd": str(spec.base),
            "environment": process_files.environment(spec, {**visible, **extra}, port),
            "labels": {**spec.labels, STUDIO_LABEL: self.studio_id, GPU_LABEL: ",".join(gpus)},
            "port": port,
            "memory": spec.limits.memory,
            "open_files": min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            "max_line": MAX_LINE,
            "cut": CUT,
            "max_log": MAX_LOG,
            "capped": CAPPED,
        }
        _publish(document, folder)

    def _records(self, file: Any, name: str) -> Iterator[bytes]:  # noqa: ANN401 - a binary file
        rest = b""
        ended = False
        while True:
            data = file.read(1 << 20)
            *records, rest = (rest + data).split(b"\n")
            yield from records
            if data:
                continue
            if ended:
                return
            state = self.inspect(name)
            ended = state is None or state.phase is Phase.EXITED
            if not ended:
                time.sleep(POLL)

    def _watch(self, changed: Callable[[str], None]) -> None:
        known: dict[str, Phase] = {}
        while not self._closed.is_set():
            current = {state.name: state.phase for state in self.owned()}
            for name in current.keys() | known.keys():
                if current.get(name) is not known.get(name):
                    changed(name)
            known = current
            self._closed.wait(POLL)


def _publish(document: Mapping[str, Any], folder: Path) -> None:
    """Make the container's folder appear with its specification inside, in one step."""
    draft = draft_of(folder)
    draft.mkdir(parents=True, mode=0o700)
    try:
        (draft / "spec.json").write_text(json.dumps(document))
        reached("process.drafted")
        draft.rename(folder)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        # Another thread may have been faster; its container is as good.
        if not folder.exists():
            raise


def _launch(folder: Path) -> None:
    with (folder / "shim.err").open("ab") as errors:
        subprocess.run(
            [sys.executable, "-I", "-S", shim.__file__, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            timeout=START_TIMEOUT,
            check=True,
        )
    end = time.monotonic() + START_TIMEOUT
    while not (folder / "state.json").exists():
        if time.monotonic() > end:
            reason = (folder / "shim.err").read_text(errors="replace").strip()
            raise EngineError(f"The process did not start: {reason or 'no answer'}", retryable=True)
        time.sleep(0.01)


def _read_state(folder: Path) -> dict[str, Any] | None:
    """Return the recorded state; where the supervisor died without a word, settle that."""
    found = _load(folder)
    if found is None or "exit_code" in found:
        return found
    held = shim.lock(folder, patience=0)
    if held is None:
        return found
    try:
        found = _load(folder)
        if found is not None and "exit_code" not in found:
            _kill_marked(folder.name)
            found.update(exit_code=137, finished_at=time.time(), error=LOST)
            shim.write_state(folder, found)
        return found
    finally:
        os.close(held)


def _load(folder: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads((folder / "state.json").read_text())
    except FileNotFoundError:
        return None
    return document


def _kill_marked(name: str) -> None:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(process_files.MARK) == name:
                process.kill()


def _needs_docker(image: str) -> ImageNotFound:
    return ImageNotFound(
        f"The image {image} needs Docker: without a container engine the studio runs only its own "
        "images, as plain processes."
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

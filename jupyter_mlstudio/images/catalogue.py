"""Which of the studio's images stands for a URI, and how it runs without a container engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).parent
RUNTIME = HERE / "runtime"
COMMON = HERE / "requirements.txt"
"""What every image holds."""
REPOSITORY = "mlstudio"

_OURS = re.compile(rf"{REPOSITORY}/(?P<name>[a-z0-9-]+)(:[\w.-]+)?")
_COMMANDS = ("train", "serve", "check")
_ECR = (
    r"(\d{12}\.dkr\.ecr\.[a-z0-9-]+\."
    r"(amazonaws\.(com(\.cn)?|eu)|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)/)?"
)


def image_for(uri: str, overrides: Path | None = None) -> str | None:
    """Return the image of ours that stands for ``uri``, or None where the URI is a user's own.

    Parameters
    ----------
    uri:
        As requests name images, e.g. what ``image_uris.retrieve`` of the SageMaker SDK returns.
    overrides:
        A table of the form of ``images.json`` that comes before ours; it need not exist. An
        entry whose ``image`` is null leaves a URI as it is.
    """
    if _OURS.fullmatch(uri):
        return uri
    tables = [path for path in (overrides, HERE / "images.json") if path and path.exists()]
    for path in tables:
        for pattern, image in _table(path, path.stat().st_mtime_ns):
            if re.fullmatch(pattern, uri):
                return image
    return None


def expressions(image: str) -> list[str]:
    """Return the regular expressions of the URIs that an image of ours stands for by itself."""
    path = HERE / "images.json"
    return [uri for uri, each in _table(path, path.stat().st_mtime_ns) if each == image]


def process_command(image: str, argv: Sequence[str]) -> tuple[list[str], dict[str, str]] | None:
    """Return command and environment to run an image of ours as a plain process.

    None for an image that is not ours. A command other than the runtime's own runs as it is,
    with this Python first on the path. The process engine adds ``SAGEMAKER_BASE_DIR``.
    """
    match = _OURS.fullmatch(image)
    if not match or match["name"] not in names():
        return None
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {
        "MLSTUDIO_BIND_HOST": "127.0.0.1",
        "MLSTUDIO_FRAMEWORK": match["name"],
        "MLSTUDIO_SHARED_PYTHON": "1",
        "PATH": path,
        "PYTHONPATH": str(RUNTIME),
        "PYTHONUNBUFFERED": "1",
    }
    if not argv or argv[0] in _COMMANDS:
        return [sys.executable, "-m", "mlstudio_runtime", *(argv or ["train"])], environment
    return list(argv), environment


def lacking(name: str) -> str | None:
    """Say what this Python lacks to run an image of ours as a plain process, and how to get it."""
    command = process_command(f"{REPOSITORY}/{name}", ["check"])
    if command is None:
        return f"There is no image '{name}'."
    argv, environment = command
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() if done.returncode else None


def names() -> list[str]:
    """Return the names of the images we can build."""
    return sorted(path.parent.name for path in HERE.glob("*/requirements.txt"))


@lru_cache(maxsize=8)
def _table(path: Path, _changed: int) -> list[tuple[str, str | None]]:
    """Read a table once for each time the file has changed."""
    entries = json.loads(path.read_text())["images"]
    return [(entry["uri"].replace("{ecr}", _ECR), entry["image"]) for entry in entries]

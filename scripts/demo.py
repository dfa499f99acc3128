"""Run the quickstart notebook on a studio and print what it prints, cell by cell."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import docker
import docker.errors
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_mlstudio.core.settings import default_root, load_settings
from jupyter_mlstudio.images.build import list_images
from jupyter_mlstudio.server.handlers import quickstart
from jupyter_mlstudio.studio import client, kernels

NOTEBOOK = quickstart.NOTEBOOK


class Printing(NotebookClient):
    """Prints outputs while they arrive."""

    def process_message(self, msg, cell, cell_index):  # noqa: ANN001, ANN201 - nbclient's own
        """Show text the kernel sends, then let nbclient file it."""
        content = msg["content"]
        if msg["msg_type"] == "stream":
            print(content["text"], end="", flush=True)
        elif msg["msg_type"] == "execute_result":
            print(content["data"].get("text/plain", ""), flush=True)
        return super().process_message(msg, cell, cell_index)


def _compute(wanted: str) -> str:
    """Return the compute to use: processes where Docker answers but the image is not to be had."""
    if wanted != "auto":
        return wanted
    try:
        docker.from_env(timeout=10).ping()
    except docker.errors.DockerException:
        return wanted
    if any(image.tag for image in list_images()):
        return wanted
    print(
        "Docker answers, but the image is not built: jobs run as plain processes. Later: "
        "jupyter mlstudio images build xgboost && jupyter mlstudio start --compute docker"
    )
    return "process"


def main() -> int:
    """Run the notebook; return 1 when a cell fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=default_root())
    parser.add_argument("--compute", choices=["auto", "docker", "process"], default="auto")
    parser.add_argument("--output", type=Path, help="where to keep the executed notebook")
    options = parser.parse_args()
    settings = load_settings(options.root, compute=_compute(options.compute))
    client.ensure(settings)
    os.environ.update(kernels.choose(settings))
    for name in kernels.OVERRULING:
        os.environ.pop(name, None)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    try:
        Printing(notebook, timeout=900, kernel_name="python3").execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if options.output:
            nbformat.write(notebook, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

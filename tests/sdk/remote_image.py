"""An image in which functions of an SDK can run: scikit-learn's, with the SDK beside it.

``@remote`` needs the client's own SDK and Python in the container. The SDK has pip look for itself
and for all it declares; nothing here needs an index for that, so the image says that nothing is
missing and that there is none.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import docker

BASE = "mlstudio/sklearn:latest"
TAG = "mlstudio-test/sdk"
RECIPE = f"FROM {BASE}\nCOPY sdk /opt/sdk\nENV PYTHONPATH=/opt/sdk PIP_NO_INDEX=1\n"
IN_BASE = ("boto3", "botocore", "cloudpickle", "dateutil", "jmespath", "numpy", "pandas", "pip")
IN_BASE += ("python_dateutil", "s3transfer", "setuptools", "six", "urllib3", "_distutils")


def build(environment: Path, sdk: str) -> str:
    """Build the image from the packages of an SDK's environment; return its tag."""
    (packages,) = environment.glob("lib/python3*/site-packages")
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        _add(tar, "Dockerfile", RECIPE.encode())
        for path in sorted(packages.iterdir()):
            if not path.name.startswith(IN_BASE):
                tar.add(path, f"sdk/{path.name}", filter=_wanted)
                if path.suffix == ".dist-info":
                    lines = (path / "METADATA").read_bytes().splitlines(keepends=True)
                    kept = [line for line in lines if not line.startswith(b"Requires-Dist:")]
                    _add(tar, f"sdk/{path.name}/METADATA", b"".join(kept))
    context.seek(0)
    client = docker.from_env()
    client.images.build(fileobj=context, custom_context=True, tag=f"{TAG}-{sdk}", rm=True)
    client.close()
    return f"{TAG}-{sdk}"


def _wanted(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    unwanted = info.name.endswith((".dist-info/METADATA", "__pycache__"))
    return None if unwanted else info


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))

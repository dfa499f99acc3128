"""Images in which functions of an SDK can run: scikit-learn's, with the SDK beside it.

``@remote`` needs the client's own SDK and Python in the container. That of v2 has pip look for the
SDK and for all it declares, so the image says that it needs nothing else. That of v3 needs
``sagemaker-core``, and asks pip for nothing.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import docker

BASE = "mlstudio/sklearn:latest"
TAG = "mlstudio-test/sdk"
MADE_OF = "mlstudio-test.made-of"
"""Label of an image: the environment and the base that it was made of."""
RECIPE = f"FROM {BASE}\nCOPY sdk /opt/sdk\nENV PYTHONPATH=/opt/sdk\n"
IN_BASE = ("boto3", "botocore", "cloudpickle", "dateutil", "jmespath", "numpy", "pandas", "pip")
IN_BASE += ("python_dateutil", "s3transfer", "setuptools", "six", "urllib3", "_distutils")
CORE = ("_cffi_backend", "annotated_types", "attr", "bcrypt", "certifi", "charset_normalizer")
CORE += ("cryptography", "idna", "importlib_metadata", "jsonschema", "packaging", "platformdirs")
CORE += ("pydantic", "pygments", "pytz", "referencing", "requests", "rich", "rpds", "sagemaker")
CORE += ("tblib", "typing_extensions", "typing_inspection", "yaml", "zipp")
NOT_CORE = tuple(f"sdk/sagemaker/{each}" for each in ("ai_registry", "mlops", "serve", "train"))


def build(environment: Path, sdk: str) -> str:
    """Build the image from the packages of an SDK's environment unless it is here; return its tag.

    ``environment`` is a folder whose name tells its contents.
    """
    tag = f"{TAG}-{sdk}"
    client = docker.from_env()
    made_of = f"{environment.name} {client.images.get(BASE).id}"
    if not client.images.list(tag, filters={"label": f"{MADE_OF}={made_of}"}):
        client.images.build(
            fileobj=_context(environment, sdk),
            custom_context=True,
            tag=tag,
            rm=True,
            labels={MADE_OF: made_of},
        )
    client.close()
    return tag


def _context(environment: Path, sdk: str) -> io.BytesIO:
    (packages,) = environment.glob("lib/python3*/site-packages")
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        _add(tar, "Dockerfile", RECIPE.encode())
        for path in sorted(packages.iterdir()):
            if path.name.startswith(IN_BASE) or (sdk == "v3" and not path.name.startswith(CORE)):
                continue
            tar.add(path, f"sdk/{path.name}", filter=_wanted)
            if path.suffix == ".dist-info":
                lines = (path / "METADATA").read_bytes().splitlines(keepends=True)
                kept = [line for line in lines if not line.startswith(b"Requires-Dist:")]
                _add(tar, f"sdk/{path.name}/METADATA", b"".join(kept))
    context.seek(0)
    return context


def _wanted(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    unwanted = info.name.endswith((".dist-info/METADATA", "__pycache__"))
    return None if unwanted or info.name in NOT_CORE else info


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))

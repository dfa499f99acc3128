"""The files of a root: each has its place, and none shows a secret."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from jupyter_mlstudio.core.settings import Settings
from jupyter_mlstudio.endpoints.artifacts import _owner
from jupyter_mlstudio.endpoints.plan import serving
from jupyter_mlstudio.jobs.s3uri import S3Uri
from jupyter_mlstudio.wire.keys import KeyRing

from .rows import Rows

UID = "[0-9a-f]{16}"
LAYOUT = (
    r"studio\.json",
    r"database\.json",
    r"copies/(\d{8}T\d{6}Z\.db)?",
    r"secrets/(master\.key)?",
    rf"secrets/sessions/({UID})?",
    r"db/(studio\.db(-wal|-shm|-open)?)?",
    r"kernel/(aws-config)?",
    r"kernel/(python|sagemaker)/(sitecustomize\.py|config\.yaml)?",
    r"kernel/python/__pycache__/.*",
    r"objects/(journal|lock|running|objects\.db(-wal|-shm)?)?",
    r"objects/incoming/",
    r"objects/data/([0-9a-f]{2}/([0-9a-f]{32})?)?",
    r"logs/(\d{12}/([a-z0-9-]+/)?)?",
    r"logs/\d{12}/[a-z0-9-]+/[^/.]+/(\.group\.json|(\.flat|[^/.]+)/([^/.]+)?)?",
    r"run/(studio\.(json|lock|log)|(s3|gateway)\.(json|log)|jupyter\.log)?",
    rf"run/containers/(mls-[0-9a-f]+-{UID}-[0-9-]+/.*)?",
    rf"run/volumes/(mls-[0-9a-f]+-{UID}-[0-9-]+\.json)?",
    r"gateway/(routes\.json|state\.json|metrics/([0-9T]+-\d+\.jsonl)?)?",
    rf"jobs/({UID}/.*)?",
    r"models/([0-9a-f]{24}/([0-9a-f]{24}/.*)?)?",
    r"fetched/(cache/([0-9a-f]{2}/([0-9a-f]{64})?)?|relay/.*)?",
)
"""All that there is in the root of a studio at rest, folders with a slash at the end."""

_DEEP = re.compile(r"(jobs|models/[0-9a-f]{24}|run/containers)/[^/]+/")
"""Folders that jobs fill as they like: not looked into."""
_LOGS = 64 << 20


def paths(root: Path) -> Iterator[str]:
    """Yield the paths below a root, folders with a slash at the end."""
    for folder, folders, files in os.walk(root):
        below = os.path.relpath(folder, root)
        prefix = "" if below == "." else f"{below}/"
        yield from (prefix + name for name in files)
        yield from (f"{prefix}{name}/" for name in folders)
        folders[:] = [name for name in folders if not _DEEP.fullmatch(f"{prefix}{name}/")]


def leftovers(settings: Settings, rows: Rows) -> Iterator[str]:
    """There is nothing but what is listed, and only for what is live."""
    known = re.compile("|".join(f"(?:{pattern})" for pattern in (*LAYOUT, "[a-z]+/")))
    for path in paths(settings.root):
        if not known.fullmatch(path):
            yield f"{path} does not belong into the root"
    for folder in ("jobs", "secrets/sessions"):
        place = settings.root / folder
        for path in place.iterdir() if place.is_dir() else ():
            if path.name not in rows.live:
                yield f"{folder}/{path.name} is left of what has ended or is gone"
    yield from _models(settings, rows)


def _models(settings: Settings, rows: Rows) -> Iterator[str]:
    plans = [p for e in rows.of("Endpoint") for p in (e.wish["Plan"], serving(e)) if p]
    data = [
        variant["Container"]["ModelData"]
        for plan in plans
        for variant in plan["Variants"]
        if "ModelData" in variant["Container"]
    ]
    wanted = {_owner(S3Uri.parse(d["Uri"], "modelDataUrl"), d["Form"]) for d in data}
    place = settings.root / "models"
    for path in place.iterdir() if place.is_dir() else ():
        if path.name not in wanted:
            yield f"models/{path.name} is unpacked for no endpoint"


def secrets(settings: Settings, rows: Rows) -> Iterator[str]:
    """Neither logs nor rows show the master key or a secret access key."""
    master = settings.master_key.read_bytes()
    ring = KeyRing.load(settings.master_key)
    keys = [
        ring.user_key(settings.account, arn) for arn in (settings.user_arn, settings.kernel_arn)
    ]
    hidden = [master, master.hex().encode(), *(key.secret_key.encode() for key in keys)]
    for path in (*settings.run.glob("*.log"), *settings.root.glob("logs/*/*/*/*/*")):
        with path.open("rb") as file:
            data = file.read(_LOGS)
        temporary = {ring._secret(key.decode()).encode() for key in _TEMPORARY.findall(data)}
        if any(secret in data for secret in (*hidden, *temporary)):
            yield f"{path} shows a secret"
    for resource in rows.resources.values():
        text = json.dumps([resource.wish, resource.facts]).encode()
        if any(secret in text for secret in hidden):
            yield f"The row of {resource.kind} {resource.name} shows a secret"


_TEMPORARY = re.compile(rb"ASIA[A-Z2-7]{16}")

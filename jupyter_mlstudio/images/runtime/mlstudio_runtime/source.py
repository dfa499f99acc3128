"""Fetching and unpacking the user's code."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from .outcome import UserError


def place_code(location: str, target: Path) -> None:
    """Put the code at ``location`` into the folder ``target`` unless that has files already.

    ``location`` is an S3 URI of a ``tar.gz``, a path or ``file://`` URL of one, a folder or a
    single file.

    Raises
    ------
    UserError
        There is nothing at ``location``, or the archive would write outside ``target``.
    """
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        return
    if location.startswith("s3://"):
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "source.tar.gz"
            _download(location, archive)
            _unpack(archive, target)
        return
    path = Path(location.removeprefix("file://"))
    if not path.exists():
        raise UserError(f"There is no code at '{location}' (sagemaker_submit_directory).")
    if path.is_dir():
        if path.resolve() != target.resolve():
            shutil.copytree(path, target, dirs_exist_ok=True)
    elif tarfile.is_tarfile(path):
        _unpack(path, target)
    else:
        shutil.copy2(path, target)


def _download(uri: str, path: Path) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    parts = urlsplit(uri)
    client = boto3.client(
        "s3",
        region_name=os.environ.get("AWS_REGION") or os.environ.get("SAGEMAKER_REGION") or None,
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("S3_ENDPOINT_URL"),
    )
    try:
        client.download_file(parts.netloc, parts.path.lstrip("/"), str(path))
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"The code at '{uri}' cannot be fetched: {error}") from error


def _unpack(archive: Path, target: Path) -> None:
    # Debian bookworm's Python has no extraction filters yet, so what they refuse is refused here.
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                _check(member)
            tar.extractall(target, members=members)  # noqa: S202 - every member was checked
    except tarfile.TarError as error:
        raise UserError(f"The code archive cannot be unpacked: {error}") from error


def _check(member: tarfile.TarInfo) -> None:
    """Refuse a member that is no file, folder or link within the folder it is unpacked to."""
    inside = [member.name]
    if member.issym():
        inside.append(os.path.join(os.path.dirname(member.name), member.linkname))
    elif member.islnk():
        inside.append(member.linkname)
    elif not (member.isfile() or member.isdir()):
        raise UserError(f"The code archive holds '{member.name}', which is a device or a pipe.")
    for path in inside:
        if os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == os.pardir:
            raise UserError(f"The code archive holds '{member.name}', which leads out of it.")

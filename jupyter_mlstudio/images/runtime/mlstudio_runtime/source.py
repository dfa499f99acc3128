"""Fetching and unpacking the user's code."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zlib
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


_UNREADABLE = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error)
"""What an archive may raise: cut off, packed wrongly, or with names that no file can have."""


def _unpack(archive: Path, target: Path) -> None:
    root = target.resolve()
    try:
        with tarfile.open(archive) as tar:
            # Debian bookworm's Python has no extraction filters yet, hence the check beside it.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            for member in tar:
                _check(member, root)
                tar.extract(member, root)
    except _UNREADABLE as error:
        raise UserError(f"The code archive cannot be unpacked: {error}") from error


def _check(member: tarfile.TarInfo, root: Path) -> None:
    """Refuse a member that is no file, folder or link, or that leads out of ``root``.

    Links that were unpacked before are followed, so that a chain of them leads nowhere else.
    """
    path = root / member.name
    targets = [path.parent.resolve() / path.name]
    if member.issym():
        targets.append((path.parent / member.linkname).resolve())
    elif member.islnk():
        targets.append((root / member.linkname).resolve())
    elif not (member.isfile() or member.isdir()):
        raise UserError(f"The code archive holds '{member.name}', which is a device or a pipe.")
    if path.is_symlink() and not member.issym():
        targets.append(path.resolve())
    for target in targets:
        if not Path(os.path.normpath(target)).is_relative_to(root):
            raise UserError(f"The code archive holds '{member.name}', which leads out of it.")

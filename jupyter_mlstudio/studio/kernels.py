"""The environment in which AWS clients talk to the studio.

Endpoints travel in an AWS configuration file and not in ``AWS_ENDPOINT_URL``: a variable would
send *every* profile to the studio, while a profile leaves ``Session(profile_name="prod")`` where
it belongs. Everything generated lies in the studio's root; the user's own files are only read.
"""

from __future__ import annotations

import configparser
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..core.settings import Settings, write_atomically
from ..wire.keys import KeyRing
from ..wire.services import MODELS

PROFILE = "mlstudio"

_ORIGINAL = "MLSTUDIO_USER_AWS_CONFIG_FILE"
"""Remembers the configuration file that ours stands in for."""

_EXPLICIT_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
"""Variables by which botocore finds credentials without reading a file."""

OVERRULING = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SAGEMAKER",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
"""Variables that would win over the profile; a shell that chooses the studio drops them."""


def write(settings: Settings) -> None:
    """Bring the files of kernels that run already up to date, e.g. after a port moved."""
    _write(settings, os.environ)


def prepare(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Write the kernel files and return the variables a new kernel gets.

    Where the user has default AWS credentials, the kernel stays on those and the studio is the
    profile ``mlstudio``; otherwise that profile is the default.
    """
    variables = _write(settings, environ)
    if has_default_credentials(environ):
        return variables
    return {**variables, **_choose(settings, environ)}


def choose(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Write the kernel files and return the variables of a shell that chose the studio.

    The caller also has to drop the :data:`OVERRULING` ones.
    """
    return {**_write(settings, environ), **_choose(settings, environ)}


def has_default_credentials(environ: Mapping[str, str]) -> bool:
    """Say whether AWS clients would find credentials of the user's without being told a profile.

    Instance metadata is not asked: it takes seconds where there is none.
    """
    if any(environ.get(name) for name in _EXPLICIT_CREDENTIALS):
        return True
    profile = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    if profile:
        return profile != PROFILE
    credentials = _parse(_read(_user_file(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials")))
    config = _parse(_read(_user_config(environ)))
    return credentials.has_section("default") or any(
        config.has_option("default", option)
        for option in (
            "aws_access_key_id",
            "credential_process",
            "credential_source",
            "sso_session",
            "sso_start_url",
            "source_profile",
            "web_identity_token_file",
            "login_session",
        )
    )


def _write(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    folder = _folder(settings)
    config = folder / "aws-config"
    write_atomically(config, _config(settings, environ))
    hook = folder / "python" / "sitecustomize.py"
    write_atomically(hook, (Path(__file__).parent / "sdk_hook.py").read_text())
    return {
        "AWS_CONFIG_FILE": str(config),
        _ORIGINAL: str(_user_config(environ)),
        "AWS_DATA_PATH": _first(str(MODELS), environ.get("AWS_DATA_PATH")),
        "PYTHONPATH": _first(str(hook.parent), environ.get("PYTHONPATH")),
        "MLSTUDIO_ROOT": str(settings.root),
    }


def _choose(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    variables = {"AWS_PROFILE": PROFILE}
    configured = environ.get("SAGEMAKER_USER_CONFIG_OVERRIDE", "")
    if configured.startswith("s3://"):
        return variables
    path = _folder(settings) / "sagemaker" / "config.yaml"
    if configured != str(path):
        write_atomically(path, _sdk_config(settings, environ))
    return {**variables, "SAGEMAKER_USER_CONFIG_OVERRIDE": str(path)}


def _config(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the AWS configuration: the studio's profile, then the user's own sections."""
    key = KeyRing.load(settings.master_key).user_key(settings.account, settings.kernel_arn)
    return f"""\
# Written by jupyter-mlstudio at every start; edit ~/.aws/config instead.
[profile {PROFILE}]
region = {settings.region}
output = json
aws_access_key_id = {key.access_key}
aws_secret_access_key = {key.secret_key}
endpoint_url = {settings.url}
services = {PROFILE}
s3 =
  addressing_style = path

[services {PROFILE}]
s3 =
  endpoint_url = {settings.s3_url}
sagemaker_runtime =
  endpoint_url = {settings.gateway_url}

{_without_ours(_read(_user_config(environ)))}"""


def _without_ours(text: str) -> str:
    """Return the user's configuration less sections that would double ours."""
    config = _parse(text)
    for section in config.sections():
        if re.fullmatch(rf"(profile|services)\s+[\"']?{PROFILE}[\"']?", section):
            config.remove_section(section)
    out = io.StringIO()
    config.write(out)
    return out.getvalue()


def _sdk_config(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the SageMaker SDK's defaults: the user's own with the studio's bucket.

    Schema: ``sagemaker/config/config_schema.py`` of SDK 2.257.7, the same in 3.27.0.
    """
    override = environ.get("SAGEMAKER_USER_CONFIG_OVERRIDE")
    home = Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config")
    path = Path(override) if override else home / "sagemaker"
    text = _read(path / "config.yaml" if path.is_dir() else path)
    config: dict[str, Any] = yaml.safe_load(text) or {}
    config.setdefault("SchemaVersion", "1.0")
    sdk = config.setdefault("SageMaker", {}).setdefault("PythonSDK", {})
    modules = sdk.setdefault("Modules", {})
    modules.setdefault("Session", {})["DefaultS3Bucket"] = settings.default_bucket
    modules["TelemetryOptOut"] = True
    return yaml.safe_dump(config, sort_keys=False)


def _folder(settings: Settings) -> Path:
    return settings.root / "kernel"


def _first(entry: str, others: str | None) -> str:
    """Put ``entry`` first on a search path, once."""
    rest = [other for other in (others or "").split(os.pathsep) if other and other != entry]
    return os.pathsep.join([entry, *rest])


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _user_file(environ: Mapping[str, str], variable: str, name: str) -> Path:
    configured = environ.get(variable)
    return Path(configured).expanduser() if configured else _home(environ) / ".aws" / name


def _user_config(environ: Mapping[str, str]) -> Path:
    """Return the user's own configuration file, also where AWS_CONFIG_FILE is ours already."""
    return (
        _user_file(environ, _ORIGINAL, "")
        if environ.get(_ORIGINAL)
        else _user_file(environ, "AWS_CONFIG_FILE", "config")
    )


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _parse(text: str) -> configparser.RawConfigParser:
    """Parse as botocore does; a file botocore could not read either counts as empty."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.RawConfigParser()
    return parser

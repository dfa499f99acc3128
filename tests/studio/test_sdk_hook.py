"""The hook of kernels in real Python processes with real botocore sessions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlstudio.studio import sdk_hook

SCRIPT = """
import sys
assert "botocore" not in sys.modules
import boto3
session = boto3.Session(profile_name=sys.argv[1], region_name="eu-west-1")
explicit = sys.argv[2] if len(sys.argv) > 2 else None
print(session.client("sts", region_name="eu-west-1", endpoint_url=explicit).meta.endpoint_url)
"""
SDK_URL = "https://sts.eu-west-1.amazonaws.com"
CONFIG = """
[profile studio]
endpoint_url = http://127.0.0.1:4000
[profile sectioned]
services = mine
[services mine]
sts =
  endpoint_url = http://127.0.0.1:4001
[profile prod]
region = eu-west-1
"""


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    folder = tmp_path / "hook"
    folder.mkdir()
    source = Path(sdk_hook.__file__).read_text()
    (folder / "sitecustomize.py").write_text(source)
    (tmp_path / "config").write_text(CONFIG)
    return folder


def run(
    hook: Path, *arguments: str, path: tuple[Path, ...] = (), **environ: str
) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    config = {"AWS_CONFIG_FILE": str(hook.parent / "config"), "HOME": str(hook.parent)}
    entries = os.pathsep.join(map(str, [hook, *path]))
    return subprocess.run(
        [sys.executable, *arguments],
        env={**clean, **config, "PYTHONPATH": entries, **environ},
        capture_output=True,
        text=True,
        check=True,
    )


def endpoint(hook: Path, profile: str, *explicit: str, **environ: str) -> str:
    return run(hook, "-c", SCRIPT, profile, *explicit, **environ).stdout.strip()


@pytest.mark.parametrize(
    ("profile", "url"),
    [("studio", "http://127.0.0.1:4000"), ("sectioned", "http://127.0.0.1:4001")],
)
def test_configuration_wins_over_the_regional_default(hook: Path, profile: str, url: str) -> None:
    assert endpoint(hook, profile, SDK_URL) == url


def test_environment_wins_over_the_regional_default(hook: Path) -> None:
    url = "http://127.0.0.1:4002"
    assert endpoint(hook, "prod", SDK_URL, AWS_ENDPOINT_URL_STS=url) == url


def test_a_profile_of_aws_still_goes_to_aws(hook: Path) -> None:
    assert endpoint(hook, "prod", SDK_URL) == SDK_URL
    assert endpoint(hook, "prod").endswith(".amazonaws.com")


def test_any_other_explicit_endpoint_is_kept(hook: Path) -> None:
    for url in ("http://127.0.0.1:9", "https://sts-fips.us-east-1.amazonaws.com"):
        assert endpoint(hook, "studio", url) == url


def test_without_the_hook_the_explicit_endpoint_wins(hook: Path) -> None:
    (hook / "sitecustomize.py").unlink()
    assert endpoint(hook, "studio", SDK_URL) == SDK_URL


def test_the_next_sitecustomize_runs_as_well(hook: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import sys; sys.other = __file__")
    seen = run(hook, "-c", "import sys; print(sys.other)", path=(other,)).stdout.strip()
    assert seen == str(other / "sitecustomize.py")


def test_botocore_is_not_imported_by_the_hook(hook: Path) -> None:
    code = "import sys; print([m for m in sys.modules if m.startswith(('boto', 'typing'))])"
    assert run(hook, "-c", code).stdout.strip() == "[]"


SDK_CONFIG = """
import jsonschema
def validate_sagemaker_config(config):
    jsonschema.validate(config, {"required": ["SchemaVersion"]})
"""
CHECKS = """
import jsonschema
from sagemaker.config.config import validate_sagemaker_config
real, seen = jsonschema.validate, []
jsonschema.validate = lambda *given: (seen.append(given[0]), real(*given))
config = {"SchemaVersion": "1.0"}
for _ in range(3):
    validate_sagemaker_config(config)
validate_sagemaker_config({**config, "SageMaker": {}})
for wrong in ({}, {}):
    try:
        validate_sagemaker_config(wrong)
    except jsonschema.ValidationError as error:
        seen.append(error.message)
for line in seen:
    print(line)
"""


def test_the_sdk_checks_a_configuration_once(hook: Path, tmp_path: Path) -> None:
    package = tmp_path / "site" / "sagemaker" / "config"
    package.mkdir(parents=True)
    (package / "config.py").write_text(SDK_CONFIG)
    seen = run(hook, "-c", CHECKS, path=(tmp_path / "site",)).stdout.splitlines()
    refused = ["{}", "'SchemaVersion' is a required property"]
    assert seen == [
        "{'SchemaVersion': '1.0'}",
        "{'SchemaVersion': '1.0', 'SageMaker': {}}",
        *refused,
        *refused,
    ]

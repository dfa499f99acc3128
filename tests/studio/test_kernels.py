"""The environment of kernels, read back by botocore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import boto3
import pytest
import yaml

from jupyter_mlstudio.core.settings import Settings
from jupyter_mlstudio.studio import kernels


@contextmanager
def inside(home: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Be a kernel with these variables."""
    with mock.patch.dict("os.environ", {**variables, "HOME": str(home)}):
        yield


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_clients_of_the_profile_go_to_the_studio(home: Path, settings: Settings) -> None:
    variables = kernels.prepare(settings)
    assert variables["AWS_PROFILE"] == "mlstudio"
    with inside(home, variables):
        session = boto3.Session()
        assert session.region_name == settings.region
        assert session.client("sagemaker").meta.endpoint_url == settings.url
        assert session.client("iam").meta.endpoint_url == settings.url
        assert session.client("s3").meta.endpoint_url == settings.s3_url
        runtime = session.client("sagemaker-runtime")
        assert runtime.meta.endpoint_url == settings.gateway_url


def test_the_users_profiles_are_included_and_lead_to_aws(home: Path, settings: Settings) -> None:
    write(home / ".aws" / "config", "[profile prod]\nregion = eu-west-1\ns3 =\n  a = b\n")
    write(
        home / ".aws" / "credentials",
        "[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = x%y\n",
    )
    with inside(home, kernels.prepare(settings)):
        session = boto3.Session(profile_name="prod")
        credentials = session.get_credentials()
        assert credentials is not None
        assert credentials.access_key == "AKIAPROD"
        assert session.region_name == "eu-west-1"
        url = session.client("sagemaker").meta.endpoint_url
        assert url == "https://api.sagemaker.eu-west-1.amazonaws.com"


def test_secrets_of_the_user_are_not_copied(home: Path, settings: Settings) -> None:
    write(
        home / ".aws" / "credentials",
        "[prod]\naws_access_key_id = A\naws_secret_access_key = canary\n",
    )
    kernels.prepare(settings)
    written = [path for path in settings.root.rglob("*") if path.is_file()]
    assert written
    assert not any("canary" in path.read_text(errors="replace") for path in written)


@pytest.mark.parametrize(
    ("config", "credentials", "environ"),
    [
        ("", "[default]\naws_access_key_id = A\naws_secret_access_key = B\n", {}),
        ("[default]\nsso_session = corp\n", "", {}),
        ("[default]\ncredential_process = /bin/keys\n", "", {}),
        ("", "", {"AWS_ACCESS_KEY_ID": "A"}),
        ("", "", {"AWS_PROFILE": "prod"}),
        ("", "", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x"}),
    ],
)
def test_default_credentials_of_the_user_stay_the_default(
    home: Path, settings: Settings, config: str, credentials: str, environ: dict[str, str]
) -> None:
    write(home / ".aws" / "config", config)
    write(home / ".aws" / "credentials", credentials)
    variables = kernels.prepare(settings, {"HOME": str(home), **environ})
    assert "AWS_PROFILE" not in variables
    assert "SAGEMAKER_USER_CONFIG_OVERRIDE" not in variables
    assert "AWS_CONFIG_FILE" in variables


def test_a_default_region_alone_is_no_credential(home: Path, settings: Settings) -> None:
    write(home / ".aws" / "config", "[default]\nregion = eu-west-1\n")
    assert kernels.prepare(settings)["AWS_PROFILE"] == "mlstudio"


def test_preparing_inside_a_prepared_kernel_changes_nothing(home: Path, settings: Settings) -> None:
    own = write(home / "elsewhere", "[profile prod]\nregion = eu-west-1\n")
    environ = {"HOME": str(home), "AWS_CONFIG_FILE": str(own), "PYTHONPATH": "/a:/b"}
    first = kernels.prepare(settings, environ)
    text = Path(first["AWS_CONFIG_FILE"]).read_text()
    second = kernels.prepare(settings, {**environ, **first})
    assert second == first
    assert Path(second["AWS_CONFIG_FILE"]).read_text() == text
    assert "[profile prod]" in text
    assert first["PYTHONPATH"].endswith(":/a:/b")


def test_the_users_own_mlstudio_sections_give_way(home: Path, settings: Settings) -> None:
    write(
        home / ".aws" / "config",
        "[profile mlstudio]\nregion = sa-east-1\n[services mlstudio]\ns3 =\n  endpoint_url = x\n"
        "[profile mlstudio2]\nregion = eu-north-1\n",
    )
    with inside(home, kernels.prepare(settings)):
        assert boto3.Session().region_name == settings.region
        assert boto3.Session(profile_name="mlstudio2").region_name == "eu-north-1"


def test_a_damaged_configuration_of_the_user_is_left_out(home: Path, settings: Settings) -> None:
    write(home / ".aws" / "config", "[profile prod\nno equals sign")
    with inside(home, kernels.prepare(settings)):
        assert boto3.Session().region_name == settings.region


def test_the_sdk_gets_the_default_bucket_and_keeps_the_rest(home: Path, settings: Settings) -> None:
    mine = {"SchemaVersion": "1.0", "SageMaker": {"TrainingJob": {"RoleArn": "arn:x"}}}
    write(home / ".config" / "sagemaker" / "config.yaml", yaml.safe_dump(mine))
    path = kernels.prepare(settings)["SAGEMAKER_USER_CONFIG_OVERRIDE"]
    config = yaml.safe_load(Path(path).read_text())
    assert config["SageMaker"]["TrainingJob"] == {"RoleArn": "arn:x"}
    modules = config["SageMaker"]["PythonSDK"]["Modules"]
    assert modules["Session"]["DefaultS3Bucket"] == settings.default_bucket
    assert modules["TelemetryOptOut"] is True


def test_everything_lies_in_the_root_for_its_owner_alone(home: Path, settings: Settings) -> None:
    variables = kernels.prepare(settings)
    config = Path(variables["AWS_CONFIG_FILE"])
    assert config.is_relative_to(settings.root)
    assert config.stat().st_mode & 0o077 == 0
    assert list(home.iterdir()) == []

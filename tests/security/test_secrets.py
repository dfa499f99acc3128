"""Keys, and secrets that users give to jobs: where they are, and where they must not be."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import docker
import pytest
from botocore.exceptions import ClientError

from jupyter_mlstudio.compute.protocol import STUDIO_LABEL
from jupyter_mlstudio.studio import client
from jupyter_mlstudio.wire.keys import KeyRing
from tests.conftest import RunningStudio
from tests.jobs.images import build
from tests.jobs.jobs import log_lines, request, shell, unique, wait, wait_for

pytestmark = pytest.mark.docker


def given(studio: RunningStudio, name: str) -> dict[str, Any]:
    """Fetch a job's keys from where its container does."""
    engine = docker.from_env()
    label = f"{STUDIO_LABEL}={studio.settings.studio_id}"
    (container,) = (
        each
        for each in engine.containers.list(filters={"label": label})
        if f"TRAINING_JOB_NAME={name}" in each.attrs["Config"]["Env"]
    )
    engine.close()
    environment = dict(line.split("=", 1) for line in container.attrs["Config"]["Env"])
    where = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or (
        f"http://169.254.170.2{environment['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']}"
    )
    with urlopen(where) as answer:  # noqa: S310 - ours
        found: dict[str, Any] = json.load(answer)
    assert found["SecretAccessKey"] not in str(environment)
    return {**found, "Path": where.rpartition("/")[2]}


def holding(folder: Path, canary: str) -> list[str]:
    """Return the files below a folder that hold a text."""
    wanted = canary.encode()
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and wanted in path.read_bytes()
    )


def test_secrets_are_where_they_belong_and_nowhere_else(docker_studio: RunningStudio) -> None:
    studio, name, image = docker_studio, unique("canary"), build()
    settings = studio.settings
    variable, parameter = secrets.token_hex(20), secrets.token_hex(20)
    studio.client("sagemaker").create_training_job(
        **request(
            studio,
            image,
            name,
            **shell(studio, image, name, "sleep 4; echo done; exit 3"),
            Environment={"API_TOKEN": variable},
            HyperParameters={"password": parameter},
        )
    )
    wait_for(studio, name, "Training")
    keys = given(studio, name)
    refused = [refusal(studio, keys, name)]
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Failed"
    refused.append(refusal(studio, keys, name))

    user = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    master = settings.master_key.read_bytes()
    session = (keys["SecretAccessKey"], keys["Token"], keys["Path"])
    # Nobody needs a job's keys or our own on disk: both are derived from the master key.
    for canary in (*session, user.secret_key, master.hex()):
        assert holding(settings.root, canary) == []
    assert [path for path in settings.root.rglob("*") if _holds(path, master)] == [
        settings.master_key
    ]
    # What the user gave is in the record of the job, and in no log, event, list or file of a run.
    for canary in (variable, parameter):
        assert all(path.startswith("db/") for path in holding(settings.root, canary))
    for canary in (*session, user.secret_key, variable, parameter):
        assert canary not in said(studio, name)
        assert all(canary not in text for text in refused)
    assert variable in str(job["Environment"])
    assert not any(settings.jobs.iterdir())


def refusal(studio: RunningStudio, keys: dict[str, Any], name: str) -> str:
    """Return what is said to somebody who has a job's keys and does what it may not."""
    given = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["Token"],
    }
    said = []
    for changes in (given, {**given, "aws_secret_access_key": "another"}):
        with pytest.raises(ClientError) as error:
            studio.client("sagemaker", **changes).stop_training_job(TrainingJobName=name)
        said.append(str(error.value.response))
    return "".join(said)


def said(studio: RunningStudio, name: str) -> str:
    """Return what the studio says of a job, but for its own description."""
    sagemaker, own = studio.client("sagemaker"), studio.client("mlstudio")
    found = client.find(studio.settings)
    assert found is not None
    cursor = str(max(0, int(own.list_events()["NextCursor"]) - 100))
    return str(
        (
            sagemaker.list_training_jobs(NameContains=name),
            sagemaker.list_trial_components(MaxResults=100),
            own.list_events(Since=cursor),
            own.get_studio_status(),
            log_lines(studio, name),
            found.health(),
        )
    )


def _holds(path: Path, what: bytes) -> bool:
    return path.is_file() and what in path.read_bytes()

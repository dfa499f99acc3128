"""Folders of this machine as file systems of jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlstudio.compute.protocol import Folder
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.inputs.errors import InputError
from jupyter_mlstudio.jobs.inputs.file_systems import mount_file_system
from tests.conftest import FILE_SYSTEM, RunningStudio

from .jobs import XGBOOST, log_lines, request, run, shell, unique
from .local import file_system_channel, job_row, local_studio


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "file").write_text("x")
    (folder / "out").symlink_to("/etc")
    (folder / "a" / "up").symlink_to("..")
    return folder


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("root")
    gone = {"fs-00000000": str(root / "gone")}
    with local_studio(root, {}, file_systems={FILE_SYSTEM: str(shared), **gone}) as studio:
        yield studio


def mount(studio: Studio, path: str, name: str = FILE_SYSTEM, mode: str = "ro") -> Folder:
    job = studio.store.by_uid(job_row(studio, unique("fs")).uid)
    assert job is not None
    channel = file_system_channel("train", name, path, mode)
    return mount_file_system(studio, job, channel, "/opt/ml/input/data/train")


def test_a_directory_is_mounted_as_asked_for(studio: Studio, shared: Path) -> None:
    found = mount(studio, "/a/b", mode="rw")
    assert found == Folder(shared / "a" / "b", "/opt/ml/input/data/train", shared=True)
    assert mount(studio, "/").source == mount(studio, "//.").source == shared
    assert mount(studio, "/a//./b/").read_only


@pytest.mark.parametrize(
    ("path", "name", "reason"),
    [
        (
            "/",
            "fs-99999999",
            "The file system fs-99999999 does not exist. This studio has: fs-0000",
        ),
        ("/", "fs-00000000", "gone that stands for fs-00000000 cannot be used: No such file"),
        ("/none", FILE_SYSTEM, "The directory '/none' of fs-0123456789abcdef0: No such file"),
        ("/file", FILE_SYSTEM, "'/file' of fs-0123456789abcdef0: Not a directory"),
        ("/out", FILE_SYSTEM, "leads over a link, 'out'"),
        ("/out/ssl", FILE_SYSTEM, "leads over a link, 'out'"),
        ("/a/up", FILE_SYSTEM, "leads over a link, 'up'"),
        ("/../etc", FILE_SYSTEM, "leads out of it"),
        ("/a\0b", FILE_SYSTEM, "leads out of it"),
        (f"/{'x' * 300}", FILE_SYSTEM, "File name too long"),
    ],
)
def test_what_cannot_be_mounted_is_named(studio: Studio, path: str, name: str, reason: str) -> None:
    with pytest.raises(InputError, match=r"^ClientError: ") as caught:
        mount(studio, path, name)
    assert reason in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "up", "out", "etc", "/"]), max_size=6))
def test_no_path_leaves_the_file_system(studio: Studio, shared: Path, parts: list[str]) -> None:
    try:
        found = mount(studio, "/" + "/".join(parts))
    except InputError:
        return
    assert found.source.resolve().is_relative_to(shared)
    assert os.path.normpath(found.source) == str(found.source.resolve())


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (("/a", "rw"), ("/a/b", "ro"), True),
        (("/a/b", "ro"), ("/a", "rw"), True),
        (("/a", "ro"), ("/a/b", "rw"), False),
        (("/a", "rw"), ("/a", "rw"), False),
        (("/a/b", "rw"), ("/a", "ro"), False),
    ],
)
def test_nobody_may_replace_a_directory_while_it_is_mounted(
    tmp_path: Path, shared: Path, first: Any, second: Any, refused: bool
) -> None:
    with local_studio(tmp_path, {}, file_systems={FILE_SYSTEM: str(shared)}) as studio:
        channels = [file_system_channel("train", FILE_SYSTEM, *asked) for asked in (first, second)]
        older, newer = (
            job_row(studio, name, InputDataConfig=[channel])
            for name, channel in zip(("older", "newer"), channels, strict=True)
        )
        assert mount_file_system(studio, older, channels[0], "/x").shared
        if refused:
            with pytest.raises(InputError, match=r"^ClientError: .*, which older has, lie in each"):
                mount_file_system(studio, newer, channels[1], "/x")
        else:
            assert mount_file_system(studio, newer, channels[1], "/x").shared


USE = r"""
cat /opt/ml/input/data/ro/given; echo "kept" > /opt/ml/input/data/rw/made
echo no > /opt/ml/input/data/ro/no 2>/dev/null && echo "ro was written"
ls /opt/ml/input/data | grep -c manifest | sed 's/^/lists /'
echo "config $(cat /opt/ml/input/config/inputdataconfig.json)"; exit 0
"""


@pytest.mark.docker
def test_a_container_reads_and_writes_a_file_system(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("shared")
    folder = Path(studio.settings.file_systems[FILE_SYSTEM])
    for part in ("in", "out"):
        (folder / name / part).mkdir(parents=True)
    (folder / name / "in" / "given").write_text("something given\n")
    asked = shell(studio, foreign_image, name, USE)
    asked["InputDataConfig"] += [
        file_system_channel("ro", FILE_SYSTEM, f"/{name}/in"),
        file_system_channel("rw", FILE_SYSTEM, f"/{name}/out", "rw"),
    ]
    job = run(studio, foreign_image, name, **asked)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = log_lines(studio, name)
    assert "something given" in lines
    assert "ro was written" not in lines
    assert "lists 1" in lines
    assert any('"ro": {"TrainingInputMode": "File", "S3Distrib' in line for line in lines)
    assert (folder / name / "out" / "made").read_text() == "kept\n"
    assert [path.name for path in (folder / name / "in").iterdir()] == ["given"]


@pytest.mark.docker
def test_an_unknown_file_system_fails_the_job_by_name(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    channel = file_system_channel("train", "fs-99999999", "/")
    job = run(docker_studio, foreign_image, unique("unknown-fs"), InputDataConfig=[channel])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: The file system fs-99999999 does not")


def test_a_plain_process_has_no_folder_that_is_read_only(process_studio: RunningStudio) -> None:
    channel = file_system_channel("train", FILE_SYSTEM, "/")
    job = run(process_studio, XGBOOST, unique("process-fs"), InputDataConfig=[channel])
    assert job["TrainingJobStatus"] == "Failed"
    assert "cannot be kept from writing" in job["FailureReason"]


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (file_system_channel("t", FILE_SYSTEM, "a"), "the DirectoryPath 'a' is not a full path"),
        (file_system_channel("t", FILE_SYSTEM, "/a/../b"), "is not a full path"),
        (
            file_system_channel("t", FILE_SYSTEM, "/", InputMode="Pipe"),
            "a FileSystemDataSource needs InputMode File, not Pipe",
        ),
        (
            file_system_channel("t", FILE_SYSTEM, "/", ShuffleConfig={"Seed": 1}),
            "ShuffleConfig needs an S3DataSource",
        ),
        ({"ChannelName": "t", "DataSource": {}}, "exactly one of S3DataSource and FileSystem"),
    ],
)
def test_channels_of_file_systems_that_make_no_sense_are_refused(
    process_studio: RunningStudio, channel: dict[str, Any], message: str
) -> None:
    client = process_studio.client("sagemaker", config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as caught:
        client.create_training_job(
            **request(process_studio, XGBOOST, "refused", InputDataConfig=[channel])
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]

"""``eval "$(jupyter mlstudio env)"`` in a shell, then the AWS CLI as its users know it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RunningStudio

from .conftest import Ended

pytestmark = pytest.mark.sdk


def shell(studio: RunningStudio, aws: Path, script: str) -> str:
    """Run a bash script behind the studio's ``env``; return what it printed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    path = os.pathsep.join([str(aws), str(Path(sys.executable).parent), clean["PATH"]])
    env = f'eval "$(jupyter mlstudio --root {studio.settings.root} env)"'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{env}\n{script}"],
        env={**clean, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_aws_cli_talks_to_the_studio(
    process_studio: RunningStudio, aws_cli: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.bin").write_bytes(os.urandom(9 << 20))
    bucket = f"s3://{process_studio.bucket}/cli"
    printed = shell(
        process_studio,
        aws_cli,
        f"""
        aws sts get-caller-identity --query Arn --output text
        aws s3 sync --no-progress {folder} {bucket}
        aws s3 sync --no-progress {bucket} {tmp_path}/back
        aws sagemaker list-endpoints --query 'length(Endpoints)'
        """,
    )
    assert printed.splitlines()[0] == process_studio.settings.kernel_arn
    for name in ("a.txt", "sub/b.bin"):
        assert (tmp_path / "back" / name).read_bytes() == (folder / name).read_bytes()


def test_the_aws_cli_moves_folders(
    process_studio: RunningStudio, aws_cli: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tree"
    for name in ("one.txt", "sub/two words.txt", "sub/ü☃.csv", "late/three.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    there = f"s3://{process_studio.bucket}/cli-tree"
    where = f"--bucket {process_studio.bucket} --key cli-tree/late/three.txt"
    printed = shell(
        process_studio,
        aws_cli,
        f"""
        (sleep 1; aws s3 cp --only-show-errors {folder}/late/three.txt {there}/late/) &
        aws s3 cp --recursive --only-show-errors --exclude 'late/*' {folder} {there}
        aws s3api wait object-exists {where}
        wait
        aws s3 ls --recursive {there}/ | wc -l
        aws s3 mv --only-show-errors {there}/one.txt {there}/moved.txt
        aws s3 cp --recursive --only-show-errors {there} {tmp_path}/back
        rm {folder}/late/three.txt
        aws s3 sync --delete --only-show-errors {folder} {there}
        aws s3 ls --recursive {there}/ | awk '{{print $4}}'
        aws s3 rm --recursive --only-show-errors {there}
        aws s3api wait object-not-exists {where}
        aws s3api list-objects-v2 --bucket {process_studio.bucket} --prefix cli-tree/ \\
            --no-paginate --query KeyCount
        """,
    )
    lines = printed.splitlines()
    assert lines[0].strip() == "4"
    assert lines[1:4] == ["cli-tree/one.txt", "cli-tree/sub/two", "cli-tree/sub/ü☃.csv"]
    assert lines[4] == "0"
    back = {path.name: path.read_text() for path in (tmp_path / "back").rglob("*.*")}
    assert back == {
        "moved.txt": "one.txt",
        "two words.txt": "sub/two words.txt",
        "ü☃.csv": "sub/ü☃.csv",
        "three.txt": "late/three.txt",
    }


@pytest.mark.docker
def test_every_waiter_ends_as_its_resource_did(
    docker_studio: RunningStudio, aws_cli: Path, ended: Ended
) -> None:
    """All waiters of what the studio has: 0 where it came to be, 255 where it never will."""
    waits = {
        f"training-job-completed-or-stopped --training-job-name {ended.training}": 0,
        f"training-job-completed-or-stopped --training-job-name {ended.failed}": 255,
        "training-job-completed-or-stopped --training-job-name never-made": 255,
        f"processing-job-completed-or-stopped --processing-job-name {ended.processing}": 0,
        f"processing-job-completed-or-stopped --processing-job-name {ended.crashed}": 255,
        "processing-job-completed-or-stopped --processing-job-name never-made": 255,
        f"endpoint-in-service --endpoint-name {ended.endpoint}": 0,
        f"endpoint-in-service --endpoint-name {ended.broken}": 255,
        "endpoint-in-service --endpoint-name never-made": 255,
        "endpoint-deleted --endpoint-name never-made": 0,
        f"endpoint-deleted --endpoint-name {ended.broken}": 255,
    }
    lines = [f'(aws sagemaker wait {wait} 2>/dev/null; echo "$? {wait}") &' for wait in waits]
    printed = shell(docker_studio, aws_cli, "\n".join(["set +e", *lines, "wait"]))
    found = {wait: int(code) for code, _, wait in (x.partition(" ") for x in printed.splitlines())}
    assert found == waits

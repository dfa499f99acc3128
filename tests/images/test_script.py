"""Script mode, against AWS's own training toolkit and on its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlstudio_runtime.outcome import UserError
from mlstudio_runtime.source import place_code

from tests.storage.test_trees import CORPUS

from .support import Job
from .toolkit import both

REPORT = """
import json, os, sys
wanted = ("SM_", "CURRENT_HOST", "SAGEMAKER_", "TRAINING_JOB_NAME")
with open(os.environ["REPORT"], "w") as file:
    json.dump({"argv": sys.argv, "cwd": os.getcwd(), "first": sys.path[0],
               "env": {k: v for k, v in os.environ.items() if k.startswith(wanted)}}, file)
"""
SHELL_REPORT = """#!/bin/sh
env | grep '^SM_USER_ARGS' > "$REPORT.env"
printf '%s\\n' "$@" > "$REPORT"
"""
HYPERPARAMETERS = {
    "lr": "0.1",
    "name": '"x y"',
    "options": '{"b": 1, "a": [2]}',
    "layers": "[1,2]",
    "flag": "true",
    "nothing": "null",
    "k": "5",
    "plain": "a'b$c",
    "sagemaker_program": '"train.py"',
    "sagemaker_container_log_level": "20",
    "sagemaker_job_name": '"named"',
    "sagemaker_region": '"eu-west-1"',
    "sagemaker_mpi_enabled": "false",
    "sagemaker_torch_distributed_enabled": "true",
}
HOST = "localhost"
GROUP = {"instance_group_name": "workers", "instance_type": "ml.m5.large", "hosts": [HOST]}
RESOURCES = {
    "minimal": {"current_host": HOST, "hosts": [HOST]},
    "full": {
        "current_host": HOST,
        "hosts": [HOST],
        "network_interface_name": "eth1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "workers",
        "instance_groups": [GROUP],
    },
    "several groups": {
        "current_host": HOST,
        "hosts": [HOST],
        "current_group_name": "workers",
        "instance_groups": [GROUP, {**GROUP, "instance_group_name": "others"}],
    },
}


@pytest.mark.parametrize("resources", list(RESOURCES))
def test_the_environment_is_the_toolkits(job: Job, tmp_path: Path, resources: str) -> None:
    (job.base / "code" / "train.py").write_text(REPORT)
    job.configure(HYPERPARAMETERS, {"train": "text/csv", "other-data": None})
    job.write("resourceconfig", RESOURCES[resources])
    toolkit, ours = both(job, tmp_path / "report", lambda path: json.loads(path.read_text()))
    assert ours.report is not None, ours.done.stderr
    for name in ("argv", "cwd", "first"):
        assert ours.report[name] == toolkit.report[name]
    for name, value in toolkit.report["env"].items():
        mine = ours.report["env"].get(name)
        if name == "SM_TRAINING_ENV":
            assert json.loads(mine) == json.loads(value)
        else:
            assert (name, mine) == (name, value)
    assert ours.report["env"].keys() == toolkit.report["env"].keys()
    assert ours.status == toolkit.status == 0
    assert ours.files == toolkit.files == {"success": ""}


def test_shell_scripts_run_as_under_the_toolkit(job: Job, tmp_path: Path) -> None:
    (job.base / "code" / "train.sh").write_text(SHELL_REPORT)
    job.configure({**HYPERPARAMETERS, "sagemaker_program": '"train.sh"'})
    toolkit, ours = both(job, tmp_path / "report")
    assert ours.report == toolkit.report
    assert "a'b$c" in ours.report


@pytest.mark.parametrize("program", ["../x.py", "/bin/sh", "-c", "a;b.py", "a/../b.py", "gone.py"])
def test_programs_outside_the_code_are_refused_byboth(
    job: Job, tmp_path: Path, program: str
) -> None:
    (job.base / "code" / "train.py").write_text("")
    job.configure({"sagemaker_program": json.dumps(program)})
    toolkit, ours = both(job, tmp_path / "report")
    assert toolkit.status == ours.status == 1
    assert program in job.failure


def test_the_programs_exit_code_and_error_come_first(job: Job) -> None:
    code = "import sys\nprint('x' * 5000, file=sys.stderr)\nraise ValueError('the data is bad')\n"
    (job.base / "code" / "train.py").write_text(code)
    job.configure({"sagemaker_program": "train.py"})
    done = job.train()
    assert done.returncode == 1
    assert "ValueError: the data is bad" in job.failure[:200]
    assert "Traceback (most recent call last)" in job.failure[:1024]
    assert "x" * 5000 in done.stderr


def test_a_failure_file_of_the_user_is_kept(job: Job) -> None:
    code = (
        "import os, sys\n"
        "open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('my reason')\n"
        "sys.exit(9)\n"
    )
    (job.base / "code" / "train.py").write_text(code)
    job.configure({"sagemaker_program": "train.py"})
    assert job.train().returncode == 9
    assert job.failure == "my reason"


def test_output_comes_as_it_is_printed(job: Job) -> None:
    (job.base / "code" / "train.py").write_text(
        "import sys\nprint('out'); print('err', file=sys.stderr)\nsys.stdin.read()\n"
    )
    job.configure({"sagemaker_program": "train.py"})
    process = subprocess.Popen(
        [sys.executable, "-m", "mlstudio_runtime", "train"],
        env=job.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert any(line == "out\n" for line in process.stdout)
    assert process.stderr.readline() == "err\n"
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_sigterm_reaches_the_program(job: Job) -> None:
    code = (
        "import os, signal, sys, time\n"
        "def stop(*_):\n"
        "    open(os.environ['SM_MODEL_DIR'] + '/model', 'w').write('saved')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready')\n"
        "time.sleep(60)\n"
    )
    (job.base / "code" / "train.py").write_text(code)
    job.configure({"sagemaker_program": "train.py"})
    process = subprocess.Popen(
        [sys.executable, "-m", "mlstudio_runtime", "train"],
        env=job.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert any(line == "ready\n" for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (job.base / "model" / "model").read_text() == "saved"


def _archive(*members: tuple[str, str, bytes]) -> bytes:
    """Pack (name, link target or nothing, content) in that order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, link, content in members:
            info = tarfile.TarInfo(name)
            if link:
                info.type, info.linkname = tarfile.SYMTYPE, link
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_S3", "S3_ENDPOINT_URL"])
def test_code_is_fetched_from_s3(job: Job, variable: str) -> None:
    archive = _archive(("train.py", "", b"print('from s3')"))

    class Bucket(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(b"")

        def do_GET(self) -> None:
            self._answer(archive)

        def _answer(self, body: bytes) -> None:
            found = self.path.startswith("/bucket/code/sourcedir.tar.gz")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(archive)))
            self.send_header("ETag", '"x"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    variables = {
        variable: f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
    location = "s3://bucket/code/sourcedir.tar.gz"
    job.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": location})
    try:
        done = job.train(**variables)
        assert "from s3" in done.stdout, done.stderr
        shutil.rmtree(job.base / "code")
        job.configure(
            {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://bucket/gone"}
        )
        assert job.train(**variables).returncode == 1
        assert "The code at 's3://bucket/gone' cannot be fetched" in job.failure
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "no filters"])
@pytest.mark.parametrize(
    "members",
    [
        [("../../escaped", "", b"x")],
        [("out", "../..", b""), ("out/escaped", "", b"x")],
        [("a/up", "..", b""), ("out", "a/up/../..", b""), ("out/escaped", "", b"x")],
        [("a/up", "..", b""), ("a/up/b", "a/up/../..", b""), ("b/escaped", "", b"x")],
    ],
)
def test_an_archive_cannot_write_outside_the_code(
    job: Job,
    tmp_path: Path,
    members: list[tuple[str, str, bytes]],
    filters: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter")
        monkeypatch.setattr(tarfile.TarFile, "extraction_filter", None, raising=False)
    archive = tmp_path / "source.tar.gz"
    archive.write_bytes(_archive(*members))
    with pytest.raises(UserError, match=r"leads out of it|cannot be unpacked"):
        place_code(str(archive), job.base / "code")
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "no filters"])
@pytest.mark.parametrize("case", CORPUS)
def test_a_malicious_archive_of_code_is_refused_or_stays_inside(
    tmp_path: Path, case: str, filters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter")
        monkeypatch.setattr(tarfile.TarFile, "extraction_filter", None, raising=False)
    archive, code = tmp_path / "source.tar.gz", tmp_path / "deep" / "code"
    archive.write_bytes(CORPUS[case][0])
    shutil.rmtree(code, ignore_errors=True)
    with contextlib.suppress(UserError):
        place_code(str(archive), code)
    assert {path.name for path in tmp_path.iterdir()} == {"source.tar.gz", "deep"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["code"]
    for path in code.rglob("*"):
        assert path.resolve().is_relative_to(code.resolve()), path
        assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)


def test_links_within_the_code_are_kept(job: Job, tmp_path: Path) -> None:
    archive = tmp_path / "source.tar.gz"
    archive.write_bytes(_archive(("lib/x.py", "", b"1"), ("bin/y.py", "../lib/x.py", b"")))
    place_code(str(archive), job.base / "code")
    assert (job.base / "code" / "bin" / "y.py").read_text() == "1"


def test_code_that_is_there_is_not_replaced(job: Job, tmp_path: Path) -> None:
    (job.base / "code" / "train.py").write_text("print('kept')")
    archive = tmp_path / "source.tar.gz"
    archive.write_bytes(_archive(("train.py", "", b"print('replaced')")))
    job.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": str(archive)})
    assert "kept\n" in job.train().stdout


def test_requirements_that_cannot_be_installed_fail_the_job(job: Job) -> None:
    (job.base / "code" / "train.py").write_text("print('never')")
    (job.base / "code" / "requirements.txt").write_text("no-such-package-here==99\n")
    job.configure({"sagemaker_program": "train.py"})
    done = job.train(PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "InstallRequirementsError" in job.failure
    assert "no-such-package-here" in job.failure
    assert "never" not in done.stdout


def test_a_module_of_a_package_can_be_the_program(job: Job) -> None:
    package = job.base / "code" / "project"
    package.mkdir()
    (package / "__main__.py").write_text("import sys; print('main of', sys.argv[1:])")
    job.configure({"sagemaker_program": "project", "lr": "1"})
    done = job.train()
    assert "main of ['--lr', '1']" in done.stdout, done.stderr


def test_the_program_may_come_from_the_environment(job: Job) -> None:
    (job.base / "code" / "train.py").write_text("import os; print(os.environ['SM_MODULE_NAME'])")
    job.configure({})
    assert os.environ.get("SAGEMAKER_PROGRAM") is None
    assert "\ntrain\n" in job.train(SAGEMAKER_PROGRAM="train.py").stdout

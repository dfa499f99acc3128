"""How a script is started: plainly, or by torchrun on one host or several."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from mlstudio_runtime import launch
from mlstudio_runtime.environment import TrainingEnvironment
from mlstudio_runtime.outcome import UserError

from .support import Job
from .toolkit import toolkit_python

COMMAND = """
import json
from sagemaker_training import runner

print(json.dumps(runner.get(runner.RunnerType.TorchDistributed)._create_command()))
"""
TORCH = {
    "sagemaker_program": '"train.py"',
    "sagemaker_torch_distributed_enabled": "true",
    "lr": "0.1",
    "batch-size": "8",
}


def _resources(current: str, **groups: list[str]) -> dict[str, Any]:
    return {
        "current_host": current,
        "hosts": sorted(host for hosts in groups.values() for host in hosts),
        "current_group_name": next(name for name, hosts in groups.items() if current in hosts),
        "current_instance_type": "ml.m5.large",
        "network_interface_name": "eth0",
        "instance_groups": [
            {"instance_group_name": name, "instance_type": "ml.m5.large", "hosts": hosts}
            for name, hosts in groups.items()
        ],
    }


ALGOS = [f"algo-{number}" for number in range(1, 4)]
CASES = {
    "one host": (_resources("algo-1", homogeneousCluster=["algo-1"]), {}),
    "processes": (
        _resources("algo-1", homogeneousCluster=["algo-1"]),
        {"sagemaker_mpi_num_of_processes_per_host": "4"},
    ),
    "the second of three": (_resources("algo-2", homogeneousCluster=ALGOS), {}),
    "a group of two": (
        _resources("algo-3", other=["algo-1"], workers=["algo-2", "algo-3"]),
        {"sagemaker_distribution_instance_groups": '["workers"]'},
    ),
}


@pytest.fixture(autouse=True)
def pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSTUDIO_FRAMEWORK", "pytorch")


def _command(job: Job, program: str = "train.py") -> list[str]:
    return launch.command(TrainingEnvironment.read(), job.base / "code", program)


@pytest.mark.parametrize("case", list(CASES))
def test_torchrun_gets_what_the_toolkit_gives_it(job: Job, case: str) -> None:
    resources, hyperparameters = CASES[case]
    (job.base / "code" / "train.py").touch()
    job.configure({**TORCH, **hyperparameters}, resourceconfig=resources)
    environment = job.environment()
    del environment["PYTHONPATH"]
    done = subprocess.run(
        [toolkit_python(), "-c", COMMAND],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    torchrun, *options = json.loads(done.stdout)
    assert torchrun == "torchrun"
    script = options.index("train.py")
    assert (
        _command(job)
        == [
            *(sys.executable, "-m", "torch.distributed.run"),
            *options[:script],
            "--",  # ours: torchrun would take a hyperparameter "start" for one of its options
            *options[script:],
        ]
    )


def test_pytorchddp_runs_by_torchrun_too(job: Job) -> None:
    (job.base / "code" / "train.py").touch()
    hyperparameters = {
        "sagemaker_program": "train.py",
        "sagemaker_pytorch_ddp_enabled": "true",
        "sagemaker_instance_type": '"ml.p4d.24xlarge"',
    }
    resources = _resources("algo-1", homogeneousCluster=ALGOS)
    job.configure(hyperparameters, resourceconfig=resources)
    command = _command(job)
    assert command[1:5] == ["-m", "torch.distributed.run", "--nnodes", "3"]
    assert launch.variables(TrainingEnvironment.read()) == {
        "MASTER_ADDR": "algo-1",
        "MASTER_PORT": "7777",
        "NCCL_DEBUG": "WARN",
        "NCCL_PROTO": "simple",
        "NCCL_SOCKET_IFNAME": "eth0",
    }


def test_hosts_beside_the_group_and_other_images_run_the_script_plainly(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job.base / "code" / "train.py").touch()
    resources, hyperparameters = CASES["a group of two"]
    job.configure(
        {**TORCH, **hyperparameters}, resourceconfig={**resources, "current_group_name": "other"}
    )
    plain = [sys.executable, "train.py", "--batch-size", "8", "--lr", "0.1"]
    assert _command(job) == plain
    job.configure(TORCH)
    monkeypatch.setenv("MLSTUDIO_FRAMEWORK", "sklearn")
    assert _command(job) == plain
    assert launch.variables(TrainingEnvironment.read()) == {}


def test_torchrun_is_for_scripts(job: Job) -> None:
    (job.base / "code" / "train.sh").touch()
    job.configure(TORCH)
    with pytest.raises(UserError, match=r"'train\.sh' cannot be run by torchrun"):
        _command(job, "train.sh")
    (job.base / "code" / "setup.py").touch()
    with pytest.raises(UserError, match=r"'train\.py' cannot be run by torchrun"):
        _command(job, "train.py")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mpi", "MPI"),
        ("distributed_dataparallel", "smdistributed"),
        ("parameter_server", "parameter server"),
    ],
)
def test_what_no_image_can_distribute_by_fails_the_job(job: Job, name: str, words: str) -> None:
    (job.base / "code" / "train.py").write_text("print('never')")
    job.configure({"sagemaker_program": "train.py", f"sagemaker_{name}_enabled": "true"})
    done = job.train(MLSTUDIO_FRAMEWORK="xgboost")
    assert done.returncode == 1
    assert "never" not in done.stdout
    assert f"'sagemaker_{name}_enabled'" in job.failure
    assert words in job.failure
    assert "torch_distributed" in job.failure


def test_a_host_that_never_comes_up_is_named() -> None:
    launch.wait_for_hosts(["no-such-host.invalid"], 0)
    launch.wait_for_hosts(["localhost", "127.0.0.1"], 0)
    with pytest.raises(UserError, match=r"'no-such-host\.invalid'"):
        launch.wait_for_hosts(["localhost", "no-such-host.invalid"], 0.1)


STDERR = b"""\
W1122 15:14:28.983000 7 torch/distributed/run.py:874] Setting OMP_NUM_THREADS
[rank1]: Traceback (most recent call last):
[rank1]:   File "/opt/ml/code/train.py", line 6, in <module>
[rank0]: Traceback (most recent call last):
[rank1]: ValueError: bad data
[rank0]: RuntimeError: Connection closed by peer
E1122 15:14:32.289000 7 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 1)
Traceback (most recent call last):
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
Failures:
[1]:
  rank      : 0 (local_rank: 0)
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
"""


def test_the_process_that_failed_first_tells_why() -> None:
    lines = STDERR.splitlines()
    assert launch.first_failure(lines) == [
        b"Traceback (most recent call last):",
        b'  File "/opt/ml/code/train.py", line 6, in <module>',
        b"ValueError: bad data",
    ]
    early = [line for line in lines if not line.startswith(b"[rank")]
    assert launch.first_failure(early) == early[:1]
    assert launch.first_failure(lines[:5]) == lines[:5]

"""What SageMaker's training toolkit tells a script: the ``SM_*`` variables and the arguments."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import paths

_RESERVED = frozenset({"default_user_module_name", "_tuning_objective_metric"})
_PREFIX = "sagemaker_"
_OWN = frozenset(
    f"{_PREFIX}{name}"
    for name in [
        "program",
        "submit_directory",
        "enable_cloudwatch_metrics",
        "region",
        "container_log_level",
        "job_name",
        "s3_output",
    ]
)
_DISTRIBUTIONS = [
    "mpi",
    "parameter_server",
    "distributed_dataparallel",
    "pytorch_ddp",
    "pytorch_xla_multi_worker",
    "multi_worker_mirrored_strategy",
    "torch_distributed",
]
_HOMOGENEOUS = "homogeneousCluster"


@dataclass(frozen=True)
class TrainingEnvironment:
    """The job as its configuration files describe it.

    ``hyperparameters`` are the user's; ``own`` are those of the toolkit, ``framework`` the other
    ``sagemaker_*`` ones. All are decoded from JSON where they are JSON.
    """

    hyperparameters: Mapping[str, Any]
    own: Mapping[str, Any]
    framework: Mapping[str, Any]
    resources: Mapping[str, Any]
    channels: Mapping[str, Any]

    @classmethod
    def read(cls) -> TrainingEnvironment:
        """Read the files below ``/opt/ml/input/config``."""
        values = {k: _decode(v) for k, v in paths.read_config("hyperparameters.json").items()}
        sagemaker = {k: v for k, v in values.items() if k.startswith(_PREFIX) or k in _RESERVED}
        host = {"current_host": "localhost", "hosts": ["localhost"]}
        return cls(
            hyperparameters={k: v for k, v in values.items() if k not in sagemaker},
            own={k: v for k, v in sagemaker.items() if k in _OWN or k in _RESERVED},
            framework={k: v for k, v in sagemaker.items() if k not in _OWN | _RESERVED},
            resources=paths.read_config("resourceconfig.json") or host,
            channels=paths.read_config("inputdataconfig.json"),
        )

    @property
    def user_entry_point(self) -> str | None:
        """The script to run, or None where the job has none."""
        return os.environ.get("SAGEMAKER_PROGRAM") or self.own.get("sagemaker_program")

    @property
    def submit_directory(self) -> str:
        """Where the user's code is: an S3 URI, an archive or a folder."""
        given = self.own.get("sagemaker_submit_directory")
        return str(given or os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or paths.code())

    def arguments(self) -> list[str]:
        """Return the hyperparameters as command line arguments, sorted by name."""
        return [
            text
            for name in sorted(self.hyperparameters)
            for text in (
                f"--{name}" if len(name) > 1 else f"-{name}",
                _argument(self.hyperparameters[name]),
            )
        ]

    def variables(self) -> dict[str, str]:
        """Return the ``SM_*`` variables, and those that name the job to older scripts."""
        described = self.described
        values: dict[str, Any] = {
            **{key: described[key] for key in described.keys() & _SHARED},
            "hps": self.hyperparameters,
            "framework_params": self.framework,
            "channels": sorted(self.channels),
            "training_env": described,
            "user_args": self.arguments(),
            **{f"channel_{name}": str(paths.channel(name)) for name in self.channels},
            **{f"hp_{name}": value for name, value in self.hyperparameters.items()},
        }
        if described["topology"]:
            values["topology"] = described["topology"]
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
        return {
            **{f"SM_{name.upper()}": _variable(value) for name, value in values.items()},
            "CURRENT_HOST": self.resources["current_host"],
            "SAGEMAKER_JOB_NAME": str(self.own.get("sagemaker_job_name", "")),
            "SAGEMAKER_REGION": str(self.own.get("sagemaker_region") or region),
        }

    @cached_property
    def described(self) -> dict[str, Any]:
        """Return the environment as the toolkit describes it in ``SM_TRAINING_ENV``."""
        resources = self.resources
        group = resources.get("current_group_name", _HOMOGENEOUS)
        groups = {g["instance_group_name"]: g for g in resources.get("instance_groups", [])}
        distributed = self._distributed_groups(group)
        hosts = list(resources["hosts"])
        spread = [h for name in groups if name in distributed for h in groups[name]["hosts"]]
        if not groups:
            spread = hosts
        master = (spread or hosts)[0]
        program = self.user_entry_point
        return {
            "additional_framework_parameters": self.framework,
            "channel_input_dirs": {name: str(paths.channel(name)) for name in self.channels},
            "current_host": resources["current_host"],
            "current_instance_group": group,
            "current_instance_group_hosts": groups.get(group, {}).get("hosts", []),
            "current_instance_type": resources.get("current_instance_type", "local"),
            "distribution_hosts": spread,
            "distribution_instance_groups": distributed,
            "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
            "hosts": hosts,
            "hyperparameters": self.hyperparameters,
            "input_config_dir": str(paths.input_config()),
            "input_data_config": self.channels,
            "input_dir": str(paths.base() / "input"),
            "instance_groups": list(groups),
            "instance_groups_dict": groups,
            "is_hetero": len(groups) > 1,
            "is_master": resources["current_host"] == master,
            "is_modelparallel_enabled": _model_parallel(),
            "is_smddpmprun_installed": shutil.which("smddpmprun") is not None,
            "is_smddprun_installed": shutil.which("smddprun") is not None,
            "job_name": os.environ.get("TRAINING_JOB_NAME"),
            "log_level": self.own.get("sagemaker_container_log_level", logging.INFO),
            "master_hostname": master,
            "model_dir": str(paths.model()),
            "module_dir": self.submit_directory,
            "module_name": program.removesuffix(".py") if program else program,
            "network_interface_name": resources.get("network_interface_name", "eth0"),
            "num_cpus": os.cpu_count(),
            "num_gpus": _count("nvidia-smi --list-gpus", lambda out: out.count("\nGPU ")),
            "num_neurons": _count("neuron-ls -j", _neuron_cores),
            "output_data_dir": str(paths.output_data()),
            "output_dir": str(paths.output()),
            "output_intermediate_dir": str(paths.output() / "intermediate"),
            "resource_config": resources,
            "topology": resources.get("topology", []),
            "user_entry_point": program,
        }

    def _distributed_groups(self, current: str) -> list[str]:
        given = self.framework.get("sagemaker_distribution_instance_groups")
        if given is not None:
            return list(given)
        wanted = any(self.framework.get(f"{_PREFIX}{kind}_enabled") for kind in _DISTRIBUTIONS)
        return [current] if wanted else []


_SHARED = frozenset(
    [
        "hosts",
        "network_interface_name",
        "user_entry_point",
        "resource_config",
        "input_data_config",
        "output_data_dir",
        "current_host",
        "current_instance_type",
        "current_instance_group",
        "current_instance_group_hosts",
        "instance_groups",
        "instance_groups_dict",
        "distribution_instance_groups",
        "is_hetero",
        "module_name",
        "log_level",
        "framework_module",
        "input_dir",
        "input_config_dir",
        "output_dir",
        "num_cpus",
        "num_gpus",
        "num_neurons",
        "model_dir",
        "module_dir",
        "output_intermediate_dir",
    ]
)


def _decode(value: Any) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def _argument(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def _variable(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _model_parallel() -> bool | str | None:
    parameters = os.environ.get("SM_HP_MP_PARAMETERS")
    return parameters and parameters != "{}"


def _count(command: str, number: Any) -> int:  # noqa: ANN401 - str -> int
    """Run a vendor's listing tool; 0 where it is not installed or finds no device."""
    try:
        done = subprocess.run(command.split(), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(number("\n" + done.stdout))


def _neuron_cores(listing: str) -> int:
    devices: Iterable[Mapping[str, int]] = json.loads(listing)
    return sum(device.get("nc_count", 0) for device in devices)

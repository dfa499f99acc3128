"""What a training container finds: files below ``/opt/ml`` and its environment.

Source: "How Amazon SageMaker Provides Training Information" in AWS's developer guide, and the
code of AWS's ``sagemaker-training`` toolkit, which reads all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...compute.protocol import ContainerSpec, Folder, NetworkMode, Overlay
from ...core.controllers import KIND_LABEL, UID_LABEL
from ...core.environment import container_environment
from ...core.store import Resource
from ...core.studio import Studio
from ..cluster import Cluster
from ..files import open_to_any_user, write_json, write_metadata
from ..hosts import INTERFACE, Host, resource_config
from ..images import resolve_image
from ..inputs.channels import channels_of, input_data_config
from ..warm.cache import CACHE, VARIABLE, cache_mount
from .folders import CHECKPOINTS, mounts
from .metrics import definitions

METRICS = "/opt/ml/output/metrics/sagemaker"


def prepare_folders(base: Path, job: Resource, hosts: Sequence[Host], host: Host) -> None:
    """Make what SageMaker makes on a host before it starts a container. Safe to repeat.

    ``base`` is the host folder that stands for ``/``.
    """
    for folder in ("input/data", "model", "output/data", "output/metrics/sagemaker"):
        (base / "opt/ml" / folder).mkdir(parents=True, exist_ok=True)
    for mount in mounts(job.wish, base):
        mount.source.mkdir(parents=True, exist_ok=True)
    config = base / "opt/ml/input/config"
    write_json(config / "hyperparameters.json", job.wish.get("HyperParameters", {}))
    mode = job.wish["AlgorithmSpecification"]["TrainingInputMode"]
    write_json(
        config / "inputdataconfig.json",
        input_data_config(channels_of(job.wish.get("InputDataConfig", []), host.group), mode),
    )
    write_json(config / "resourceconfig.json", resource_config(hosts, host))
    write_json(config / "metric-definition-regex.json", definitions(job.wish))
    for member in ("CheckpointConfig", "DebugHookConfig", "ProfilerConfig"):
        if member in job.wish:
            write_json(
                config / f"{member.lower()}.json", _with_local_path(member, job.wish[member])
            )
    write_json(config / "trainingjobconfig.json", {**job.wish, "TrainingJobArn": job.arn})
    write_metadata(base, job)
    open_to_any_user(base)


def container_spec(
    studio: Studio,
    job: Resource,
    cluster: Cluster,
    host: Host,
    channels: Sequence[Folder | Overlay],
) -> ContainerSpec:
    """Return the container of one host of a job."""
    algorithm = job.wish["AlgorithmSpecification"]
    isolated = job.wish.get("EnableNetworkIsolation", False)
    network = NetworkMode.NONE if isolated else NetworkMode.STUDIO
    entrypoint = algorithm.get("ContainerEntrypoint")
    base = studio.run_folder(job, host.part)
    ml = base / "opt/ml"
    cache = cache_mount(studio, job)
    return ContainerSpec(
        name=cluster.name(host),
        image=resolve_image(studio, algorithm["TrainingImage"]),
        base=base,
        labels={UID_LABEL: job.uid, KIND_LABEL: job.kind},
        entrypoint=entrypoint,
        command=algorithm.get("ContainerArguments", [] if entrypoint else ["train"]),
        environment={
            **job.wish.get("Environment", {}),
            **container_environment(studio, job, network),
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": job.arn,
            "SAGEMAKER_METRICS_DIRECTORY": METRICS,
            "DMLC_INTERFACE": INTERFACE,
            **({VARIABLE: CACHE} if cache else {}),
        },
        mounts=[
            Folder(ml / "input", "/opt/ml/input"),
            Folder(ml / "model", "/opt/ml/model"),
            Folder(ml / "output", "/opt/ml/output"),
            Folder(ml / "metadata", "/opt/ml/metadata", read_only=True),
            *mounts(job.wish, base),
            *cache,
            *channels,
        ],
        limits=cluster.limits(host),
        network=network,
        hostname=host.name,
        group=cluster.group,
    )


def _with_local_path(member: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as the container reads it, which needs the default path in it."""
    default = {"LocalPath": CHECKPOINTS} if member == "CheckpointConfig" else {}
    return {**default, **config}

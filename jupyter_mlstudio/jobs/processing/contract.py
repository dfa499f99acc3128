"""What a processing container finds: files below ``/opt/ml`` and its environment.

Source: "How Amazon SageMaker Runs Your Processing Image" in AWS's developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
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
from ..s3uri import S3Uri
from ..sync import Synced
from .checks import ROOT

_MEMBERS = (
    "ProcessingJobName",
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "RoleArn",
    "StoppingCondition",
    "NetworkConfig",
    "ExperimentConfig",
)


def prepare_folders(base: Path, job: Resource, hosts: Sequence[Host], host: Host) -> None:
    """Make what SageMaker makes on a host before it starts a container. Safe to repeat."""
    for folder in (ROOT, "/opt/ml/output", *(output.local for output in outputs(job.wish))):
        (base / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    config = {member: job.wish[member] for member in _MEMBERS if member in job.wish}
    written = base / "opt/ml/config"
    write_json(written / "processingjobconfig.json", {"ProcessingJobArn": job.arn, **config})
    write_json(written / "resourceconfig.json", resource_config(hosts, host))
    write_metadata(base, job)
    open_to_any_user(base)


def container_spec(
    studio: Studio, job: Resource, cluster: Cluster, host: Host, inputs: Sequence[Overlay]
) -> ContainerSpec:
    """Return the container of one host of a job."""
    app = job.wish["AppSpecification"]
    isolated = job.wish.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
    network = NetworkMode.NONE if isolated else NetworkMode.STUDIO
    base = studio.run_folder(job, host.part)
    return ContainerSpec(
        name=cluster.name(host),
        image=resolve_image(studio, app["ImageUri"]),
        base=base,
        labels={UID_LABEL: job.uid, KIND_LABEL: job.kind},
        entrypoint=app.get("ContainerEntrypoint"),
        command=app.get("ContainerArguments"),
        environment={
            **job.wish.get("Environment", {}),
            **container_environment(studio, job, network),
            "PROCESSING_JOB_NAME": job.name,
            "PROCESSING_JOB_ARN": job.arn,
            "DMLC_INTERFACE": INTERFACE,
        },
        mounts=[*_folders(job.wish, base), *inputs],
        limits=cluster.limits(host),
        network=network,
        hostname=host.name,
        group=cluster.group,
    )


def _folders(wish: Mapping[str, Any], base: Path) -> Iterator[Folder]:
    for folder in (ROOT, "/opt/ml/config", "/opt/ml/output"):
        yield Folder(base / folder.lstrip("/"), folder)
    yield Folder(base / "opt/ml/metadata", "/opt/ml/metadata", read_only=True)
    inputs = [
        given["S3Input"]["LocalPath"]
        for given in wish.get("ProcessingInputs", [])
        if not given.get("AppManaged")
    ]
    for output in outputs(wish):
        local = PurePosixPath(output.local)
        # Below an input, the container would write into the input's own layer.
        if not local.is_relative_to(ROOT) or any(local.is_relative_to(given) for given in inputs):
            yield Folder(base / output.local.lstrip("/"), output.local)


def outputs(wish: Mapping[str, Any], mode: str | None = None) -> list[Synced]:
    """Return the folders that SageMaker uploads, of one ``S3UploadMode`` or all."""
    found = []
    for output in wish.get("ProcessingOutputConfig", {}).get("Outputs", []):
        target = output.get("S3Output")
        if target is None or output.get("AppManaged"):
            continue
        if mode is None or target["S3UploadMode"] == mode:
            found.append(
                Synced(target["LocalPath"].rstrip("/"), S3Uri.parse(target["S3Uri"], "s3"))
            )
    return found

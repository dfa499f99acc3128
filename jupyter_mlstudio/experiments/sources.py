"""Jobs as trial components show them: what they were given and what they left.

The names of parameters and artifacts are those of the components that SageMaker makes for jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.store import Resource

SUFFIXES = {
    "TrainingJob": "-aws-training-job",
    "ProcessingJob": "-aws-processing-job",
}
"""What SageMaker appends to the name of a job to name its component, by kind."""


def component_name(job: Resource) -> str:
    """Return the name of the trial component of a job."""
    return f"{job.name}{SUFFIXES[job.kind]}"


def source_type(arn: str) -> str:
    """Return SageMaker's name for the kind of resource with an ARN."""
    for path, name in (("training-job", "Training"), ("processing-job", "Processing")):
        if f":{path}/" in arn:
            return f"SageMaker{name}Job"
    return "Unknown"


def parameters(job: Resource) -> dict[str, Any]:
    """Return image, instances and hyperparameters as ``Parameters``."""
    wish = job.wish
    if job.kind == "TrainingJob":
        image = wish["AlgorithmSpecification"].get("TrainingImage")
        resources = wish["ResourceConfig"]
    else:
        image = wish["AppSpecification"]["ImageUri"]
        resources = wish["ProcessingResources"]["ClusterConfig"]
    groups = resources.get("InstanceGroups") or [resources]
    types = ", ".join(dict.fromkeys(group["InstanceType"] for group in groups))
    shown: dict[str, Any] = {
        "SageMaker.InstanceCount": _number(sum(g.get("InstanceCount", 1) for g in groups)),
        "SageMaker.InstanceType": {"StringValue": types},
    }
    if image:
        shown["SageMaker.ImageUri"] = {"StringValue": image}
    if "VolumeSizeInGB" in resources:
        shown["SageMaker.VolumeSizeInGB"] = _number(resources["VolumeSizeInGB"])
    for name, value in wish.get("HyperParameters", {}).items():
        shown[name] = _parameter(value)
    return shown


def inputs(job: Resource) -> dict[str, Any]:
    """Return where the data came from as ``InputArtifacts``."""
    return {name: {"Value": uri} for name, uri in _inputs(job.wish) if uri}


def outputs(job: Resource) -> dict[str, Any]:
    """Return what a job left as ``OutputArtifacts``."""
    if job.kind == "TrainingJob":
        model = job.facts.get("ModelArtifacts")
        return {"SageMaker.ModelArtifact": {"Value": model}} if model else {}
    return {
        output["OutputName"]: {"Value": output["S3Output"]["S3Uri"]}
        for output in job.wish.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if "S3Output" in output
    }


def _inputs(wish: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for channel in wish.get("InputDataConfig", []):
        data = channel["DataSource"]
        files = data.get("FileSystemDataSource")
        place = f"{files['FileSystemId']}:{files['DirectoryPath']}" if files else None
        yield channel["ChannelName"], data.get("S3DataSource", {}).get("S3Uri") or place
    for given in wish.get("ProcessingInputs", []):
        yield given["InputName"], given.get("S3Input", {}).get("S3Uri")


def _number(value: float) -> dict[str, Any]:
    return {"NumberValue": float(value)}


def _parameter(text: str) -> dict[str, Any]:
    try:
        return {"NumberValue": float(text)}
    except ValueError:
        return {"StringValue": text}

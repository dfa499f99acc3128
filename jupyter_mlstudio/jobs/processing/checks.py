"""What CreateProcessingJob refuses beyond the constraints in the service model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath
from typing import Any

from ...core.studio import Studio
from ...wire.errors import AWSError, validation_error
from ..checks import check_command, check_environment, check_hosts
from ..images import resolve_image
from ..s3uri import S3Uri

ROOT = "/opt/ml/processing"
_TAKEN = ("/opt/ml/config", "/opt/ml/metadata", "/opt/ml/output")


def check(studio: Studio, request: Mapping[str, Any]) -> None:
    """Refuse a job that could never run.

    Raises
    ------
    AWSError
        ``ValidationException`` for what AWS's reference rules out, ``ResourceLimitExceeded`` for
        what this machine never has, ``UnsupportedOperation`` naming what the studio cannot do.
    """
    resolve_image(studio, request["AppSpecification"]["ImageUri"])
    check_environment(request.get("Environment", {}))
    check_command(request["AppSpecification"], "AppSpecification")
    check_hosts(
        studio,
        request["ProcessingResources"]["ClusterConfig"],
        "processingResources.clusterConfig",
    )
    for number, given in enumerate(request.get("ProcessingInputs", []), 1):
        _check_input(given, number)
    for number, output in enumerate(_outputs(request), 1):
        _check_output(output, number)
    _check_unique(request)
    for given in request.get("ProcessingInputs", []):
        if given.get("S3Input", {}).get("S3InputMode") == "Pipe" and not given.get("AppManaged"):
            _check_fifos(given["S3Input"]["LocalPath"], set(_local_paths(request)))


def _outputs(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    outputs: list[Mapping[str, Any]] = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return outputs


def _check_input(given: Mapping[str, Any], number: int) -> None:
    name = given["InputName"]
    kinds = [member for member in ("S3Input", "DatasetDefinition") if member in given]
    if len(kinds) != 1:
        raise validation_error(
            f"Processing input {name} must have exactly one of S3Input and DatasetDefinition."
        )
    if given.get("AppManaged"):
        return
    if kinds == ["DatasetDefinition"]:
        raise _unsupported(f"DatasetDefinition (input {name})")
    source = given["S3Input"]
    member = f"processingInputs.{number}.member.s3Input"
    S3Uri.parse(source["S3Uri"], f"{member}.s3Uri")
    if "LocalPath" not in source:
        raise validation_error(f"Processing input {name} needs LocalPath unless it is AppManaged.")
    _check_path(source["LocalPath"], f"{member}.localPath")
    if not PurePosixPath(source["LocalPath"]).is_relative_to(ROOT):
        raise validation_error(
            f"The LocalPath {source['LocalPath']} of processing input {name} must begin with "
            f"{ROOT}/."
        )
    if "S3InputMode" not in source:
        raise validation_error(
            f"Processing input {name} needs S3InputMode unless it is AppManaged."
        )
    if source["S3InputMode"] == "Pipe":
        if PurePosixPath(source["LocalPath"]) == PurePosixPath(ROOT):
            raise validation_error(
                f"The LocalPath {source['LocalPath']} of processing input {name} in Pipe mode must "
                f"be below {ROOT}."
            )
    elif source.get("S3CompressionType", "None") == "Gzip":
        raise validation_error(
            f"Processing input {name}: S3CompressionType Gzip needs S3InputMode Pipe."
        )


def _check_output(output: Mapping[str, Any], number: int) -> None:
    name = output["OutputName"]
    kinds = [member for member in ("S3Output", "FeatureStoreOutput") if member in output]
    if len(kinds) != 1:
        raise validation_error(
            f"Processing output {name} must have exactly one of S3Output and FeatureStoreOutput."
        )
    if kinds == ["FeatureStoreOutput"]:
        if not output.get("AppManaged"):
            raise validation_error(
                f"Processing output {name}: FeatureStoreOutput needs AppManaged."
            )
        return
    target = output["S3Output"]
    member = f"processingOutputConfig.outputs.{number}.member.s3Output"
    S3Uri.parse(target["S3Uri"], f"{member}.s3Uri")
    if output.get("AppManaged"):
        return
    if "LocalPath" not in target:
        raise validation_error(f"Processing output {name} needs LocalPath unless it is AppManaged.")
    _check_path(target["LocalPath"], f"{member}.localPath")


def _check_path(text: str, member: str) -> None:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or "\0" in text:
        raise validation_error(
            f"1 validation error detected: Value '{text}' at '{member}' failed to satisfy "
            "constraint: Member must be an absolute path"
        )
    allowed = path.is_relative_to("/opt/ml") and path != PurePosixPath("/opt/ml")
    if not allowed or any(path.is_relative_to(taken) for taken in _TAKEN):
        raise validation_error(
            f"1 validation error detected: Value '{text}' at '{member}' failed to satisfy "
            f"constraint: Member must be a path below {ROOT}"
        )


def _check_unique(request: Mapping[str, Any]) -> None:
    for what, names in (
        ("input name", [given["InputName"] for given in request.get("ProcessingInputs", [])]),
        ("output name", [output["OutputName"] for output in _outputs(request)]),
        ("LocalPath", list(_local_paths(request))),
    ):
        for name in names:
            if names.count(name) > 1:
                raise validation_error(f"Duplicate {what}: {name}")


def _check_fifos(local: str, paths: AbstractSet[str]) -> None:
    """Refuse FIFOs where another input or output would hide them."""
    path = PurePosixPath(local)
    for other in paths - {str(path)}:
        if path.parent.is_relative_to(other) or re.fullmatch(rf"{re.escape(str(path))}_\d+", other):
            raise validation_error(
                f"The LocalPath {local} is in Pipe mode, and its FIFOs {local}_0, {local}_1 ... "
                f"would lie in or at {other}, another LocalPath."
            )


def _local_paths(request: Mapping[str, Any]) -> Iterator[str]:
    members = [
        *((given, "S3Input") for given in request.get("ProcessingInputs", [])),
        *((output, "S3Output") for output in _outputs(request)),
    ]
    for holder, member in members:
        if not holder.get("AppManaged") and "LocalPath" in holder.get(member, {}):
            yield str(PurePosixPath(holder[member]["LocalPath"]))


def _unsupported(what: str) -> AWSError:
    return AWSError(
        "UnsupportedOperation", f"CreateProcessingJob: this studio does not support {what} yet."
    )

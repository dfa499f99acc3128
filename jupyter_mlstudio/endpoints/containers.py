"""Container definitions: what CreateModel takes, and what it comes to when it is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.studio import Studio
from ..jobs.checks import check_variables
from ..jobs.images import resolve_image
from ..jobs.s3uri import S3Uri
from ..registry.deploy import deployable
from ..wire.errors import AWSError, validation_error

Definition = Mapping[str, Any]


def check_definitions(request: Mapping[str, Any]) -> Definition:
    """Return the one container of a CreateModel request.

    Raises
    ------
    AWSError
        ``ValidationException`` for definitions that contradict themselves;
        ``UnsupportedOperation`` naming what the studio cannot serve yet.
    """
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if primary and several:
        raise validation_error(
            "Cannot specify both PrimaryContainer and Containers in one CreateModel request."
        )
    definitions: Sequence[Definition] = several or ([] if primary is None else [primary])
    if not definitions:
        raise validation_error("A model needs a PrimaryContainer or a list of Containers.")
    names = [each["ContainerHostname"] for each in definitions if each.get("ContainerHostname")]
    if len(set(names)) != len(names):
        raise validation_error(f"Duplicate container hostnames: {', '.join(sorted(names))}.")
    for definition in definitions:
        _check_definition(definition)
    if len(definitions) > 1:
        raise _unsupported("more than one container in a model")
    return definitions[0]


def _check_definition(definition: Definition) -> None:
    image, package = definition.get("Image"), definition.get("ModelPackageName")
    if bool(image) == bool(package):
        raise validation_error("A container needs either an Image or a ModelPackageName.")
    if definition.get("ModelDataUrl") and definition.get("ModelDataSource"):
        raise validation_error("A container takes either ModelDataUrl or ModelDataSource.")
    if package and (definition.get("ModelDataUrl") or definition.get("ModelDataSource")):
        raise validation_error(
            "The model data of a container with ModelPackageName is the package's."
        )
    if definition.get("Mode", "SingleModel") != "SingleModel":
        raise _unsupported("containers with Mode MultiModel")
    if definition.get("AdditionalModelDataSources"):
        raise _unsupported("AdditionalModelDataSources")
    if definition.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") != "Platform":
        raise _unsupported("ImageConfig.RepositoryAccessMode Vpc")


def resolve(studio: Studio, account: str, region: str, definition: Definition) -> dict[str, Any]:
    """Return what to run for a container definition: image, environment and model data.

    A model package is looked up in the registry, and has to be approved.

    Raises
    ------
    AWSError
        ``ValidationException`` where image, package or model data is not there.
    """
    source = definition
    if package := definition.get("ModelPackageName"):
        specification = definition.get("InferenceSpecificationName")
        source = deployable(studio.store, account, region, package, specification)
        _check_definition({"Image": source.get("Image"), **_only_data(source)})
    resolved: dict[str, Any] = {
        "Specified": source["Image"],
        "Image": resolve_image(studio, source["Image"]),
        "Environment": {**source.get("Environment", {}), **definition.get("Environment", {})},
        "Hostname": definition.get("ContainerHostname") or "primary",
    }
    check_variables(resolved["Environment"])
    if data := model_data(source):
        _check_exists(studio, data)
        resolved["ModelData"] = data
    return resolved


def model_data(definition: Definition) -> dict[str, str] | None:
    """Return where a container's model is, None where it has none.

    ``Uri`` and ``Form``: ``Archive`` (a gzipped tar), ``Prefix`` or ``Object``.
    """
    if url := definition.get("ModelDataUrl"):
        S3Uri.parse(url, "modelDataUrl")
        if not url.endswith(".tar.gz"):
            raise validation_error(f"ModelDataUrl must name a .tar.gz archive: {url}")
        return {"Uri": url, "Form": "Archive"}
    source = definition.get("ModelDataSource", {}).get("S3DataSource")
    if not source:
        return None
    uri, kind, packed = source["S3Uri"], source["S3DataType"], source["CompressionType"]
    S3Uri.parse(uri, "modelDataSource.s3DataSource.s3Uri")
    if (kind, packed) == ("S3Prefix", "Gzip"):
        raise validation_error("Model data with CompressionType Gzip must be one S3Object.")
    if kind == "S3Prefix" and not uri.endswith("/"):
        raise validation_error(f"An S3Prefix of model data must end in a slash: {uri}")
    form = {"Gzip": "Archive", "None": "Prefix" if kind == "S3Prefix" else "Object"}[packed]
    return {"Uri": uri, "Form": form}


def _check_exists(studio: Studio, data: Mapping[str, str]) -> None:
    uri = S3Uri.parse(data["Uri"], "modelDataUrl")
    if data["Form"] == "Prefix":
        found = next(iter(studio.objects.list(uri.bucket, uri.key)), None)
    else:
        found = studio.objects.get(uri.bucket, uri.key)
    if found is None:
        raise validation_error(f"Could not find model data at {uri}.")


def _only_data(source: Definition) -> dict[str, Any]:
    return {key: source[key] for key in ("ModelDataUrl", "ModelDataSource") if source.get(key)}


def _unsupported(what: str) -> AWSError:
    return AWSError(
        "UnsupportedOperation", f"CreateModel: this studio does not support {what} yet."
    )

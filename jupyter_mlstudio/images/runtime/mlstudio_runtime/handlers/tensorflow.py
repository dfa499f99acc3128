"""The defaults of AWS's TensorFlow container: a SavedModel, asked in the JSON of its REST API.

Sources: "Use TensorFlow with the SageMaker Python SDK" and TensorFlow Serving's "RESTful API".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .. import media
from ..server.app import RequestError
from . import formats

REFUSED = ("handler", "input_handler", "output_handler")
"""What AWS's container lets inference code define around TensorFlow Serving."""
_SIGNATURE = "serving_default"
_ROWS, _COLUMNS = "instances", "inputs"


@dataclass(frozen=True)
class Model:
    """A signature of a SavedModel, which lives as long as what it was loaded from."""

    loaded: Any
    call: Callable[..., Mapping[str, Any]]
    inputs: Mapping[str, tf.TensorSpec]


def gpu() -> int | None:
    """Return what inference code finds as ``gpu_id`` in its context."""
    return 0 if tf.config.list_physical_devices("GPU") else None


def model_fn(model_dir: str) -> Model:
    """Load the SavedModel of the highest version: ``1/``, or ``name/1/`` with any name.

    Raises
    ------
    RuntimeError
        There is none, or it has no signature ``serving_default``.
    """
    found = [path.parent for path in Path(model_dir).rglob("saved_model.pb")]
    if not found:
        raise RuntimeError(
            f"Without a model_fn '{model_dir}' must have a SavedModel in a folder named by its "
            "version, such as 1/saved_model.pb."
        )
    loaded = tf.saved_model.load(str(max(found, key=_version)))
    if _SIGNATURE not in loaded.signatures:
        names = ", ".join(loaded.signatures) or "none"
        raise RuntimeError(f"The SavedModel has no signature {_SIGNATURE}; it has {names}.")
    signature = loaded.signatures[_SIGNATURE]
    return Model(loaded, signature, signature.structured_input_signature[1])


def input_fn(body: bytes | str, content_type: str) -> dict[str, Any]:
    """Decode a body into ``instances``, a row each, or ``inputs``, a column each.

    JSON may be either, or rows alone; CSV and NPY are rows.
    """
    if media.parse(content_type)[0] != media.JSON:
        return {_ROWS: formats.decode(body, content_type)}
    try:
        document = formats.parse_json(body if isinstance(body, str) else body.decode(), media.JSON)
    except ValueError as error:
        raise RequestError(400, f"The payload cannot be read as JSON: {error}.") from error
    if isinstance(document, dict):
        if _ROWS in document or _COLUMNS in document:
            return document
        raise RequestError(400, f"The payload has neither '{_ROWS}' nor '{_COLUMNS}'.")
    return {_ROWS: document}


def predict_fn(data: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """Call the signature; return ``predictions`` by row, or ``outputs`` by column."""
    rows = _ROWS in data
    columns = _columns(data[_ROWS], model) if rows else data[_COLUMNS]
    if not isinstance(columns, Mapping):
        columns = {_only(model): columns}
    try:
        tensors = {name: _tensor(columns[name], name, spec) for name, spec in model.inputs.items()}
        found = {name: value.numpy() for name, value in model.call(**tensors).items()}
    except KeyError as error:
        raise RequestError(400, f"The payload has no input {error}.") from error
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        raise RequestError(400, f"The payload does not fit the model: {error}") from error
    return {"predictions": _by_row(found)} if rows else {"outputs": _single(found)}


def output_fn(prediction: Any, accept: str) -> tuple[bytes, str]:  # noqa: ANN401 - what the model returned
    """Encode as JSON whole; in other formats, the predictions alone."""
    if media.parse(accept.partition(",")[0])[0] in (media.JSON, "*/*"):
        return formats.encode(prediction, media.JSON)
    values = prediction.get("predictions", prediction.get("outputs"))
    return formats.encode(values, accept)


def _version(folder: Path) -> tuple[int, str]:
    return (int(folder.name) if folder.name.isdigit() else -1, str(folder))


def _tensor(value: Any, name: str, spec: tf.TensorSpec) -> Any:  # noqa: ANN401 - JSON or an array
    tensor = tf.convert_to_tensor(value, dtype=spec.dtype)
    if not spec.shape.is_compatible_with(tensor.shape):
        raise ValueError(f"input {name} has the shape {tensor.shape}, not {spec.shape}")
    return tensor


def _columns(rows: Any, model: Model) -> Any:  # noqa: ANN401 - JSON or an array
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        try:
            return {name: [row[name] for row in rows] for name in model.inputs}
        except (KeyError, TypeError) as error:
            raise RequestError(400, f"An instance has no input {error}.") from error
    return rows


def _only(model: Model) -> str:
    if len(model.inputs) != 1:
        names = ", ".join(model.inputs)
        raise RequestError(400, f"The model has several inputs, to be given by name: {names}.")
    return next(iter(model.inputs))


def _single(found: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an array, or several by name
    return dict(found) if len(found) > 1 else next(iter(found.values()))


def _by_row(found: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an array, or rows of several
    if len(found) == 1:
        return next(iter(found.values()))
    count = len(np.atleast_1d(next(iter(found.values()))))
    return [{name: value[row] for name, value in found.items()} for row in range(count)]

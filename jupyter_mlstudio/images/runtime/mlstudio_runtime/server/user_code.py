"""Script mode serving: the user's ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn``."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .. import media
from .app import RequestError
from .http import Request, Response

_JSON_LIKE = (media.JSON, media.JSONLINES)


class UserCode:
    """Handlers of a module, with defaults for those it does not define.

    ``transform_fn(model, body, content_type, accept)`` takes the place of the other three.

    Parameters
    ----------
    module:
        The file to import.
    model_dir:
        What ``model_fn`` is given.
    """

    def __init__(self, module: Path, model_dir: Path) -> None:
        self._module = _import(module)
        self._model = self._function("model_fn", _no_model_fn)(str(model_dir))
        self._transform = getattr(self._module, "transform_fn", None)
        self._input = self._function("input_fn", default_input)
        self._predict = self._function("predict_fn", default_predict)
        self._output = self._function("output_fn", default_output)

    def invoke(self, request: Request) -> Response:
        """Answer an invocation."""
        content_type = request.headers.get("content-type") or media.JSON
        accept = _accept(request)
        body: bytes | str = request.body
        if content_type.startswith("text/") or media.parse(content_type)[0] in _JSON_LIKE:
            body = request.body.decode()
        if self._transform:
            return _response(self._transform(self._model, body, content_type, accept), accept)
        prediction = self._predict(self._input(body, content_type), self._model)
        return _response(self._output(prediction, accept), accept)

    def _function(self, name: str, default: Callable[..., Any]) -> Callable[..., Any]:
        return getattr(self._module, name, default)


def default_input(body: bytes | str, content_type: str) -> Any:  # noqa: ANN401 - what the body holds
    """Decode JSON, JSON lines, CSV or NPY into what numpy or JSON makes of it."""
    kind, _ = media.parse(content_type)
    text = body if isinstance(body, str) else ""
    data = body if isinstance(body, bytes) else body.encode()
    match kind:
        case media.JSON:
            return json.loads(data)
        case media.JSONLINES:
            return [json.loads(line) for line in data.splitlines() if line.strip()]
        case media.CSV:
            return np.genfromtxt(io.StringIO(text or data.decode()), delimiter=",", ndmin=2)
        case media.NPY:
            return np.load(io.BytesIO(data), allow_pickle=False)
    raise RequestError(415, f"Content type {content_type} is not supported; define input_fn.")


def default_predict(data: Any, model: Any) -> Any:  # noqa: ANN401 - the user's model
    """Call ``model.predict``, on a DMatrix where the model is an xgboost Booster."""
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        import xgboost as xgb

        data = data if isinstance(data, xgb.DMatrix) else xgb.DMatrix(np.atleast_2d(data))
        return model.predict(data, validate_features=False)
    return model.predict(data)


def default_output(prediction: Any, accept: str) -> tuple[bytes, str]:  # noqa: ANN401 - the user's prediction
    """Encode a prediction as JSON, JSON lines, CSV or NPY."""
    kind, _ = media.parse(accept)
    listed = prediction.tolist() if hasattr(prediction, "tolist") else prediction
    match kind:
        case media.JSON:
            return json.dumps(listed).encode(), media.JSON
        case media.JSONLINES:
            return "".join(json.dumps(row) + "\n" for row in listed).encode(), media.JSONLINES
        case media.CSV:
            out = io.StringIO()
            np.savetxt(out, np.atleast_1d(np.asarray(prediction)), delimiter=",", fmt="%s")
            return out.getvalue().encode(), media.CSV
        case media.NPY:
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(prediction), allow_pickle=False)
            return buffer.getvalue(), media.NPY
    raise RequestError(406, f"Accept {accept} is not supported; define output_fn.")


def _accept(request: Request) -> str:
    given = request.headers.get("accept", "*/*").partition(",")[0]
    default = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or media.JSON
    return default if given in ("*/*", "") else given


def _response(result: Any, accept: str) -> Response:  # noqa: ANN401 - what the user's code returns
    """Make an answer of a body, of (body, content type), or of an iterator of chunks."""
    body, content_type = result if isinstance(result, tuple) else (result, accept)
    if isinstance(body, Response):
        return body
    if isinstance(body, str):
        body = body.encode()
    elif isinstance(body, bytearray | memoryview):
        body = bytes(body)
    elif not isinstance(body, bytes):
        if not isinstance(body, Iterable) or isinstance(body, list | dict | np.ndarray):
            return _response(default_output(body, content_type), accept)
        body = (chunk.encode() if isinstance(chunk, str) else bytes(chunk) for chunk in body)
    return Response(200, body, content_type)


def _no_model_fn(model_dir: str) -> Any:  # noqa: ANN401 - never returns
    raise NotImplementedError(f"The inference code must define model_fn, to load '{model_dir}'.")


def _import(path: Path) -> ModuleType:
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"'{path}' is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

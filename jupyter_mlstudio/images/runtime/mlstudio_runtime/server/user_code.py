"""Script mode serving: the user's ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn``."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .. import media
from ..handlers import formats
from .app import RequestError
from .context import Context
from .http import Request, Response

Function = Callable[..., Any]

_PARTS = ("input_fn", "predict_fn", "output_fn")


class UserCode:
    """Handlers of a module, with the framework's for those it does not define.

    ``transform_fn(model, body, content_type, accept)`` takes the place of the other three.
    ``pre_model_fn(model_dir)`` and ``model_warmup_fn(model_dir, model)`` run around ``model_fn``.
    A function that takes one argument more gets a :class:`Context` as its last.

    Parameters
    ----------
    module:
        The file to import; None where there is none.
    defaults:
        What :func:`mlstudio_runtime.framework.handlers` returns.
    model_dir:
        What ``model_fn`` is given.

    Raises
    ------
    ValueError
        The module defines ``transform_fn`` and one of those it takes the place of.
    """

    def __init__(self, module: Path | None, defaults: ModuleType, model_dir: Path) -> None:
        self._module = _import(module) if module else None
        self._defaults = defaults
        self._refuse(getattr(defaults, "REFUSED", ()))
        gpu = getattr(defaults, "gpu", lambda: None)()
        self._properties = {"model_dir": str(model_dir), "gpu_id": gpu}
        self._transform = self._transform_fn()
        self._input = self._function("input_fn", 2)
        self._predict = self._function("predict_fn", 2)
        self._output = self._function("output_fn", 2)
        self._model = self._load(str(model_dir))

    def invoke(self, request: Request) -> Response:
        """Answer an invocation."""
        context = Context(self._properties, request.headers)
        content_type = request.headers.get("content-type") or media.JSON
        accept = _accept(request)
        body = _body(request, content_type)
        if self._transform:
            result = self._transform(context, self._model, body, content_type, accept)
        else:
            data = self._input(context, body, content_type)
            prediction = self._predict(context, data, self._model)
            result = self._output(context, prediction, accept)
        return _response(result, accept, context)

    def _refuse(self, names: Sequence[str]) -> None:
        """Refuse functions that AWS's container of this framework has and we do not call."""
        found = [name for name in names if hasattr(self._module, name)]
        if found:
            raise ValueError(
                f"The inference code defines {', '.join(found)}, which this image does not call: "
                "define model_fn, input_fn, predict_fn or output_fn instead."
            )

    def _transform_fn(self) -> Function | None:
        transform = getattr(self._module, "transform_fn", None)
        others = [name for name in _PARTS if hasattr(self._module, name)]
        if transform and others:
            raise ValueError(f"The inference code defines transform_fn and {', '.join(others)}.")
        return _told(transform, 4) if transform else None

    def _function(self, name: str, arguments: int) -> Function:
        own = getattr(self._module, name, None)
        return _told(own or getattr(self._defaults, name), arguments)

    def _load(self, model_dir: str) -> Any:  # noqa: ANN401 - the user's model
        context = Context(self._properties, {})
        if before := getattr(self._module, "pre_model_fn", None):
            _told(before, 1)(context, model_dir)
        model = self._function("model_fn", 1)(context, model_dir)
        if after := getattr(self._module, "model_warmup_fn", None):
            _told(after, 2)(context, model_dir, model)
        return model


def _told(function: Function, arguments: int) -> Function:
    """Make a function take the context first, and see it last if it takes one argument more."""
    if len(inspect.signature(function).parameters) == arguments + 1:
        return lambda context, *given: function(*given, context)
    return lambda _context, *given: function(*given)


def _body(request: Request, content_type: str) -> bytes | str:
    kind, _ = media.parse(content_type)
    if kind not in formats.TEXT and not kind.startswith("text/"):
        return request.body
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(400, f"The payload cannot be read as {kind}: {error}.") from error


def _accept(request: Request) -> str:
    given = request.headers.get("accept") or "*/*"
    default = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or media.JSON
    return default if given.partition(",")[0].strip() == "*/*" else given


def _response(result: Any, accept: str, context: Context) -> Response:  # noqa: ANN401 - what the user's code returns
    """Make an answer of a body, of (body, content type), or of an iterator of chunks."""
    body, content_type = result if isinstance(result, tuple) else (result, _first(accept))
    if isinstance(body, Response):
        return body
    if isinstance(body, str):
        body = body.encode()
    elif isinstance(body, bytearray | memoryview):
        body = bytes(body)
    elif not isinstance(body, bytes):
        if not isinstance(body, Iterable) or isinstance(body, list | dict | np.ndarray):
            return _response(formats.encode(body, content_type), accept, context)
        body = (chunk.encode() if isinstance(chunk, str) else bytes(chunk) for chunk in body)
    return Response(context.status, body, context.content_type or content_type, context.headers)


def _first(accept: str) -> str:
    return accept.partition(",")[0].strip()


def _import(path: Path) -> ModuleType:
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"'{path}' is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

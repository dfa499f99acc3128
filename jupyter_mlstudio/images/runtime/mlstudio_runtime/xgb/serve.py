"""Serving the built-in algorithm XGBoost."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .. import media, recordio
from ..server.app import RequestError
from ..server.http import Request, Response
from ..tabular import decode_request
from .predict import Ensemble, predicted_labels

Array = NDArray[Any]
Row = Mapping[str, Any]

_INPUTS = (media.CSV, media.LIBSVM, media.RECORDIO)
_OUTPUTS = (media.CSV, media.JSON, media.JSONLINES, media.RECORDIO)
_SCORE = "score"
_LABEL_KEYS = ("predicted_label", "labels", "raw_score", "raw_scores")
_PROBABILITY_KEYS = (*_LABEL_KEYS, "probability", "probabilities")
_SELECTABLE = {
    "binary:logistic": _PROBABILITY_KEYS,
    "binary:logitraw": _LABEL_KEYS,
    "binary:hinge": _LABEL_KEYS,
    "multi:softmax": _LABEL_KEYS,
    "multi:softprob": _PROBABILITY_KEYS,
}
_REGRESSION = ("predicted_score",)


class Algorithm:
    """Answers invocations with the models of a folder, in SageMaker's formats."""

    def __init__(self, folder: Path) -> None:
        self._model = Ensemble.load(folder)
        self._batch = bool(os.environ.get("SAGEMAKER_BATCH"))
        selected = os.environ.get("SAGEMAKER_INFERENCE_OUTPUT", "")
        self._keys = [key.strip().lower() for key in selected.split(",") if key.strip()]

    def invoke(self, request: Request) -> Response:
        """Answer an invocation.

        Raises
        ------
        RequestError
            415 for the content type, 406 for the accept type, 400 for the payload.
        """
        if not request.body:
            return Response(204)
        accept = _accept(request)
        predictions = self._model.predict(self._rows(request))
        if self._keys:
            rows = select(predictions, self._keys, self._model.objective, self._model.num_class)
            return Response(200, _encode(rows, self._keys, accept), accept)
        if accept == media.CSV:
            values = map(str, predictions.tolist())
            text = "".join(f"{value}\n" for value in values) if self._batch else ",".join(values)
            return Response(200, text.encode(), f"{media.CSV}; charset=utf-8")
        scores = [{_SCORE: value} for value in predictions.tolist()]
        return Response(200, _encode(scores, [_SCORE], accept), accept)

    def _rows(self, request: Request) -> Any:  # noqa: ANN401 - array or csr_matrix
        given = request.headers.get("content-type") or media.CSV
        kind, _ = media.parse(given)
        if kind not in _INPUTS:
            raise RequestError(
                415, f"Content type {given} is not supported. Supported: {', '.join(_INPUTS)}."
            )
        try:
            rows = decode_request(request.body, kind)
        except ValueError as error:
            raise RequestError(400, f"The payload cannot be read as {kind}: {error}.") from error
        width = rows.shape[1]
        # A LIBSVM row names the features it has; the others need all of them.
        if width > self._model.width or (kind == media.CSV and width != self._model.width):
            raise RequestError(
                400,
                f"The payload has {width} feature(s) a row, the model has {self._model.width}.",
            )
        return rows


def select(
    predictions: Array, keys: Sequence[str], objective: str, num_class: int
) -> list[dict[str, Any]]:
    """Return, for each prediction, the keys of ``SAGEMAKER_INFERENCE_OUTPUT``.

    A key that does not go with the objective is NaN. ``probability`` is that of class 1 where
    there are two, and that of the winning class where there are more.
    """
    valid = _SELECTABLE.get(objective, _REGRESSION)
    labels = predicted_labels(predictions, objective)
    rows = []
    for prediction, label in zip(predictions, labels, strict=True):
        several = prediction.ndim == 1
        score = float(prediction.max()) if several else float(prediction)
        scores = prediction.tolist() if several else [1.0 - score, score]
        values = {
            "predicted_label": int(label),
            "labels": list(range(num_class or 2)),
            "probability": score,
            "probabilities": scores,
            "raw_score": score,
            "raw_scores": scores,
            "predicted_score": score,
        }
        rows.append({key: values[key] if key in valid else math.nan for key in keys})
    return rows


def _accept(request: Request) -> str:
    given = request.headers.get("accept") or "*/*"
    kinds = [media.parse(part)[0] for part in given.split(",")]
    if "*/*" in kinds[:1]:
        default = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or media.CSV
        kinds = [media.parse(default)[0]]
    for kind in kinds:
        if kind in _OUTPUTS:
            return kind
    if "*/*" in kinds:
        return media.CSV
    raise RequestError(
        406, f"Accept type {given} is not supported. Supported: {', '.join(_OUTPUTS)}."
    )


def _encode(rows: Iterable[Row], keys: Sequence[str], accept: str) -> bytes:
    if accept == media.JSON:
        return json.dumps({"predictions": list(rows)}).encode()
    if accept == media.JSONLINES:
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if accept == media.RECORDIO:
        return recordio.write_fields([{key: _listed(row[key]) for key in keys} for row in rows])
    return "\n".join(",".join(_cell(row[key]) for key in keys) for row in rows).encode()


def _listed(value: Any) -> list[float]:  # noqa: ANN401 - a number or several
    return list(value) if isinstance(value, list) else [value]


def _cell(value: Any) -> str:  # noqa: ANN401 - a number or several
    return f'"{value}"' if isinstance(value, list) else str(value)

"""Bodies of requests and answers as arrays, in the formats of AWS's inference toolkits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import media
from ..server.app import RequestError
from ..tabular import parse_csv

TEXT = frozenset({media.CSV, media.JSON, media.JSONLINES})
_KINDS = (media.JSON, media.JSONLINES, media.CSV, media.NPY)


def decode(body: bytes | str, content_type: str) -> NDArray[Any]:
    """Decode JSON, JSON lines, CSV or NPY.

    CSV has a row a line, also where there is one only.

    Raises
    ------
    RequestError
        415 for the content type, 400 for a body that is not of it.
    """
    kind, _ = media.parse(content_type)
    if kind not in _KINDS:
        raise RequestError(415, f"Content type {content_type} is not supported; define input_fn.")
    try:
        if kind == media.NPY:
            data = body.encode() if isinstance(body, str) else body
            return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
        text = body if isinstance(body, str) else body.decode()
        return parse_csv(text) if kind == media.CSV else np.array(parse_json(text, kind))
    except (ValueError, EOFError) as error:
        raise RequestError(400, f"The payload cannot be read as {kind}: {error}.") from error


def numbers(body: bytes | str, content_type: str) -> NDArray[Any]:
    """Decode as :func:`decode` does: float32 from text, NPY as it is.

    Raises
    ------
    RequestError
        As there, and 400 where the text holds something else than numbers.
    """
    array = decode(body, content_type)
    if media.parse(content_type)[0] not in TEXT:
        return array
    try:
        return array.astype(np.float32)
    except (ValueError, TypeError) as error:
        raise RequestError(400, f"The payload does not hold numbers alone: {error}.") from error


def parse_json(text: str, kind: str) -> Any:  # noqa: ANN401 - JSON
    """Return what JSON says, or a list of what each of JSON lines says."""
    if kind == media.JSON:
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:  # noqa: ANN401 - an array or JSON
    """Encode in the first format of ``accept`` that we have; return (body, content type).

    Raises
    ------
    RequestError
        406, there is none.
    """
    for choice in accept.split(","):
        kind, _ = media.parse(choice)
        kind = media.JSON if kind == "*/*" else kind
        if kind in _KINDS:
            return _ENCODERS[kind](prediction), kind
    raise RequestError(406, f"Accept {accept} is not supported; define output_fn.")


def _json(prediction: Any) -> bytes:  # noqa: ANN401 - an array or JSON
    return json.dumps(prediction, default=_listed).encode()


def _json_lines(prediction: Any) -> bytes:  # noqa: ANN401 - an array or JSON
    rows = [prediction] if isinstance(prediction, Mapping) else prediction
    return b"".join(_json(row) + b"\n" for row in rows)


def _csv(prediction: Any) -> bytes:  # noqa: ANN401 - an array or JSON
    rows = np.atleast_1d(np.asarray(prediction))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows[:, None] if rows.ndim == 1 else rows)
    return out.getvalue().encode()


def _npy(prediction: Any) -> bytes:  # noqa: ANN401 - an array or JSON
    out = io.BytesIO()
    np.save(out, np.asarray(prediction), allow_pickle=False)
    return out.getvalue()


def _listed(value: Any) -> Any:  # noqa: ANN401 - what json cannot encode itself
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a prediction of type {type(value).__name__} is not JSON; define output_fn")


_ENCODERS = {media.JSON: _json, media.JSONLINES: _json_lines, media.CSV: _csv, media.NPY: _npy}

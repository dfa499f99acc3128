"""Tables as SageMaker's tabular algorithms take them: files of a channel, bodies of requests."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from . import media, recordio
from .outcome import UserError

Array = NDArray[Any]
Features: TypeAlias = Array | csr_matrix

_DELIMITERS = ",;\t| "


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for training: ``features`` (n, d); ``labels``, ``weights`` and ``groups`` (n,)."""

    features: Features
    labels: Array
    weights: Array | None = None
    groups: Array | None = None


def read_channel(folder: Path, content_type: str | None, *, weighted: bool = False) -> Table:
    """Read every data file below ``folder`` into one table.

    Parameters
    ----------
    content_type:
        The channel's ``ContentType``; ``text/libsvm`` where it has none.
    weighted:
        CSV files have instance weights in the column after the label.

    Raises
    ------
    UserError
        There is no data, or it is not in that format. The message names the file.
    """
    kind, parameters = media.parse(content_type or media.LIBSVM)
    if kind not in _READERS:
        raise UserError(
            f"{content_type} is not a content type xgboost reads. It reads {', '.join(_READERS)}."
        )
    if kind == media.CSV and parameters.get("label_size", "1") != "1":
        raise UserError(f"In ContentType '{content_type}', label_size must be 1.")
    files = _data_files(folder)
    if not files:
        raise UserError(f"There is no data in channel '{folder.name}' ({folder}).")
    return _concatenate([_read_file(path, kind, weighted) for path in files])


def decode_request(body: bytes, kind: str) -> Features:
    """Decode the rows of a request in CSV, LIBSVM or RecordIO-protobuf, without labels.

    Raises
    ------
    ValueError
        The body is not in that format.
    """
    if kind == media.RECORDIO:
        return recordio.read(body).features
    text = body.decode()
    return parse_csv(text) if kind == media.CSV else parse_libsvm(text, labelled=False).features


def parse_csv(text: str) -> Array:
    """Parse comma-separated numbers into an array of shape (n, d); empty fields are NaN."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("there are no rows")
    width = lines[0].count(",") + 1
    if any(line.count(",") + 1 != width for line in lines):
        raise ValueError("the rows differ in their number of columns")
    fields = ",".join(lines).replace('"', "").split(",")
    values = [float(field) if field.strip() else np.nan for field in fields]
    return np.array(values, dtype=np.float32).reshape(len(lines), width)


def parse_libsvm(text: str, *, labelled: bool) -> Table:
    """Parse ``label[:weight] [qid:q] index:value ...`` lines.

    Where lines need no label (``labelled`` false), one is known by having no colon.
    """
    data, columns, ends = array("f"), array("q"), array("q", [0])
    labels, weights, groups = array("f"), array("f"), array("q")
    for line in text.splitlines():
        tokens = line.partition("#")[0].split()
        if not tokens:
            continue
        label, weighted, weight = tokens[0].partition(":")
        if labelled or not weighted:
            labels.append(float(label))
            tokens.pop(0)
        if labelled and weighted:
            weights.append(float(weight))
        for token in tokens:
            index, colon, value = token.partition(":")
            if not colon:
                raise ValueError(f"'{token}' is not index:value")
            if index == "qid":
                groups.append(int(value))
            else:
                columns.append(int(index))
                data.append(float(value))
        ends.append(len(data))
    count = len(ends) - 1
    if not count:
        raise ValueError("there are no rows")
    if columns and min(columns) < 0:
        raise ValueError("an index is negative")
    width = max(columns) + 1 if columns else 0
    matrix = csr_matrix((np.array(data), np.array(columns), np.array(ends)), shape=(count, width))
    return Table(
        matrix,
        np.array(labels),
        _one_per_row("weight", weights, count),
        _one_per_row("qid", groups, count),
    )


def _one_per_row(name: str, values: array[Any], count: int) -> Array | None:
    if not values:
        return None
    if len(values) != count:
        raise ValueError(f"some rows have a {name} and some have none")
    return np.array(values)


def _data_files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        and path.stat().st_size
    )


def _read_file(path: Path, kind: str, weighted: bool) -> Table:
    try:
        return _READERS[kind](path, weighted)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"File '{path.name}' cannot be read as {kind}: {error}") from error


def _read_csv(path: Path, weighted: bool) -> Table:
    import pandas as pd

    with path.open(newline="") as file:
        first = file.readline()
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        frame = pd.read_csv(path, header=None, sep=delimiter, dtype="float32")
    except ValueError as error:
        raise UserError(
            f"File '{path.name}' cannot be read as text/csv: {error}. SageMaker's CSV has numbers "
            f"only and no header line; this file begins with '{first.strip()[:50]}'."
        ) from error
    return _labelled(frame.to_numpy(), weighted)


def _read_parquet(path: Path, weighted: bool) -> Table:
    import pyarrow.parquet as parquet

    columns = parquet.read_table(path).columns
    return _labelled(np.column_stack([c.to_numpy().astype(np.float32) for c in columns]), weighted)


def _labelled(values: Array, weighted: bool) -> Table:
    first = 2 if weighted else 1
    if values.shape[1] <= first:
        raise ValueError("there must be a label and at least one feature")
    return Table(values[:, first:], values[:, 0], values[:, 1] if weighted else None)


def _read_libsvm(path: Path, _weighted: bool) -> Table:
    return parse_libsvm(path.read_text(), labelled=True)


def _read_recordio(path: Path, _weighted: bool) -> Table:
    records = recordio.read(path.read_bytes())
    if records.labels is None:
        raise ValueError("the records have no labels")
    return Table(records.features, records.labels)


_READERS: dict[str, Callable[[Path, bool], Table]] = {
    media.LIBSVM: _read_libsvm,
    media.CSV: _read_csv,
    media.PARQUET: _read_parquet,
    media.RECORDIO: _read_recordio,
}


def _concatenate(tables: Sequence[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    return Table(
        _stack([table.features for table in tables]),
        np.concatenate([table.labels for table in tables]),
        _join("weights", [table.weights for table in tables]),
        _join("groups", [table.groups for table in tables]),
    )


def concatenate(first: Table, second: Table) -> Table:
    """Return the rows of both tables."""
    return _concatenate([first, second])


def _stack(blocks: Sequence[Features]) -> Features:
    widths = {block.shape[1] for block in blocks}
    if any(isinstance(block, csr_matrix) for block in blocks):
        # A LIBSVM file does not say how wide its matrix is, only which columns it uses.
        shape = max(widths)
        sparse = [
            csr_matrix((block.data, block.indices, block.indptr), shape=(block.shape[0], shape))
            if isinstance(block, csr_matrix)
            else csr_matrix(block)
            for block in blocks
        ]
        return csr_matrix(vstack(sparse))
    if len(widths) > 1:
        raise UserError("The files of a channel differ in their number of columns.")
    return np.concatenate([np.asarray(block) for block in blocks])


def _join(name: str, parts: Sequence[Array | None]) -> Array | None:
    present = [part for part in parts if part is not None]
    if present and len(present) != len(parts):
        raise UserError(f"Some files have {name} and some have none.")
    return np.concatenate(present) if present else None

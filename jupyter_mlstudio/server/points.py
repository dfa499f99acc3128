"""All points of runs as a file, written while it is read: CSV or Parquet."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from ..wire.errors import AWSError
from .connection import StudioConnection

COLUMNS = ("run", "metric", "step", "time", "value")
"""Of a file; times are in seconds since 1970 in CSV, and timestamps in Parquet."""
_PAGE = 50_000

Page = list[dict[str, Any]]


class Writer(Protocol):
    """Makes bytes of a file from pages of points."""

    media_type: str

    def write(self, page: Page) -> bytes:
        """Return what comes next."""

    def close(self) -> bytes:
        """Return what ends the file."""


async def pages(
    studio: StudioConnection, runs: Sequence[str], metrics: Sequence[str] | None
) -> AsyncIterator[Page]:
    """Yield all points of runs, page by page; an element is a stretch of one series."""
    for run in runs:
        request: dict[str, Any] = {"TrialComponentName": run, "MaxResults": _PAGE}
        if metrics is not None:
            request["MetricNames"] = list(metrics)
        token: dict[str, str] = {}
        while True:
            answer = await studio.call("mlstudio", "ListRunPoints", {**request, **token})
            yield answer["Series"]
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}


class CsvWriter:
    """Comma-separated values, as RFC 4180 has them, in UTF-8."""

    media_type = "text/csv; charset=utf-8"

    def __init__(self) -> None:
        self._started = False

    def write(self, page: Page) -> bytes:
        """Return the lines of a page, below the names of columns."""
        text = io.StringIO()
        writer = csv.writer(text)
        if not self._started:
            writer.writerow(COLUMNS)
            self._started = True
        for series in page:
            run, metric = _safe(series["TrialComponentName"]), _safe(series["MetricName"])
            steps, times, values = (_doubles(series[m]) for m in ("Steps", "Times", "Values"))
            for step, time, value in zip(steps, times, values, strict=True):
                writer.writerow((run, metric, int(step), repr(time), repr(value)))
        return text.getvalue().encode()

    def close(self) -> bytes:
        """Return the names of columns where there was not a single page."""
        return b"" if self._started else self.write([])


class ParquetWriter:
    """Apache Parquet, a row group for every page."""

    media_type = "application/vnd.apache.parquet"

    def __init__(self) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise AWSError(
                "UnsupportedOperation",
                "Parquet needs pyarrow in the Jupyter server's environment: pip install pyarrow",
                status=501,
            ) from error
        self._arrow = pyarrow
        text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        kinds = (text, text, pyarrow.int64(), pyarrow.timestamp("us", "UTC"), pyarrow.float64())
        self._schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
        self._buffer = _Drain()
        self._file = parquet.ParquetWriter(self._buffer, self._schema)

    def write(self, page: Page) -> bytes:
        """Return a row group."""
        columns: list[list[Any]] = [[] for _ in COLUMNS]
        for series in page:
            values = _doubles(series["Values"])
            columns[0] += [series["TrialComponentName"]] * len(values)
            columns[1] += [series["MetricName"]] * len(values)
            columns[2] += map(int, _doubles(series["Steps"]))
            columns[3] += (round(time * 1e6) for time in _doubles(series["Times"]))
            columns[4] += values
        if columns[0]:
            arrays = [
                self._arrow.array(column, type=field.type)
                for column, field in zip(columns, self._schema, strict=True)
            ]
            self._file.write_table(self._arrow.table(arrays, schema=self._schema))
        return self._buffer.drain()

    def close(self) -> bytes:
        """Return the footer."""
        self._file.close()
        return self._buffer.drain()


WRITERS: dict[str, type[CsvWriter] | type[ParquetWriter]] = {
    "csv": CsvWriter,
    "parquet": ParquetWriter,
}


class _Drain(io.RawIOBase):
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def drain(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _doubles(packed: bytes) -> array[float]:
    return array("d", packed)


def _safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

"""Metrics that code in a training job writes to files.

AWS's experiments library and toolkits write them to ``SAGEMAKER_METRICS_DIRECTORY``: files
``*.json`` or ``*.jsonl``, a JSON object per line with ``MetricName``, ``Value``, ``Timestamp``
(seconds since the epoch) and ``Step`` or ``IterationNumber``.

A line counts once: how far a file has been read is stored together with the points. A container
made these files, so nothing they are or hold can lead us astray or keep us busy.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import IO, Any

from ...core.metrics import Point
from ...core.store import Resource
from ...core.studio import Studio
from ...storage.beneath import files_beneath, open_beneath

log = logging.getLogger(__name__)

FOLDER = "opt/ml/output/metrics/sagemaker"
PERIOD = 5.0
"""Seconds between two looks at the files of a running job."""

LOOKED_AT, MOST_FILES, MOST_NAMES = 10_000, 1000, 1000
CHUNK = 1 << 20
LONGEST = 1 << 16
MOST_BYTES = 64 << 20
"""Files of a host that are looked at and read, names a job may have, bytes of a line and a file."""

_SUFFIXES = (".json", ".jsonl")


def collect(studio: Studio, job: Resource, base: Path, part: str, *, ended: bool) -> None:
    """Store what the metric files of a host have grown by.

    ``base`` stands for ``/`` in its container. Until a job has ``ended``, a last line without a
    newline is one that is still being written.
    """
    found = islice(files_beneath(base, FOLDER), LOOKED_AT)
    paths = [file.path for file in found if file.path.endswith(_SUFFIXES)]
    if len(paths) > MOST_FILES:
        log.warning("Of the %d metric files of %s, %d are read", len(paths), job.name, MOST_FILES)
    for path in paths[:MOST_FILES]:
        try:
            with open_beneath(base, f"{FOLDER}/{path}") as file:
                _collect(studio, job, file, _stream(job, part, path), ended=ended)
        except OSError as error:
            log.info("A metric file of %s cannot be read: %s", job.name, error)


def _collect(studio: Studio, job: Resource, file: IO[bytes], stream: str, *, ended: bool) -> None:
    position = studio.metrics.log_position(job.uid, stream)
    while position < MOST_BYTES:
        file.seek(position)
        data = file.read(CHUNK)
        size = len(data)
        if not (ended and size < CHUNK):
            size = data.rfind(b"\n") + 1
            if not size and len(data) == CHUNK:
                # A line without end; what is left of it will be no JSON.
                size = CHUNK
        if not size:
            return
        position += size
        known = set(studio.metrics.names(job.arn))
        points = [
            point
            for line in data[:size].split(b"\n")
            if (point := read_line(line)) and _admitted(point.name, known)
        ]
        studio.metrics.append_from_log(job.uid, job.arn, stream, points, position)
        if position >= MOST_BYTES:
            log.warning("A metric file of %s is read no further than %d bytes", job.name, position)


def read_line(line: bytes) -> Point | None:
    """Return the point of a line, None for one that has none."""
    if not line.strip() or len(line) > LONGEST:
        return None
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    name, value = document.get("MetricName"), _number(document.get("Value"))
    if not isinstance(name, str) or not 1 <= len(name) <= 255 or value is None:
        return None
    if not name.isprintable():
        return None
    moment = _number(document.get("Timestamp"))
    if moment is None or not 0 < moment < 1e11:
        moment = time.time()
    return Point(name, value, moment, next(_steps(document), None))


def _steps(document: dict[str, Any]) -> Iterator[int]:
    for member in ("Step", "IterationNumber"):
        step = document.get(member)
        if isinstance(step, int) and not isinstance(step, bool) and 0 <= step < 2**53:
            yield step


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _admitted(name: str, known: set[str]) -> bool:
    if len(known) < MOST_NAMES:
        known.add(name)
    return name in known


def _stream(job: Resource, part: str, path: str) -> str:
    """Return what the position in a file is kept under: a retry begins with files of its own."""
    place = json.dumps([job.facts.get("Retries", 0), part, path]).encode()
    return f"files/{hashlib.sha256(place).hexdigest()}"

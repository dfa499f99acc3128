"""The beginning of an object: read with bounded memory, never run or rendered here."""

from __future__ import annotations

import csv
import io
import json
import zlib
from pathlib import PurePosixPath
from typing import Any

from ...wire.errors import AWSError
from ..connection import StudioConnection
from .parquet import parquet_rows

Document = dict[str, Any]

HEAD = 256 << 10
"""Bytes that are read of an object."""
ROWS, COLUMNS, CELL = 200, 200, 500
"""The most rows and columns of a table, and characters of a cell, that are shown."""
IMAGE = 32 << 20
"""Bytes beyond which a picture is not shown."""

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
_TABLES = {".csv": ",", ".tsv": "\t"}


async def preview(studio: StudioConnection, bucket: str, key: str) -> Document:
    """Return what there is to see of an object.

    ``kind`` is ``table`` (``columns`` with names or none, ``rows`` of text), ``text``, ``image``
    (``mediaType``; its bytes are for the browser to fetch) or ``none`` (``reason``).
    ``truncated`` says that there is more.
    """
    head, size = await _head(studio, bucket, key)
    name = PurePosixPath(key)
    if head.startswith(b"PAR1"):
        return {"size": size, **await parquet_rows(studio, bucket, key, size)}
    media_type = picture_type(head)
    if media_type:
        return {"size": size, **_picture(media_type, size)}
    truncated = size > len(head)
    if head.startswith(b"\x1f\x8b"):
        head, truncated = unzipped(head, truncated)
        name = PurePosixPath(name.stem)
    return {"size": size, **shown(name.suffix.lower(), head, truncated)}


async def _head(studio: StudioConnection, bucket: str, key: str) -> tuple[bytes, int]:
    """Return the first bytes of an object and how many it has."""
    try:
        stored = await studio.open(bucket, key, f"bytes=0-{HEAD - 1}")
    except AWSError as error:
        if error.code == "InvalidRange":
            return b"", 0
        raise
    async with stored:
        head = b""
        async for chunk in stored.chunks():
            head += chunk
            if len(head) >= HEAD:
                break
        total = stored.headers.get("Content-Range", "").rpartition("/")[2]
        whole = stored.headers.get("Content-Length", str(len(head)))
        return head[:HEAD], int(total if total.isdigit() else whole)


def picture_type(head: bytes) -> str | None:
    """Return the media type of a picture of pixels; nothing that could hold a script is one."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _PICTURES if head.startswith(magic)), None)


def _picture(media_type: str, size: int) -> Document:
    if size > IMAGE:
        return _nothing(f"The picture has more than {IMAGE >> 20} MiB.")
    return {"kind": "image", "mediaType": media_type, "truncated": False}


def unzipped(head: bytes, truncated: bool) -> tuple[bytes, bool]:
    """Return the beginning of what gzip holds, and whether there is more."""
    reader = zlib.decompressobj(wbits=31)
    try:
        text = reader.decompress(head, HEAD)
    except zlib.error:
        return head, truncated
    return text, truncated or not reader.eof


def shown(suffix: str, head: bytes, truncated: bool) -> Document:
    """Return what to show of bytes that are neither a picture nor Parquet."""
    if b"\0" in head:
        return _nothing("This is not text.")
    text = head.decode(errors="replace")
    if truncated:
        # A character that was cut through.
        text = text.rstrip("\ufffd")
    if suffix in _TABLES:
        table = table_of(text, _TABLES[suffix], truncated)
        if table is not None:
            return table
    if suffix == ".json" and not truncated:
        text = _indented(text)
    return {"kind": "text", "text": text, "truncated": truncated}


def table_of(text: str, delimiter: str, truncated: bool) -> Document | None:
    """Return the first rows of CSV without a header, None for what is not CSV."""
    if truncated and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if len(rows) == ROWS:
                truncated = True
                break
            rows.append([cell[:CELL] for cell in row[:COLUMNS]])
    except csv.Error:
        return None
    return {"kind": "table", "columns": [], "rows": rows, "truncated": truncated}


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _nothing(reason: str) -> Document:
    return {"kind": "none", "reason": reason, "truncated": False}

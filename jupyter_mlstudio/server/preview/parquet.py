"""The first rows of a Parquet file, read in a process of its own: such a file may ask for anything.

The process has little memory and time, and no way to S3: it asks its parent for ranges of bytes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from ..connection import StudioConnection

Document = dict[str, Any]

SECONDS = 20.0
BUDGET = 64 << 20
"""Bytes of a file that are read at most."""
READER = Path(__file__).with_name("parquet_reader.py")


async def parquet_rows(
    studio: StudioConnection, bucket: str, key: str, size: int, seconds: float = SECONDS
) -> Document:
    """Return the first rows of a Parquet file of ``size`` bytes, as a preview."""
    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        READER,
        str(size),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=8 << 20,
    )
    try:
        async with asyncio.timeout(seconds):
            return await _serve(reader, studio, bucket, key)
    except TimeoutError:
        return _nothing(f"Its first rows could not be read within {seconds:g} s.")
    finally:
        if reader.returncode is None:
            reader.kill()
        await reader.wait()


async def _serve(
    reader: asyncio.subprocess.Process, studio: StudioConnection, bucket: str, key: str
) -> Document:
    """Give the reader the ranges it asks for until it has the rows."""
    assert reader.stdin and reader.stdout  # noqa: S101 - pipes were asked for
    budget = BUDGET
    while line := await _line(reader.stdout):
        if "document" in line:
            document: Document = line["document"]
            return document
        offset, length = int(line["offset"]), int(line["length"])
        budget -= length
        if budget < 0:
            return _nothing(f"Its first rows are spread over more than {BUDGET >> 20} MiB.")
        stored = await studio.open(bucket, key, f"bytes={offset}-{offset + length - 1}")
        async with stored:
            reader.stdin.write(await stored.read())
        await reader.stdin.drain()
    return _nothing("It cannot be read: it is damaged, or asks for too much memory.")


async def _line(stream: asyncio.StreamReader) -> Document | None:
    try:
        line = await stream.readline()
        document: Document = json.loads(line)
    except ValueError:
        return None
    return document


def _nothing(reason: str) -> Document:
    return {"kind": "none", "reason": reason, "truncated": False}

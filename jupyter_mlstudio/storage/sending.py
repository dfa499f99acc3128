"""Files to sockets without a detour through this process's memory."""

from __future__ import annotations

import asyncio
import os
from typing import BinaryIO

from aiohttp import web

_STEP = 512 << 10
_IDLE = 60.0


async def send_range(
    request: web.BaseRequest, response: web.StreamResponse, file: BinaryIO, offset: int, length: int
) -> None:
    """Send headers and then ``length`` bytes of ``file`` from ``offset`` on.

    ``sendfile`` is called on a duplicate of the connection's descriptor, because uvloop has no
    ``loop.sendfile``.

    Raises
    ------
    ConnectionError
        If the client went away, or read nothing for a minute.
    """
    await response.prepare(request)
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client went away")
    # Headers, and whatever a pipelined answer left, go first.
    while transport.get_write_buffer_size():
        await asyncio.sleep(0)
        if transport.is_closing():
            raise ConnectionResetError("the client went away")
    socket = os.dup(transport.get_extra_info("socket").fileno())
    try:
        await _send(socket, file.fileno(), offset, length)
    except TimeoutError:
        transport.abort()
        raise ConnectionResetError("the client does not read") from None
    finally:
        os.close(socket)
    await response.write_eof()


async def _send(socket: int, file: int, offset: int, length: int) -> None:
    while length:
        try:
            sent = os.sendfile(socket, file, offset, min(length, _STEP))
        except BlockingIOError:
            await asyncio.wait_for(_writable(socket), _IDLE)
            continue
        if not sent:
            raise ConnectionResetError("the file is shorter than it was")
        offset += sent
        length -= sent
        await asyncio.sleep(0)  # others want to be served as well


async def _writable(socket: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(socket, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(socket)

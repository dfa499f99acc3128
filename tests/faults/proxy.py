"""What lies between a studio and another S3, and fails in the ways that networks and stores do."""

from __future__ import annotations

import enum
import re
import socket
import struct
import threading
from contextlib import suppress


class Fault(enum.Enum):
    """What happens to connections."""

    NONE = "all is well"
    DOWN = "they are closed at once"
    RESET = "the next long answer is cut off in its middle"
    FLIPPED = "a byte of the next long answer is another"
    FORBIDDEN = "every request is answered with 403"


_LONG = 1 << 20
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
_FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_DENIED), _DENIED)
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Proxy:
    """Passes connections on to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.fault = Fault.NONE
        self.hits = 0
        """How often a long answer was spoilt."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.fault is Fault.DOWN:
                return
            with socket.create_connection(("127.0.0.1", self._target)) as store:
                asking = threading.Thread(target=self._ask, args=(client, store), daemon=True)
                asking.start()
                self._answer(client, store)

    def _ask(self, client: socket.socket, store: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if self.fault is Fault.DOWN:
                    break
                if self.fault is Fault.FORBIDDEN:
                    _forbid(client, data)
                    break
                store.sendall(data)
            store.shutdown(socket.SHUT_RDWR)
            client.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, store: socket.socket) -> None:
        passed = 0
        while data := store.recv(1 << 16):
            passed += len(data)
            if passed > _LONG and self.fault in (Fault.RESET, Fault.FLIPPED):
                fault, self.fault = self.fault, Fault.NONE
                self.hits += 1
                if fault is Fault.RESET:
                    linger = struct.pack("ii", 1, 0)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return
                data = bytes([data[0] ^ 0xFF]) + data[1:]
            client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _forbid(client: socket.socket, data: bytes) -> None:
    """Read a request to its end, and refuse it."""
    head, end, body = data.partition(b"\r\n\r\n")
    while not end:
        data += client.recv(1 << 16)
        head, end, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    left = int(length[1]) - len(body) if length else 0
    while left > 0 and (more := client.recv(1 << 16)):
        left -= len(more)
    client.sendall(_FORBIDDEN.removesuffix(_DENIED) if head.startswith(b"HEAD ") else _FORBIDDEN)

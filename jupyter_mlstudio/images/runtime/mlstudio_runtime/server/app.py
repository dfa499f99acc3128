"""The container contract over HTTP: ``/ping``, ``/invocations``, ``/execution-parameters``."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from .http import BadRequest, Connection, Request, Response

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_MIB = 1024 * 1024
_DEFAULT_PAYLOAD_MB = 25


class Handler(Protocol):
    """A loaded model."""

    def invoke(self, request: Request) -> Response:
        """Answer an invocation; an exception becomes a 500 with its message."""


class RequestError(Exception):
    """The request cannot be answered; ``status`` and the message tell the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def payload_limit() -> int:
    """Return the largest body taken, in bytes; 0 means any."""
    if "MAX_CONTENT_LENGTH" in os.environ:
        return int(os.environ["MAX_CONTENT_LENGTH"])
    return int(os.environ.get("SAGEMAKER_MAX_PAYLOAD_IN_MB") or _DEFAULT_PAYLOAD_MB) * _MIB


class Application:
    """Serves one handler to any number of connections, a thread each.

    Parameters
    ----------
    concurrency:
        What ``/execution-parameters`` tells batch transform.
    """

    def __init__(self, handler: Handler, *, concurrency: int = 1) -> None:
        self._handler = handler
        self._limit = payload_limit()
        parameters = {
            "MaxConcurrentTransforms": concurrency,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": self._limit // _MIB,
        }
        self._active = 0
        self._changed = threading.Condition()
        self._parameters = Response(200, json.dumps(parameters).encode(), "application/json")

    def serve_forever(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                if listener.fileno() < 0:
                    return
                raise
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def drain(self, patience: float) -> None:
        """Wait until no request is being answered, ``patience`` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._active, patience)

    def _serve(self, client: socket.socket) -> None:
        connection = Connection(client, self._limit)
        with client:
            try:
                while request := connection.receive():
                    close = request.headers.get("connection", "").lower() == "close"
                    with self._counted():
                        connection.send(self._answer(request), close=close)
                    if close:
                        return
            except BadRequest as error:
                connection.send(error.response, close=True)
            except ConnectionError:
                return
            except Exception:  # noqa: BLE001,RUF100 - a streamed body failed; cutting it tells so
                traceback.print_exc()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._active += 1
        try:
            yield
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def _answer(self, request: Request) -> Response:
        match request.method, request.path:
            case ("GET" | "HEAD", "/ping"):
                return Response()
            case ("GET", "/execution-parameters"):
                return self._parameters
            case ("POST", "/invocations"):
                return self._invoke(request)
            case (_, "/ping" | "/invocations" | "/execution-parameters"):
                return Response(405, b"method not allowed", "text/plain")
        return Response(404, f"there is no {request.path}".encode(), "text/plain")

    def _invoke(self, request: Request) -> Response:
        try:
            return self._handler.invoke(request)
        except RequestError as error:
            print(f"{error.status}: {error}", file=sys.stderr, flush=True)
            return Response(error.status, str(error).encode(), "text/plain")
        except Exception as error:  # noqa: BLE001,RUF100 - the client is told what the model's code raised
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            lines = traceback.format_exception_only(error)
            return Response(500, "".join(lines).strip().encode(), "text/plain")

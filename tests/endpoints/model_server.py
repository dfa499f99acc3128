"""A model container as a plain process: ``/ping``, ``/invocations``, and faults on request.

``FAULT``: ``exit`` ends at once, ``sick`` fails every ping. A request body ``die`` ends the
process; ``sleep N`` answers after N seconds, ``fail`` with status 500.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULT = os.environ.get("FAULT", "")
MODEL = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"


class Handler(BaseHTTPRequestHandler):
    """Answers with what was asked and what the container found."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(500 if FAULT == "sick" else 200, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if body == "die":
            print("dying as told", flush=True)
            os._exit(3)
        if body.startswith("sleep "):
            time.sleep(float(body.split()[1]))
        files = {path.name: path.read_text() for path in MODEL.iterdir()}
        answer = {
            "pid": os.getpid(),
            "got": body,
            "files": files,
            "greeting": os.environ.get("GREETING"),
            "region": os.environ.get("AWS_REGION"),
        }
        self._answer(500 if body == "fail" else 200, json.dumps(answer).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    assert sys.argv[1:] == ["serve"], sys.argv
    print(f"serving with fault {FAULT!r}", flush=True)
    if FAULT == "exit":
        sys.exit("no such model")
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()


main()

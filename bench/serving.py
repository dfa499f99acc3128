"""What the images' inference server costs, against a server that does next to nothing.

Trains a small model, then asks four servers in turns, over kept-alive connections, and prints
requests per second, p50 and p99 of each, and the ratio to the second:

- ours, a prediction for each request;
- predicting: a loop that reads a request, calls xgboost and writes its answer, no HTTP at all;
- floor: the same loop with a fixed answer;
- ``http.server`` of the standard library with a fixed answer.

    python bench/serving.py [--seconds 3] [--rounds 3] [--clients 1 16]
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import xgboost as xgb

RUNTIME = Path(__file__).parents[1] / "jupyter_mlstudio" / "images" / "runtime"
FLOOR = """
import socket, sys, threading
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/csv\\r\\nContent-Length: 4\\r\\n\\r\\n0.50"
def serve(client):
    while data := client.recv(65536):
        client.sendall(ANSWER)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(client,), daemon=True).start()
"""
PREDICTING = """
import socket, sys, threading
sys.modules["sklearn"] = sys.modules["pandas"] = None
import numpy as np, xgboost as xgb
booster = xgb.Booster(model_file=bytearray(open(sys.argv[2], "rb").read()))
def serve(client):
    while data := client.recv(65536):
        row = np.array([float(v) for v in data.partition(b"\\r\\n\\r\\n")[2].split(b",")], "f4")
        text = str(booster.predict(xgb.DMatrix(row[None]), validate_features=False)[0]).encode()
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(text), text))
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(client,), daemon=True).start()
"""
STANDARD = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"0.50")
    def log_message(self, *_): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    body = ",".join(["0.5"] * 30).encode()
    request = (
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "ours": [sys.executable, "-m", "mlstudio_runtime", "serve"],
            "floor": [sys.executable, "-c", FLOOR],
            "predicting": [sys.executable, "-c", PREDICTING],
            "http.server": [sys.executable, "-c", STANDARD],
        }
        servers = {name: start(command, Path(folder)) for name, command in commands.items()}
        try:
            for clients in options.clients:
                compare(servers, request, clients, options.seconds, options.rounds)
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()


def start(command: list[str], folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server on a free port and wait until it takes connections."""
    model = folder / "model"
    if not model.exists():
        model.mkdir()
        random = np.random.default_rng(0)
        matrix = xgb.DMatrix(random.random((500, 30)), label=random.integers(0, 2, 500))
        booster = xgb.train({"objective": "binary:logistic"}, matrix, 50)
        (model / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(RUNTIME),
        "SAGEMAKER_BASE_DIR": str(folder),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
        "MLSTUDIO_BIND_HOST": "127.0.0.1",
    }
    process = subprocess.Popen(
        [*command, str(port), str(model / "xgboost-model")],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return process, port


def compare(
    servers: dict[str, tuple[subprocess.Popen[bytes], int]],
    request: bytes,
    clients: int,
    seconds: float,
    rounds: int,
) -> None:
    """Measure every server in turns and print medians over the rounds."""
    rates: dict[str, list[float]] = {name: [] for name in servers}
    latencies: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, (_, port) in servers.items():
            seen, took = load(port, request, clients, seconds)
            latencies[name] += seen
            rates[name].append(len(seen) / took)
    for name in servers:
        p50, p99 = np.percentile(latencies[name], [50, 99]) * 1e3
        rate, limit = (statistics.median(rates[key]) for key in (name, "predicting"))
        print(
            f"{clients:3d} client(s)  {name:12s} {rate:8.0f}/s  p50 {p50:6.3f} ms  "
            f"p99 {p99:6.3f} ms  {rate / limit:5.2f} x predicting"
        )


def load(port: int, request: bytes, clients: int, seconds: float) -> tuple[list[float], float]:
    """Ask as fast as answers come; return every latency and the time it took, in seconds."""
    latencies: list[float] = []
    begin = time.perf_counter()

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (sent := time.perf_counter()) < begin + seconds:
                client.sendall(request)
                answer = b""
                while b"\r\n\r\n" not in answer or not answer.partition(b"\r\n\r\n")[2]:
                    answer += client.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200"), answer
                latencies.append(time.perf_counter() - sent)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, time.perf_counter() - begin


if __name__ == "__main__":
    main()

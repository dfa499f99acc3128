"""A container engine of a test's own, which it may stop, hang, kill and fill up.

It lives in a network namespace of its own, as studios on two engines of one machine would want
the same address, and each engine would rewrite the other's firewall. The test enters it too.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import psutil

from tests.machine import lacks

_CLONE_NEWNET = 0x40000000
_PATIENCE = 30.0


@contextmanager
def network() -> Iterator[None]:
    """Be in a fresh network namespace, with what this thread starts meanwhile."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        lacks("network namespaces need root and iproute2")
    name = f"mls-{secrets.token_hex(4)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        lacks(f"no network namespaces: {made.stderr.strip()}")
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _enter(other)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        _enter(own)
        os.close(own)
        os.close(other)
        subprocess.run(["ip", "netns", "delete", name], check=True)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Daemon:
    """One engine with everything it has in a folder of its own.

    ``data`` is its data root, where that is to be on another file system.
    """

    def __init__(self, *options: str, data: Path | None = None) -> None:
        self.folder = folder = Path(tempfile.mkdtemp(prefix="mlstudio-engine-"))
        self.socket = folder / "engine.sock"
        self.url = f"unix://{self.socket}"
        self.data = data or folder / "data"
        self._options: Sequence[str] = options
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            "dockerd", f"--host={self.url}", f"--data-root={self.data}",
            f"--exec-root={self.folder / 'exec'}", f"--pidfile={self.folder / 'pid'}",
            "--shutdown-timeout=2", "--storage-driver=overlay2", *self._options,
        ]  # fmt: skip
        (self.folder / "pid").unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _PATIENCE
        while not self.answers():
            assert self._process.poll() is None, self.last_words()
            assert time.monotonic() < deadline, self.last_words()
            time.sleep(0.1)

    def answers(self) -> bool:
        """Say whether it does."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(2)
            try:
                asking.connect(str(self.socket))
                asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b"200 OK" in asking.recv(1024)
            except OSError:
                return False

    def load(self, image: str, source: docker.APIClient) -> None:
        """Bring in an image of another engine."""
        client = docker.APIClient(self.url, version="auto", timeout=60)
        client.load_image(b"".join(source.get_image(image)))
        client.close()

    def stop(self) -> None:
        """End it as the machine's own service would."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and nothing else."""
        self._signal(signal.SIGKILL)

    def hang(self) -> None:
        """Have it do nothing, yet be there."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it go on where it hung."""
        os.kill(self.pid, signal.SIGCONT)

    def crash(self) -> None:
        """End it with all its containers, as when the machine loses power."""
        mine = [process for process in psutil.process_iter() if self._is_mine(process)]
        below = [child for process in mine for child in _children(process)]
        for process in [*mine, *below]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait(_PATIENCE)
            self._process = None
        psutil.wait_procs([*mine, *below], _PATIENCE)

    def close(self) -> None:
        """End it, and remove what it leaves.

        An engine mounts its data root on itself, and one that is killed does not unmount it.
        """
        if self._process is not None and self._process.poll() is None:
            self.go_on()
        self.crash()
        for target in reversed(self._mounted()):
            subprocess.run(["umount", "-l", target], check=False)
        assert not self._mounted()
        shutil.rmtree(self.folder)

    def last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])

    def _mounted(self) -> list[str]:
        targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        mine = (f"{self.folder}/", f"{self.data}/")
        return [target for target in targets if f"{target}/".startswith(mine)]

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None

    def _is_mine(self, process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            command = " ".join(process.cmdline())
            return (
                process.pid != os.getpid()
                and f"{self.folder}/" in command
                and (
                    process.name() in ("dockerd", "containerd", "containerd-shim", "docker-proxy")
                    or process.name().startswith("containerd-shim")
                )
            )
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []

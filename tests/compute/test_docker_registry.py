"""Images from a registry: one that refuses, one that says nothing, one that serves."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.protocol import (
    EngineError,
    ImageNotFound,
)
from tests.compute.conftest import ACCESS, Specify
from tests.compute.sockets import serving

pytestmark = pytest.mark.docker


@pytest.mark.parametrize(
    ("code", "said"),
    [(401, "unauthorized|401|no basic auth"), (404, "not found|404|unknown"), (429, "429|too")],
)
def test_a_registry_that_refuses_is_named(
    docker_engine: DockerEngine, tmp_path: Path, code: int, said: str
) -> None:
    engine = DockerEngine(docker_engine.studio_id, root=tmp_path, access=ACCESS, pull=True)
    with serving("127.0.0.1", code) as port:
        image = f"127.0.0.1:{port}/team/model:1"
        with pytest.raises(
            ImageNotFound, match=f"registry 127.0.0.1:{port}.*(?i:{said})"
        ) as caught:
            engine.ensure_image(image)
    engine.close()
    assert "jupyter mlstudio images build" in caught.value.reason


def test_images_are_not_pulled_unasked(docker_engine: DockerEngine, specify: Specify) -> None:
    spec = replace(specify("true"), image="127.0.0.1:1/none:1")
    with pytest.raises(ImageNotFound, match=r"switched off.*docker pull 127.0.0.1:1/none:1"):
        docker_engine.start(spec)
    assert docker_engine.inspect(spec.name) is None


def test_a_registry_that_says_nothing_is_given_up(
    docker_engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.compute.docker_images.PULL_SILENCE", 1)
    engine = DockerEngine(docker_engine.studio_id, root=tmp_path, access=ACCESS, pull=True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(EngineError, match=f"127.0.0.1:{port} sent nothing") as caught:
            engine.ensure_image(f"127.0.0.1:{port}/team/model:1")
    assert caught.value.retryable
    engine.close()


def test_an_image_comes_from_a_registry_when_allowed(
    docker_engine: DockerEngine, tmp_path: Path, busybox: str
) -> None:
    with registry(busybox) as image:
        engine = DockerEngine(docker_engine.studio_id, root=tmp_path, access=ACCESS, pull=True)
        assert not engine.image_exists(image)
        engine.ensure_image(image)
        assert engine.image_exists(image)
        with engine._client.api() as api:
            api.remove_image(image)
        engine.close()


@contextmanager
def registry(image: str) -> Iterator[str]:
    """Serve an image by the distribution protocol; give its name there."""
    api = docker.APIClient(version="auto", timeout=30)
    with tarfile.open(fileobj=io.BytesIO(b"".join(api.get_image(image)))) as saved:
        manifest = json.loads(_member(saved, "manifest.json"))[0]
        config = _member(saved, manifest["Config"])
        layers = [gzip.compress(_member(saved, name), 1) for name in manifest["Layers"]]
    api.close()
    document = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _describe(config, "application/vnd.docker.container.image.v1+json"),
            "layers": [
                _describe(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")
                for layer in layers
            ],
        }
    ).encode()
    blobs = {_digest(blob): blob for blob in (config, document, *layers)}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.path.rpartition("/")[2]
            if "/manifests/" in self.path:
                self._answer(document, MANIFEST)
            elif wanted in blobs:
                self._answer(blobs[wanted], "application/octet-stream")
            else:
                self._answer(b"{}", "application/json")

        do_HEAD = do_GET

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}/mlstudio-test/pulled:1"
        finally:
            server.shutdown()
            thread.join()


MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _describe(blob: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}

"""The way to a studio: on this machine, on another, and what kernels learn of it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.server.client import StudioUnavailable
from jupyter_mlstudio.server.connection import StudioConnection
from jupyter_mlstudio.server.events.relay import SCHEMA_ID
from jupyter_mlstudio.studio import client as studio_client
from jupyter_mlstudio.wire.keys import KeyRing

from .conftest import Answer, FakeStudio

Run = Callable[[Awaitable[Any]], Any]
LOG = logging.getLogger("test")


def test_a_studio_of_another_version_is_not_asked(
    fetch: Callable[..., Answer], fake_studio: FakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.server.connection.__version__", "99.0")
    answer = fetch("status")
    assert answer.status == 503
    assert "99.0" in answer.document["message"]
    assert fake_studio.calls == []


def remote_profile(path: Path, fake: FakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user the key of a studio on another machine."""
    settings = fake.settings
    key = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    path.write_text(
        "[profile mlstudio]\nregion = eu-west-1\n"
        f"aws_access_key_id = {key.access_key}\naws_secret_access_key = {key.secret_key}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))


def test_a_studio_elsewhere_is_asked_with_the_users_key(
    fake_studio: FakeStudio, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote_profile(tmp_path / "config", fake_studio, monkeypatch)
    fake_studio.on("sagemaker", "ListEndpoints", lambda request: {"Endpoints": []})
    connection = StudioConnection(tmp_path / "none", "", fake_studio.settings.url, LOG)
    assert run(connection.call("sagemaker", "ListEndpoints", {})) == {"Endpoints": []}
    with pytest.raises(StudioUnavailable, match="another machine"):
        run(connection.start())
    run(connection.close())
    assert not (tmp_path / "none").exists()


def test_without_a_key_the_studio_elsewhere_cannot_be_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    connection = StudioConnection(tmp_path, "", "http://127.0.0.1:9", LOG)
    with pytest.raises(StudioUnavailable, match="AWS profile 'mlstudio'"):
        run(connection.call("sagemaker", "ListEndpoints", {}))
    run(connection.close())


def test_kernels_get_the_profile_and_the_server_its_environment_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    connection = StudioConnection(tmp_path / "studio", "", "", LOG)
    run(connection.prepare_kernels())
    assert os.environ["AWS_PROFILE"] == "mlstudio"
    assert Path(os.environ["AWS_CONFIG_FILE"]).is_file()
    run(connection.close())
    assert dict(os.environ) == before


class TestRealStudio:
    """The whole way: extension, studio process, event stream."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config, studio_root: Path) -> Config:
        """Run jobs as processes."""
        load_settings(studio_root, compute="process")
        return jp_server_config

    @pytest.mark.timeout(180)
    def test_starts_it_and_relays_its_changes(
        self,
        jp_serverapp: ServerApp,
        fetch: Callable[..., Answer],
        jp_ws_fetch: Callable[..., Awaitable[Any]],
        run: Run,
        studio_root: Path,
    ) -> None:
        settings = load_settings(studio_root)
        try:
            assert fetch("status").status == 503
            started = fetch("start", method="POST", body="{}", request_timeout=90)
            assert started.status == 200, started.text
            assert started.document["StudioId"] == settings.studio_id
            assert fetch("jobs").document == {"items": [], "nextToken": None}
            socket = run(jp_ws_fetch("api", "events", "subscribe"))
            run(jp_serverapp.extension_manager.start_all_extensions())
            assert self.next_event(run, socket)["status"] == "Connected"
            params = json.dumps({"ModelPackageGroupName": "group"})
            path = ("api", "sagemaker", "CreateModelPackageGroup")
            created = fetch(*path, method="POST", body=params)
            assert created.status == 200, created.text
            event = self.next_event(run, socket)
            assert (event["kind"], event["name"]) == ("ModelPackageGroup", "group")
            socket.close()
        finally:
            studio_client.stop(settings, containers=True)

    @staticmethod
    def next_event(run: Run, socket: Any) -> dict[str, Any]:
        """Return the next event of ours that a browser receives."""
        while True:
            event: dict[str, Any] = json.loads(run(socket.read_message()))
            if event["schema_id"] == SCHEMA_ID:
                return event

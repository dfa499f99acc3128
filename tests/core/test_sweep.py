"""Containers and folders whose resource is gone are removed, unless the database may be lost."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlstudio.compute.protocol import ContainerState, Phase
from jupyter_mlstudio.core.controllers import UID_LABEL
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.studio import Studio
from tests.postgres import chosen

from .conftest import ACCOUNT, REGION, WIDGET
from .fake_engine import FakeEngine


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    engine = FakeEngine()
    made = Studio(load_settings(tmp_path / "root", **chosen()), engine)
    name = f"mls-{made.settings.studio_id}-gone-1"
    engine.states[name] = ContainerState(name, {UID_LABEL: "gone"}, Phase.RUNNING)
    (made.settings.jobs / "gone" / "1").mkdir(parents=True)
    yield made
    made.close()


def test_what_nobody_owns_is_removed(studio: Studio) -> None:
    kept = studio.store.create(WIDGET, ACCOUNT, REGION, "kept", wish={}, status="Ready")
    engine = studio.engine
    assert isinstance(engine, FakeEngine)
    name = studio.container_name(kept)
    engine.states[name] = ContainerState(name, {UID_LABEL: kept.uid}, Phase.RUNNING)
    engine.states["foreign"] = ContainerState("foreign", {}, Phase.RUNNING)
    (studio.settings.jobs / kept.uid).mkdir()
    studio.controllers.sweep()
    assert sorted(engine.states) == ["foreign", name]
    assert [folder.name for folder in studio.settings.jobs.iterdir()] == [kept.uid]


def test_with_an_empty_database_everything_is_left_and_said(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        studio.controllers.sweep()
    name = f"mls-{studio.settings.studio_id}-gone-1"
    assert f"The database is empty, yet there are {name}" in caplog.text
    assert isinstance(studio.engine, FakeEngine)
    assert name in studio.engine.states
    assert (studio.settings.jobs / "gone").is_dir()


def test_a_folder_that_cannot_be_removed_keeps_nothing_else_from_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.store.create(WIDGET, ACCOUNT, REGION, "kept", wish={}, status="Ready")
    for name in ("a-stuck", "later"):
        (studio.settings.jobs / name).mkdir()
    remove = FakeEngine.remove_tree

    def stuck(engine: FakeEngine, path: Path) -> None:
        if path.name == "a-stuck":
            raise OSError(errno.EBUSY, "Device or resource busy")
        remove(engine, path)

    monkeypatch.setattr(FakeEngine, "remove_tree", stuck)
    studio.controllers.sweep()
    assert [folder.name for folder in studio.settings.jobs.iterdir()] == ["a-stuck"]


def test_a_look_at_everything_that_fails_is_not_the_last(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks, again = 0, threading.Event()

    def unsettled(_: object) -> list[tuple[str, str]]:
        nonlocal looks
        looks += 1
        if looks == 2:  # the first is that of the start
            raise OSError(errno.EIO, "Input/output error")
        if looks > 2:
            again.set()
        return []

    monkeypatch.setattr("jupyter_mlstudio.core.store.Store.unsettled", unsettled)
    monkeypatch.setattr("jupyter_mlstudio.core.controllers.RESYNC", 0.0)
    monkeypatch.setattr("jupyter_mlstudio.core.controllers.AWAY", 0.02)
    studio.controllers.start()
    assert again.wait(10)
    assert "Not everything could be looked at" in caplog.text

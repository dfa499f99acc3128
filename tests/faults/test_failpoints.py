"""At each point between two effects a process of ours dies, or gets an error from its machine.

Nothing is lost or left.
"""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import jupyter_mlstudio
from jupyter_mlstudio._failpoints import ONCE, POINTS, VARIABLE
from jupyter_mlstudio.studio import client as studio_client
from tests import invariants
from tests.conftest import RunningStudio

from . import scenarios as do
from .doomed import Doomed
from .scenarios import Scenario

PACKAGE = Path(jupyter_mlstudio.__file__).parent
_NUMBERS = itertools.count(1)


def of(scenario: Scenario, names: str) -> dict[str, Scenario]:
    """Return the scenario in which each of some points is reached."""
    return dict.fromkeys(names.split(), scenario)


SCENARIOS: dict[str, Scenario] = {
    **of(
        do.train,
        """store.written store.committed training.create.stored job.launch.tracked
        job.launch.reserved job.launch.noted job.launch.cleared training.prepare.restored
        sync.restored training.prepare.folders inputs.listed tree.grown inputs.linked
        training.prepare.channels docker.mounted docker.created docker.connected docker.started
        cluster.started job.launch.started job.run.noted log.appended metrics.appended log.scanned
        job.end.followed job.end.scanned job.end.recorded job.finish.readable
        training.publish.collected sync.uploaded file.written file.replaced sync.noted
        training.publish.synced artifacts.packed artifacts.uploaded job.finish.published
        job.final.recorded job.final.left docker.removed cluster.removed job.final.removed
        job.final.unfed job.final.cleared""",
    ),
    **of(do.train_on_hosts, "docker.network artifacts.merged"),
    **of(do.train_in_pipe_mode, "pipes.linked pipes.planned pipes.fed"),
    **of(
        do.process,
        """processing.create.stored processing.prepare.folders processing.prepare.inputs
        processing.publish.synced processing.delete.forgotten""",
    ),
    **of(do.stop, "job.stop.stored job.run.stopped"),
    **of(do.retry, "job.retry.rescued job.retry.removed job.retry.recorded"),
    **of(
        do.delete,
        "training.delete.closed training.delete.forgotten training.delete.deleted",
    ),
    **of(
        do.warm,
        """warm.cache.given warm.make.folders warm.make.started warm.ready warm.claim.noted
        warm.claim.granted warm.move.renamed warm.move.moved warm.move.cached warm.move.copied
        warm.tell.written warm.tell.begun warm.tell.noted warm.end.recorded warm.end.removed""",
    ),
    **of(do.lose_the_container, "warm.give-up.removed"),
    **of(
        do.serve,
        """model.create.stored endpoint-config.create.stored endpoint.create.stored
        endpoint.launch.noted endpoint.launch.fetched endpoint.launch.started endpoint.healthy
        endpoint.settled endpoint.routed endpoint.judged gateway.asked gateway.answered
        endpoint.update.stored endpoint.drain.stopped endpoint.discard.removed
        endpoint.drain.removed endpoint.delete.stored endpoint.delete.routed
        endpoint.delete.cleared endpoint.delete.deleted""",
    ),
    **of(do.serve_in_vain, "endpoint.give-up.removed"),
    **of(do.count, "endpoint.metrics.stored gateway.spooled"),
    **of(
        do.store,
        """s3.body.synced s3.body.published s3.journal.appended s3.catalogue.committed
        s3.bodies.freed s3.copy.linked s3.complete.joined""",
    ),
    **of(do.end, "studio.closing studio.closed"),
    **of(
        do.rest,
        """child.spawned s3.recover.replayed s3.recover.swept gateway.told studio.opened
        studio.serving studio.reconciling studio.announced""",
    ),
}
"""Where each point is reached, those of a scenario in the order in which it comes by."""

PROCESS = ["process.drafted", "process.created", "process.launched", "process.removing"]
APART = {"docker.helping", "docker.probing"}
"""Points that are tried in ``tests/compute/test_tidy.py``."""

LIFE = (
    "training.create.stored",
    "docker.created",
    "log.appended",
    "job.end.recorded",
    "artifacts.uploaded",
    "job.final.recorded",
)
"""Where the studio dies in one life of a job; what it has survived it does not come to again."""


def test_there_is_a_scenario_for_every_point() -> None:
    assert SCENARIOS.keys() | set(PROCESS) | APART == POINTS.keys()


def test_every_point_is_somewhere_and_every_place_has_a_point() -> None:
    found: list[str] = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if named and node.func.id == "reached":
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{path}: no name that one can look for"
                found.append(argument.value)
    assert sorted(found) == sorted(POINTS)


@pytest.mark.parametrize(
    ("wish", "ends"),
    [
        (None, 0),
        ("store.written", -9),
        ("store.written:2", 0),
        ("store.written:1:fail", 1),
        ("store.committed", 0),
        ("no.such.point", 1),
    ],
)
def test_only_the_named_point_acts(wish: str | None, ends: int) -> None:
    program = "from jupyter_mlstudio._failpoints import reached; reached('store.written')"
    environment = {**os.environ, **({VARIABLE: wish} if wish else {})}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    assert run.returncode == ends, run.stderr


def test_a_point_acts_once_however_many_processes_come_by(tmp_path: Path) -> None:
    program = "from jupyter_mlstudio._failpoints import reached; reached('store.written')"
    environment = {**os.environ, VARIABLE: "store.written", ONCE: str(tmp_path / "once")}
    command = [sys.executable, "-c", program]
    ends = [subprocess.run(command, env=environment, check=False).returncode for _ in range(3)]
    assert ends == [-9, 0, 0]


def test_a_point_costs_nothing() -> None:
    seconds = min(timeit.repeat("reached('x')", "from jupyter_mlstudio._failpoints import reached",
                                number=100_000, repeat=5))  # fmt: skip
    assert seconds / 100_000 < 1e-6


class Pool:
    """Gives the same studio to test after test, and another one after one that failed."""

    def __init__(self, make: Callable[[], Doomed]) -> None:
        self._make = make
        self._studio: Doomed | None = None

    @contextmanager
    def studio(self) -> Iterator[Doomed]:
        """Give a studio, at rest."""
        self._studio = studio = self._studio or self._make()
        try:
            yield studio
        except BaseException:
            self._studio = None
            raise


@pytest.fixture(scope="module")
def on_docker(
    make_studio: Callable[..., RunningStudio], tmp_path_factory: pytest.TempPathFactory
) -> Pool:
    """Give studios on Docker that survive everything."""
    return Pool(lambda: Doomed(make_studio("docker").settings, tmp_path_factory.mktemp("marks")))


@pytest.fixture(scope="module")
def on_processes(
    make_studio: Callable[..., RunningStudio], tmp_path_factory: pytest.TempPathFactory
) -> Pool:
    """Give the same on process compute."""
    return Pool(lambda: Doomed(make_studio("process").settings, tmp_path_factory.mktemp("marks")))


@pytest.mark.docker
@pytest.mark.timeout(300)
def test_a_job_outlives_a_studio_that_dies_at_each_of_its_steps(on_docker: Pool) -> None:
    with on_docker.studio() as studio:
        with studio.armed(*LIFE):
            do.train(studio, "life")
        invariants.until_sound(studio.settings)


def survive(pool: Pool, scenario: Scenario, *points: str, **how: Any) -> None:
    """Have a process die at each point in turn, and look at what it lost and left."""
    left = list(points)
    with pool.studio() as studio:
        while left:
            with studio.armed(*left, wait=False, **how) as keeper:
                scenario(studio, f"{name_of(scenario)}-{next(_NUMBERS)}")
                keeper.wait_while(lambda: invariants.problems(studio.settings))
            assert keeper.reached, f"{left[0]} was not reached"
            left = left[keeper.reached :]
            invariants.until_sound(studio.settings)


def points_of(scenario: Scenario) -> list[str]:
    """Return the points of a scenario."""
    return [point for point, other in SCENARIOS.items() if other is scenario]


def name_of(scenario: Scenario) -> str:
    """Return what a scenario is called in the names of tests and of resources."""
    return scenario.__name__.replace("_", "-")


EVERY = list(dict.fromkeys(SCENARIOS.values()))


@pytest.mark.soak
@pytest.mark.docker
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("scenario", EVERY, ids=name_of)
def test_dying_at_each_point_loses_and_leaves_nothing(on_docker: Pool, scenario: Scenario) -> None:
    survive(on_docker, scenario, *points_of(scenario))


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_same_with_plain_processes(on_processes: Pool) -> None:
    survive(on_processes, do.train_a_process, *PROCESS)


@pytest.mark.soak
@pytest.mark.docker
@pytest.mark.timeout(600)
@pytest.mark.parametrize("nth", [3, 8])
def test_dying_at_a_later_time_loses_and_leaves_nothing(on_docker: Pool, nth: int) -> None:
    survive(on_docker, do.train, "store.committed", nth=nth)
    survive(on_docker, do.train, "store.written", nth=nth)


STARTING = {"rest", "end"}
"""Scenarios in which nothing is done but a start or an end: an error there may be its end."""


def go_on(pool: Pool, scenario: Scenario, *points: str, nth: int = 1) -> None:
    """Have points fail, each once in one run of a scenario; see that nobody ends of it."""
    with pool.studio() as studio:
        with studio.failing(*points, nth=nth):
            scenario(studio, f"{name_of(scenario)}-{next(_NUMBERS)}")
        invariants.until_sound(studio.settings)


def come_up(pool: Pool, scenario: Scenario, point: str) -> None:
    """Have a point fail as a studio starts or ends, and see that it says why, and starts again."""
    with pool.studio() as studio:
        said = studio_client.log_file(studio.settings).stat().st_size
        with studio.armed(point, action="fail", wait=False) as keeper:
            before = studio.pids()
            scenario(studio, f"{name_of(scenario)}-{next(_NUMBERS)}")
            keeper.wait_while(lambda: invariants.problems(studio.settings))
            assert keeper.reached, f"{point} was not reached"
            log = studio_client.log_file(studio.settings).read_bytes()[said:]
            assert before["studio"] or b"cannot start: " in log, f"no word of {point}"
        invariants.until_sound(studio.settings)


RUNS = {
    f"{name_of(scenario)}-{number}": (scenario, *points_of(scenario)[number::runs])
    for scenario in EVERY
    if name_of(scenario) not in STARTING
    for runs in [-(-len(points_of(scenario)) // 5)]
    for number in range(runs)
}
"""A scenario and some of its points, which lie far enough apart not to be failures in a row."""


@pytest.mark.docker
@pytest.mark.timeout(300)
def test_a_job_outlives_errors_at_some_of_its_steps(on_docker: Pool) -> None:
    go_on(on_docker, do.train, "job.launch.started", "s3.catalogue.committed")


@pytest.mark.soak
@pytest.mark.docker
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("run", RUNS)
def test_an_error_at_each_point_loses_and_leaves_nothing(on_docker: Pool, run: str) -> None:
    go_on(on_docker, *RUNS[run])


@pytest.mark.soak
@pytest.mark.docker
@pytest.mark.timeout(600)
def test_an_error_on_the_way_up_or_down_is_said(on_docker: Pool) -> None:
    for scenario in (do.rest, do.end):
        for point in points_of(scenario):
            come_up(on_docker, scenario, point)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_same_errors_with_plain_processes(on_processes: Pool) -> None:
    go_on(on_processes, do.train_a_process, *PROCESS)


@pytest.mark.soak
@pytest.mark.docker
@pytest.mark.timeout(900)
@pytest.mark.parametrize("nth", [3, 8])
def test_an_error_at_a_later_time_loses_and_leaves_nothing(on_docker: Pool, nth: int) -> None:
    points = "store.written store.committed file.written file.replaced docker.removed"
    go_on(on_docker, do.train, *points.split(), nth=nth)

"""What has to hold of a studio after any fault, seen in its database, its engine and on its disk.

Call :func:`check` (or :func:`until_sound`, which gives clean-up its time) after a fault. The studio
may run meanwhile or not; nothing is changed. What is looked at:

- every job is in one state, at which a path of the state machine ended, in the order of time;
- every container, network, volume, process and session belongs to a row that wants it, and what is
  said to run has a container;
- a job is *Completed* if and only if its model is in S3, whole;
- every log line and every metric value is there once;
- journal, catalogue and bodies of the object store say the same, and nothing is half written;
- there is nothing in the root but what is listed in :data:`LAYOUT`;
- no secret is in a log or in the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from jupyter_mlstudio.core.settings import Settings
from tests.soundness import disk, engine, jobs, objects
from tests.soundness.rows import Rows, read_rows

LAYOUT = disk.LAYOUT

Look = Callable[[Settings, Rows], Iterator[str]]

_ALWAYS: tuple[Look, ...] = (jobs.histories, jobs.models, jobs.logs, engine.owners, disk.secrets)
_AT_REST: tuple[Look, ...] = (
    jobs.settled,
    jobs.metrics,
    engine.processes,
    objects.agreement,
    disk.leftovers,
)


def problems(settings: Settings, *, at_rest: bool = True) -> list[str]:
    """Return what does not hold.

    ``at_rest`` says that every job has ended and that nobody talks to S3 just now: only then half
    written files and jobs that have not ended are wrong.
    """
    rows = read_rows(settings)
    looks = (*_ALWAYS, *_AT_REST) if at_rest else _ALWAYS
    return [problem for look in looks for problem in look(settings, rows)]


def check(settings: Settings, *, at_rest: bool = True) -> None:
    """Fail with everything that does not hold; see :func:`problems`."""
    found = problems(settings, at_rest=at_rest)
    assert not found, "\n".join(["The studio is not sound:", *found])


def until_sound(settings: Settings, seconds: float = 60) -> None:
    """Wait until everything holds: what a crash left is cleaned up within a sweep or two."""
    deadline = time.monotonic() + seconds
    while problems(settings) and time.monotonic() < deadline:
        time.sleep(0.5)
    check(settings)

"""``jupyter mlstudio database``: what there is to go on with when the database is away."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.copies import Copies, Copy
from ..core.database import DatabaseUnavailable
from ..core.opening import describe_database
from ..core.owner import adopt
from ..core.settings import SQLITE, Settings, load_settings
from ..core.soundness import examine, note_open
from ..studio.client import StudioError, lock_file
from ..studio.lock import LockHeld, StudioLock


def add(parser: argparse.ArgumentParser) -> None:
    """Add the actions to the command's parser."""
    parser.set_defaults(run=_show)
    actions = parser.add_subparsers(metavar="ACTION")
    actions.add_parser("copy", help="copy it now").set_defaults(run=_copy)
    restore = actions.add_parser("restore", help="put a copy in its place")
    restore.add_argument("name", nargs="?", help="a copy that is listed; else the newest")
    restore.set_defaults(run=_restore)
    actions.add_parser(
        "adopt", help="go on with what the settings name as it is, without what is missing"
    ).set_defaults(run=_adopt)


def _show(options: argparse.Namespace) -> int:
    settings = load_settings(options.root)
    problem = True
    try:
        print(f"{describe_database(settings)}: whole.")
        problem = False
    except DatabaseUnavailable as error:
        print(f"It cannot be used: {error.reason}.")
    except ValueError as error:
        print(error)
    copies = Copies(settings).all() if settings.database == SQLITE else []
    if copies:
        print("Copies, newest first:")
    for each in copies:
        size = each.path.stat().st_size / 2**20
        print(f"  {each.name}  {each.made:%Y-%m-%d %H:%M} UTC  {size:.1f} MiB")
    if problem:
        if copies:
            print(
                "To put the newest back: jupyter mlstudio database restore. What changed since is "
                "then unknown to the studio: resources that are newer are gone, their containers "
                "are removed, the folders of their jobs are set aside."
            )
        print(
            "To go on with what the settings name as it is, even if it is empty: jupyter mlstudio "
            "database adopt. Objects in S3 and logs stay; containers that then belong to no "
            "resource are removed as soon as there is any resource."
        )
    return int(bool(problem))


def _copy(options: argparse.Namespace) -> int:
    settings = _on_sqlite(options)
    print(f"Copied: {Copies(settings).make().path}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    settings = _on_sqlite(options)
    copies = Copies(settings)
    with _locked(settings):
        chosen = _choose(copies.all(), options.name)
        aside = copies.restore(chosen)
    print(f"The studio goes on from the copy of {chosen.made:%Y-%m-%d %H:%M:%S} UTC.")
    if aside is not None:
        print(f"What was there is kept in {aside}.")
    print("Start it with: jupyter mlstudio start")
    return 0


def _adopt(options: argparse.Namespace) -> int:
    settings = load_settings(options.root)
    with _locked(settings):
        if settings.database == SQLITE:
            note_open(settings.database_file, opened=False)
            try:
                examine(settings.database_file, expected=True)
            except DatabaseUnavailable:
                aside = Copies(settings).set_aside()
                if aside is not None:
                    print(f"What cannot be used, and folders of jobs, are kept in {aside}.")
        adopt(settings)
    print("The next studio takes what the settings name as it is.")
    return 0


def _on_sqlite(options: argparse.Namespace) -> Settings:
    settings = load_settings(options.root)
    if settings.database != SQLITE:
        raise StudioError("Copies of a PostgreSQL database are made with its own tools (pg_dump).")
    return settings


def _choose(every: list[Copy], name: str | None) -> Copy:
    found = next((each for each in every if name in (None, each.name)), None)
    if found is None:
        raise StudioError(f"There is no copy {name}." if name else "There is no copy.")
    return found


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    try:
        with StudioLock(lock_file(settings)):
            yield
    except LockHeld as held:
        raise StudioError(
            f"A studio runs on {settings.root} (process {held.pid}); first: jupyter mlstudio stop"
        ) from None

"""The commands of ``jupyter mlstudio`` and what they print.

Exit status: 0 done, 1 it could not be done or only in part, 2 wrong usage, 3 ``status`` found no
studio.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from .. import __version__
from ..compute.protocol import EngineError
from ..core.settings import DATABASE_VARIABLE, SQLITE, Settings, default_root, load_settings
from ..studio import children, client, containers
from ..studio.client import StudioError
from . import database, shells

NOT_RUNNING = 3
_FILE_SYSTEM_ID = re.compile("fs-[0-9a-f]{8,18}")

_SUMMARIES = {
    "start": "start the studio, or find it running",
    "stop": "end the studio, its S3 front and its gateway",
    "status": "say what runs",
    "env": "print what makes a shell talk to the studio",
    "doctor": "say what works here, what is missing and how to fix it",
    "database": "say where the state is and whether it is whole; copy it, put a copy back",
    "images": "build and list the images of the algorithms and frameworks",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--root", type=Path, default=default_root())
    known, rest = common.parse_known_args(given)
    parser = _parser()
    if rest and not rest[0].startswith("-") and rest[0] not in _SUMMARIES:
        parser.error(_unknown(rest[0]))
    options = parser.parse_args(rest)
    options.root = known.root
    try:
        return int(options.run(options))
    except StudioError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{error.filename or 'Error'}: {error.strerror or error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jupyter mlstudio",
        description="Amazon SageMaker's API on your own machine.",
        epilog="--root DIR, before or after the command, names the folder that holds everything "
        f"the studio writes (default: {default_root()}).",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    start = _command(commands, "start", _start)
    start.add_argument("--foreground", action="store_true", help="stay in this terminal")
    start.add_argument("--compute", choices=("auto", "docker", "process"))
    start.add_argument(
        "--database", metavar="URL", help="a PostgreSQL database to keep the state in, or sqlite"
    )
    start.add_argument("--region", help="region of the profile and the default bucket")
    start.add_argument(
        "--idle-exit", type=int, metavar="SECONDS", help="end after so long without work; 0: never"
    )
    start.add_argument(
        "--file-systems",
        type=_file_system,
        nargs="*",
        metavar="ID=FOLDER",
        help="folders that jobs may mount as file systems, e.g. fs-0123abcd=/data; all there are",
    )
    elsewhere = start.add_argument_group(
        "another S3", "instead of the studio's own; 'none' as its URL goes back to that"
    )
    elsewhere.add_argument("--s3-endpoint", metavar="URL")
    elsewhere.add_argument("--s3-region", metavar="REGION")
    elsewhere.add_argument(
        "--s3-profile", metavar="NAME", help="AWS profile with its keys; else the environment's"
    )
    elsewhere.add_argument("--s3-bucket", metavar="BUCKET", help="default bucket")

    stop = _command(commands, "stop", _stop)
    stop.add_argument(
        "--all", action="store_true", help="also stop the containers of jobs and endpoints"
    )

    status = _command(commands, "status", _status)
    status.add_argument("--json", action="store_true")

    env = _command(commands, "env", _env)
    form = env.add_mutually_exclusive_group()
    form.add_argument("--shell", choices=shells.SHELLS, default=shells.own_shell(os.environ))
    form.add_argument("--json", action="store_true")

    doctor = _command(commands, "doctor", _doctor)
    doctor.add_argument("--json", action="store_true")

    database.add(_command(commands, "database", None))

    images = _command(commands, "images", None).add_subparsers(required=True, metavar="ACTION")
    build = images.add_parser("build", help="build one image, or all of them")
    build.add_argument("name", nargs="*", help="an image that `list` shows, or `all`")
    build.add_argument("--gpu", action="store_true", help="with CUDA, where an image has such")
    build.add_argument("--base", help="base image instead of the one the settings name")
    build.set_defaults(run=_images_build)
    images.add_parser("list", help="list the images").set_defaults(run=_images_list)
    return parser


def _file_system(text: str) -> tuple[str, str]:
    name, _, folder = text.partition("=")
    path = Path(folder).expanduser()
    if not _FILE_SYSTEM_ID.fullmatch(name):
        raise argparse.ArgumentTypeError(f"{name!r} is not like fs-0123456789abcdef0")
    if not path.is_absolute() or not path.is_dir():
        raise argparse.ArgumentTypeError(f"{folder!r} is not the full path of a folder")
    return name, str(path.resolve())


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: object,
) -> argparse.ArgumentParser:
    summary = _SUMMARIES[name]
    parser = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
    parser.set_defaults(run=run)
    return parser


def _unknown(word: str) -> str:
    near = [repr(name) for name in difflib.get_close_matches(word, _SUMMARIES, n=2)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_SUMMARIES)}."
    return f"unknown command {word!r}: {hint}"


def _start(options: argparse.Namespace) -> int:
    chosen = {
        "compute": options.compute,
        "database": _database(options.database),
        "region": options.region,
        "idle_exit": options.idle_exit,
        "file_systems": None if options.file_systems is None else dict(options.file_systems),
        "s3_endpoint": "" if options.s3_endpoint == "none" else options.s3_endpoint,
        "s3_region": options.s3_region,
        "s3_profile": options.s3_profile,
        "s3_bucket": options.s3_bucket,
    }
    settings = load_settings(options.root)
    running = client.find(settings)
    different = [
        name.replace("_", "-")
        for name, value in chosen.items()
        if value is not None and value != getattr(settings, name)
    ]
    if running is not None and different:
        raise StudioError(
            f"The studio runs already (process {running.pid}); --{different[0]} takes effect "
            f"after 'jupyter mlstudio stop'."
        )
    settings = load_settings(options.root, **chosen)
    if options.foreground:
        command = [sys.executable, "-m", client.MODULE, "--root", str(settings.root)]
        os.execv(sys.executable, command)  # noqa: S606 - becomes the studio, so signals reach it
    info = client.ensure(settings)
    found = "was running already" if running and running.pid == info.pid else "is running"
    print(f"The studio {found} (process {info.pid}).")
    _describe(info)
    print('\nIn this shell:  eval "$(jupyter mlstudio env)"')
    return 0


def _database(url: str | None) -> str | None:
    if url is None or url == SQLITE:
        return url
    from ..core import postgres

    overruling = os.environ.get(DATABASE_VARIABLE)
    if overruling not in (None, "", url):
        raise StudioError(f"{DATABASE_VARIABLE} names another database; unset it first.")
    try:
        postgres.parse(url)
    except ValueError as error:
        raise StudioError(str(error)) from None
    return url


def _stop(options: argparse.Namespace) -> int:
    settings = containers.as_it_ran(load_settings(options.root))
    ran = client.holder(settings) is not None
    left = [program.name for program in children.left(settings.run)]
    before, _ = _containers(settings)
    client.stop(settings, containers=options.all)
    if ran:
        print("The studio, its S3 front and its gateway have ended.")
    elif left:
        print(f"No studio ran on {settings.root}. What it had left has ended: {', '.join(left)}.")
    else:
        print(f"No studio runs on {settings.root}.")
    return _tell_containers(settings, before, stop=options.all)


def _tell_containers(settings: Settings, before: list[str], *, stop: bool) -> int:
    """Print what became of the containers; return 1 when some should have ended and have not."""
    after, problem = _containers(settings)
    if problem:
        print(f"Whether containers go on cannot be said: {problem}", file=sys.stderr)
        return int(stop)
    if stop and (stopped := set(before) - set(after)):
        print(f"Stopped {_count(stopped)}.")
    if stop and after:
        print(f"Still running: {_count(after)} ({', '.join(after)}).", file=sys.stderr)
        return 1
    if after:
        print(
            f"Going on: {_count(after)}; the next studio finds them again. Nothing reaches "
            f"endpoints until then. To stop containers too: jupyter mlstudio stop --all"
        )
    return 0


def _containers(settings: Settings) -> tuple[list[str], str]:
    """Return the names of the containers that run, and why they cannot be known."""
    try:
        return containers.running(settings), ""
    except EngineError as error:
        return [], error.reason


def _count(names: Collection[str]) -> str:
    return "1 container" if len(names) == 1 else f"{len(names)} containers"


def _status(options: argparse.Namespace) -> int:
    settings = load_settings(options.root)
    info = client.find(settings)
    if info is None:
        print("{}" if options.json else f"No studio runs on {settings.root}.")
        return NOT_RUNNING
    health = info.health()
    if options.json:
        addresses = {"url": info.url, "s3_url": info.s3_url, "gateway_url": info.gateway_url}
        print(json.dumps({**health, **addresses, "root": str(settings.root)}, indent=2))
        return 0
    print(f"The studio is running (process {info.pid}, version {info.version}).")
    _describe(info)
    away = f" (away: {health['engine_problem']})" if health["engine_problem"] else ""
    running = f"{health['containers']} containers running"
    print(f"  {'compute':<10} {health['compute']}, {running}{away}")
    problem = health["database_problem"]
    print(f"  {'database':<10} {health['database']}{f' (away: {problem})' if problem else ''}")
    for name, pid in health["processes"].items():
        print(f"  {name:<10} {f'process {pid}' if pid else 'is being started again'}")
    print(f"  {'root':<10} {settings.root}")
    return 0


def _describe(info: client.StudioInfo) -> None:
    for name, url in (("AWS", info.url), ("S3", info.s3_url), ("inference", info.gateway_url)):
        print(f"  {name:<10} {url}")


def _env(options: argparse.Namespace) -> int:
    from ..studio import kernels

    client.ensure(load_settings(options.root))
    settings: Settings = load_settings(options.root)
    variables: dict[str, str | None] = {
        name: None for name in kernels.OVERRULING if name in os.environ
    }
    variables.update(kernels.choose(settings))
    text = shells.document(variables) if options.json else shells.commands(options.shell, variables)
    sys.stdout.write(text)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from . import doctor

    return doctor.run(options.root, as_json=options.json)


def _images_build(options: argparse.Namespace) -> int:
    from ..images import build

    try:
        names = build.names() if options.name in ([], ["all"]) else options.name
        for name in names:
            build.build(name, base=options.base, gpu=options.gpu, progress=print)
    except build.BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _images_list(options: argparse.Namespace) -> int:
    from ..images import build

    for image in build.list_images():
        print(image)
    return 0

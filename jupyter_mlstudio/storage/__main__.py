"""``python -m jupyter_mlstudio.storage``: serve one object store as S3."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jupyter_mlstudio._logfile import log_to

from .objects import StoreInUse
from .server import Options, run
from .upstream import Upstream


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; 0 after a clean end, 1 if it cannot serve."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlstudio.storage", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the object store")
    parser.add_argument("--key", type=Path, required=True, help="master key of the studio")
    parser.add_argument("--account", required=True, help="twelve digits: whose keys are taken")
    parser.add_argument("--region", default="us-east-1", help="region of the default bucket")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--also",
        type=_address,
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="listen here too, as soon as the address exists; may be repeated",
    )
    parser.add_argument("--ready", type=Path, help="file to write while serving")
    parser.add_argument("--bucket", help="bucket to make if it is not there")
    parser.add_argument("--upstream", metavar="URL", help="pass requests on to this S3 instead")
    parser.add_argument("--upstream-region", default="us-east-1", help="region to sign for there")
    parser.add_argument(
        "--upstream-profile", default="", help="AWS profile with its keys; else the environment"
    )
    parser.add_argument("--log", type=Path, help="file to log to instead of stderr")
    parser.add_argument("--log-level", default="INFO", help="DEBUG shows every request")
    chosen = vars(parser.parse_args(arguments))
    log_to(chosen.pop("log"), chosen.pop("log_level"))
    region, profile = chosen.pop("upstream_region"), chosen.pop("upstream_profile")
    if chosen["upstream"] is not None:
        chosen["upstream"] = Upstream(chosen["upstream"], region, profile)
    try:
        run(Options(**chosen))
    except (StoreInUse, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    raise SystemExit(main())

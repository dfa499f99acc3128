"""``python -m mlstudio_runtime train|serve``: what ``docker run IMAGE train|serve`` calls.

``check`` says what this Python lacks to do either.
"""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command named by the first argument and return its exit status."""
    command = (sys.argv[1:] if argv is None else argv)[:1]
    if command == ["train"]:
        from .training import train

        return train()
    if command == ["serve"]:
        from .serving import serve

        return serve()
    if command == ["check"]:
        from .framework import check
        from .outcome import UserError

        try:
            check()
        except UserError as error:
            print(error)
            return 1
        return 0
    print("usage: python -m mlstudio_runtime train|serve|check", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""The table of covered operations for the documentation.

Run ``python -m jupyter_mlstudio.wire.table MODULE…`` with the modules that register operations.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection

from .operation import handlers
from .services import SERVICES, service_model


def table(covered: Collection[tuple[str, str]]) -> str:
    """Return Markdown: what each service covers of its operations, then their names.

    Parameters
    ----------
    covered:
        (service, operation) pairs, e.g. :func:`.operation.handlers`.
    """
    lines = ["| Service | Operations | Covered |", "| --- | ---: | ---: |"]
    details = []
    for service in SERVICES:
        known = list(service_model(service).operation_names)
        built = sorted(name for owner, name in covered if owner == service)
        lines.append(f"| {service} | {len(known)} | {len(built)} |")
        if built:
            names = ", ".join(f"`{name}`" for name in built)
            details.append(f"## {service}\n\n{len(built)} of {len(known)}: {names}\n")
    return "\n".join([*lines, "", *details])


def main(modules: list[str]) -> int:
    """Print the table of what the named modules register."""
    for module in modules:
        importlib.import_module(module)
    print(table(handlers()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

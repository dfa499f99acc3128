"""Environment variables as commands of a shell."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping

SHELLS = ("bash", "zsh", "sh", "fish", "powershell")

Variables = Mapping[str, str | None]
"""Values by name; None means that the variable is to be dropped."""


def own_shell(environ: Mapping[str, str]) -> str:
    """Return the user's login shell where we know its syntax, else ``sh``."""
    name = os.path.basename(environ.get("SHELL", ""))
    return name if name in SHELLS else "sh"


def commands(shell: str, variables: Variables) -> str:
    """Return the lines that bring ``variables`` into effect in ``shell``."""
    line = {"fish": _fish, "powershell": _powershell}.get(shell, _posix)
    return "".join(f"{line(name, value)}\n" for name, value in variables.items())


def document(variables: Variables) -> str:
    """Return ``variables`` as JSON; null where one is to be dropped."""
    return json.dumps(dict(variables), indent=2) + "\n"


def _posix(name: str, value: str | None) -> str:
    return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str | None) -> str:
    if value is None:
        return f"set -e {name}"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    # fish splits what it knows as a path list; the quotes keep it one string until then.
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str | None) -> str:
    if value is None:
        return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"

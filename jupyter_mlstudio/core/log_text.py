"""What a terminal shows of a line."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])")
"""Control sequences (ECMA-48, 5.4), operating system commands such as links, single escapes."""


def as_shown(text: str) -> str:
    """Return a line with its colours: a carriage return starts it over."""
    if "\r" not in text:
        return text
    shown = ""
    for part in text.split("\r"):
        # What an escape sequence takes up cannot be seen from its length.
        kept = "" if "\x1b" in part and part else shown[len(part) :]
        shown = part + kept
    return shown


def without_colours(text: str) -> str:
    """Return a line without control sequences."""
    return _ESCAPE.sub("", text) if "\x1b" in text else text

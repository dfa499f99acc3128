"""How serious a line of a log is, by what loggers and Python usually write."""

from __future__ import annotations

import re

from .log_text import without_colours

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
"""From the least serious on. Lines that do not say how serious they are have no level."""

_HEAD = 400
"""Characters at the start of a line in which its level is looked for."""

_WORDS = {
    "TRACE": "DEBUG",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "WARN": "WARNING",
    "WARNING": "WARNING",
    "ERROR": "ERROR",
    "FATAL": "ERROR",
    "CRITICAL": "ERROR",
}
_NAMES = "|".join(sorted(_WORDS, key=len, reverse=True))
_CAPITALS = re.compile(rf"(?<![\w-])({_NAMES})(?![\w-])")
_FIELD = re.compile(rf"""(?i)\b(?:log_?)?level(?:name)?["']?\s*[=:]\s*["']?({_NAMES})\b""")
_RAISED = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Interrupt|SystemExit)(?::|$)")
_WARNED = re.compile(r"(?:^|: )\w*Warning:")
_HINTS = {
    "DEBUG": (b"debug", b"trace"),
    "INFO": (b"info",),
    "WARNING": (b"warn",),
    "ERROR": (
        b"error",
        b"fatal",
        b"critical",
        b"exception",
        b"interrupt",
        b"systemexit",
        b"traceback",
        b'  file "',
    ),
}
_TRACEBACK = ("Traceback (most recent call last)", '  File "')


def level_of(text: str) -> str | None:
    """Return the level of a line, one of :data:`LEVELS`, or None."""
    head = without_colours(text[:_HEAD])
    if head.startswith(_TRACEBACK) or _RAISED.match(head):
        return "ERROR"
    word = _CAPITALS.search(head) or _FIELD.search(head)
    if word is not None:
        return _WORDS[word[1].upper()]
    return "WARNING" if _WARNED.search(head) else None


def at_least(level: str) -> frozenset[str]:
    """Return the levels that are this serious or more."""
    return frozenset(LEVELS[LEVELS.index(level) :])


def hints(level: str) -> tuple[bytes, ...]:
    """Return what every line that is this serious or more has one of, in small letters."""
    return tuple(hint for each in LEVELS if each in at_least(level) for hint in _HINTS[each])

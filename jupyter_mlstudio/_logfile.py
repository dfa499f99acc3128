"""Where a process of ours logs: to a file that stays small, or to stderr."""

from __future__ import annotations

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

LOG_BYTES = 10_000_000
"""How large a log may grow; one older file of that size is kept beside it."""


class LogFile(RotatingFileHandler):
    """A log file that rotates and takes along the standard output that goes to it.

    So the last words of a process that crashes are in the newest file, however often it rotated.
    """

    def doRollover(self) -> None:
        """Start a new file."""
        following = [
            output
            for output in (1, 2)
            if os.path.sameopenfile(output, self._open_stream().fileno())
        ]
        super().doRollover()
        for output in following:
            os.dup2(self._open_stream().fileno(), output)

    def _open_stream(self) -> TextIOWrapper:
        if self.stream is None:
            self.stream = self._open()
        return self.stream


def log_to(path: Path | None, level: str = "INFO") -> None:
    """Log what this process does to ``path``, or to stderr."""
    handler: logging.Handler = logging.StreamHandler()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = LogFile(path, maxBytes=LOG_BYTES, backupCount=1)
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, format=form, handlers=[handler])
    server_logger.addFilter(_without_request)


def _without_request(record: logging.LogRecord) -> bool:
    """Have a request that is no HTTP logged in one line, without what it holds: maybe a secret."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg = f"{record.msg}: it is not HTTP (%s)"
        record.args = (*(record.args or ()), type(error).__name__)
        record.exc_info = None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True

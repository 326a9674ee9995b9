"""Lines of JSON on stderr, one a request: what happened; no content, nobody's names."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any

_MOST = 400  # characters of a foreign message


def line(event: str, **facts: object) -> None:
    """Writes one line; facts that are None are left out."""
    found = {"time": _now(), "event": event, **facts}
    text = json.dumps({k: v for k, v in found.items() if v is not None})
    sys.stderr.write(f"{text}\n")


def failure(event: str, error: BaseException, **facts: object) -> None:
    """Writes a line about an error nobody raised on purpose, with where it happened.

    Its message is left out: it may quote what somebody sent.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-6:]]
    line(event, error=type(error).__name__, where=where, **facts)


class _Lines(logging.Handler):
    """What the libraries say, as lines of the same kind."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record, without its arguments' trace."""
        facts: dict[str, Any] = {"level": record.levelname.lower(), "logger": record.name}
        if record.exc_info and record.exc_info[1]:
            failure("library", record.exc_info[1], **facts)
        else:
            line("library", **facts, message=record.getMessage()[:_MOST])


def take_over() -> None:
    """Sends warnings of uvicorn and asyncio through `line`."""
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_Lines()], False
        logger.setLevel(logging.WARNING)


def _now() -> str:
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"

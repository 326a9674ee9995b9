"""Work that may become pointless: whoever asked has gone, or has waited long enough.

A thread cannot be stopped from outside. So work looks whether it is still wanted, between its
stages and before the network runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

Result = TypeVar("Result")

_unwanted: ContextVar[threading.Event | None] = ContextVar("unwanted", default=None)


class StoppedError(Exception):
    """Nobody waits for the work any more."""


def go_on() -> None:
    """Returns if the work of this thread is still wanted.

    Raises:
        StoppedError: it is not.
    """
    event = _unwanted.get()
    if event is not None and event.is_set():
        raise StoppedError


def run(work: Callable[[], Result], unwanted: threading.Event) -> Result:
    """Does the work in this thread; `go_on` within it asks the event."""
    token = _unwanted.set(unwanted)
    try:
        go_on()
        return work()
    finally:
        _unwanted.reset(token)

"""Ctrl-C and SIGTERM take effect between two steps only."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping() -> Iterator[Callable[[], None]]:
    """Holds the first signal back; yields a function that raises KeyboardInterrupt if one came.

    A second signal ends the run at once.

    A checkpoint written in the middle of a step would not go on as the run would have.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None  # only the main thread can receive signals
        return
    came: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt(number)

    before = [signal.signal(number, note) for number in signals]

    def stop() -> None:
        if came:
            raise KeyboardInterrupt(came[0])

    try:
        yield stop
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)

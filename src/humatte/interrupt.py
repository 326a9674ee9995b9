"""Ctrl-C that waits for the end of a step: nothing is torn in the middle."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def between_steps() -> Iterator[Callable[[], None]]:
    """Within the block, Ctrl-C (and a polite end, SIGTERM) takes effect where `step` is called.

    A second one does not wait. In threads other than the main one, which signals do not reach,
    nothing changes.

    Example:
        with between_steps() as step:
            for frame in frames:
                out.write(frame)
                step()  # raises KeyboardInterrupt if it was asked for
    """
    asked = threading.Event()

    def note(signum: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    def step() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield step
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield step
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

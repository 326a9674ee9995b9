"""Ctrl-C that waits for the end of a step: nothing is torn in the middle."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from humatte.console import say

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Steps:
    """Called between two steps, from any thread: lets Ctrl-C take effect there."""

    def __init__(self, ending: str = "") -> None:
        self._asked = threading.Event()
        self._ending = False
        self._line = ending
        self._late = 0  # signals since the end began

    @property
    def asked(self) -> bool:
        """Whether a signal came, even if it took no effect any more."""
        return self._asked.is_set()

    def end(self) -> None:
        """After the last step: from here on it is the second signal that does not wait."""
        self._ending = True

    def __call__(self) -> None:
        """Goes on, or raises KeyboardInterrupt if a signal came."""
        if not self.asked:
            return
        if self._line and not self._ending:
            with contextlib.suppress(OSError):  # the terminal may be what has gone
                say(self._line)
        self._ending = True
        raise KeyboardInterrupt

    def note(self, signum: int, frame: FrameType | None) -> None:
        """Takes a signal."""
        if self._ending:
            self._late += 1
            self._asked.set()
            if self._late > 1:
                raise KeyboardInterrupt
        elif self.asked:
            self._ending = True
            raise KeyboardInterrupt
        else:
            self._asked.set()


@contextmanager
def between_steps(ending: str = "") -> Iterator[Steps]:
    """Within the block, Ctrl-C takes effect where `step` is called.

    So does a polite end (SIGTERM), and a terminal that goes (SIGHUP). A second one does not wait
    for a step. What ends then is left in peace by the next one, and given up with the one after
    that. Signals that are ignored stay so (nohup). In threads other than the main one, which
    signals do not reach, nothing changes.

    Args:
        ending: a line for a person, said when it takes effect.

    Example:
        with between_steps() as step:
            for frame in frames:
                out.write(frame)
                step()  # raises KeyboardInterrupt if it was asked for
            step.end()
            out.close()  # long: not torn by one Ctrl-C
    """
    step = Steps(ending)
    if threading.current_thread() is not threading.main_thread():
        yield step
        return
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in taken:
        signal.signal(number, step.note)
    try:
        yield step
    finally:
        for number in taken:
            signal.signal(number, before[number])

"""Ctrl-C between steps."""

from __future__ import annotations

import signal
import threading

import pytest

from humatte.interrupt import between_steps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_waits_for_a_step(number: signal.Signals) -> None:
    before, reached = signal.getsignal(number), []
    with pytest.raises(KeyboardInterrupt), between_steps() as step:
        step()
        signal.raise_signal(number)
        reached.append("the end of the step")
        step()
    assert reached
    assert signal.getsignal(number) is before


def test_a_second_one_does_not_wait() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), between_steps():
        signal.raise_signal(signal.SIGINT)
        reached.append(1)
        signal.raise_signal(signal.SIGINT)
        reached.append(2)
    assert reached == [1]


def test_in_other_threads_nothing_changes() -> None:
    handlers = []

    def work() -> None:
        with between_steps() as step:
            step()
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]

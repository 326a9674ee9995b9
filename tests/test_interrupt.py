"""Ctrl-C between steps."""

from __future__ import annotations

import signal
import threading

import pytest

from humatte.interrupt import between_steps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
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


def test_what_is_being_ended_is_left_in_peace_once(capsys: pytest.CaptureFixture[str]) -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), between_steps("one moment") as step:
        signal.raise_signal(signal.SIGINT)
        try:
            step()
        finally:
            signal.raise_signal(signal.SIGINT)
            reached.append("the end of the file")
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    assert reached
    assert capsys.readouterr().err == "humatte: one moment\n"


def test_after_the_last_step_it_is_noted_only() -> None:
    with between_steps() as step:
        step.end()
        assert not step.asked
        signal.raise_signal(signal.SIGINT)
        assert step.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_is_ignored_stays_so() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with between_steps() as step:
            signal.raise_signal(signal.SIGHUP)
            step()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_terminal_that_has_gone_stops_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("humatte.interrupt.say", gone)
    with pytest.raises(KeyboardInterrupt), between_steps("one moment") as step:
        signal.raise_signal(signal.SIGHUP)
        step()


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

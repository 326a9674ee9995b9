"""Several pictures at once: order, bounds, failures, interruption."""

from __future__ import annotations

import threading
import time

import pytest

from humatte.pipeline import Room, ahead, cores, overlapped


def test_answers_come_in_order_whoever_is_faster() -> None:
    def work(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    found = [(item, future.result()) for item, future in overlapped(work, range(30), 4)]
    assert found == [(number, number**2) for number in range(30)]


def test_several_are_under_way_at_once() -> None:
    together = threading.Barrier(3, timeout=10)  # breaks unless three wait at the same time
    answers = overlapped(lambda _: together.wait(), range(3), 3)
    assert sorted(future.result() for _, future in answers) == [0, 1, 2]


def test_few_are_begun_ahead_of_who_asks() -> None:
    begun: list[int] = []
    answers = overlapped(begun.append, range(1000), 2)
    for _ in range(5):
        next(answers)
    time.sleep(0.05)
    assert 5 <= len(begun) <= 5 + 8
    answers.close()
    assert len(begun) <= 5 + 8


def test_a_failure_is_its_own_and_no_one_elses() -> None:
    def work(number: int) -> float:
        return 1 / number

    found = dict(overlapped(work, [1, 0, 2], 2))
    assert found[2].result() == 0.5
    with pytest.raises(ZeroDivisionError):
        found[0].result()


def test_room_is_kept_and_the_largest_goes_alone() -> None:
    room, inside, most = Room(10), [], []
    lock = threading.Lock()

    def work(amount: float) -> None:
        with room.for_one(amount):
            with lock:
                inside.append(amount)
                most.append(sum(min(10, one) for one in inside))
            time.sleep(0.002)
            with lock:
                inside.remove(amount)

    list(overlapped(work, [3, 4, 25, 6, 1, 10, 9, 2] * 4, 8))
    assert max(most) <= 10
    assert len(most) == 32


def test_what_was_under_way_when_ctrl_c_came_is_still_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = threading.Event()

    def interrupted(_: object) -> None:
        begun.wait(10)
        raise KeyboardInterrupt

    def work(number: int) -> int:
        begun.set()
        return number

    monkeypatch.setattr("humatte.pipeline.wait", interrupted)
    found = []

    def ask() -> None:
        for _, future in overlapped(work, range(100), 2):
            found.append(future.result())

    with pytest.raises(KeyboardInterrupt):
        ask()
    assert found[0] == 0
    assert found == sorted(found)
    assert len(found) <= 8


def test_there_are_cores() -> None:
    assert cores() >= 1


def test_stages_work_at_the_same_time_and_keep_the_order() -> None:
    further = threading.Event()

    def first():
        yield 0
        further.set()
        yield from range(1, 5)

    def second(numbers):
        for number in numbers:
            assert further.wait(10)  # of one thread, the first stage would wait for the second
            yield number

    assert list(ahead(second(ahead(first())))) == list(range(5))


def test_a_stage_is_few_items_ahead() -> None:
    begun: list[int] = []
    made = ahead(begun.append(number) or number for number in range(1000))
    assert [next(made) for _ in range(5)] == list(range(5))
    time.sleep(0.05)
    assert 5 <= len(begun) <= 5 + 2 + 2
    made.close()
    assert len(begun) <= 5 + 2 + 3


def test_a_stages_failure_is_raised_in_its_place() -> None:
    def failing():
        yield 1
        raise ZeroDivisionError

    made = ahead(failing())
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_whoever_stops_closes_what_came_before() -> None:
    closed = threading.Event()

    def numbers():
        try:
            yield from range(1000)
        finally:
            closed.set()

    threads = threading.active_count()
    made = ahead(number for number in ahead(numbers()))
    next(made)
    made.close()
    del made
    assert closed.wait(10)
    assert threading.active_count() == threads

"""Many pictures at once: some are read while others are in the network or being written.

In: items, and a function of one or what is made of one after the other. Out: their answers, in
order. Bounded: few items are under way, and few pixels, however many there are and however large.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar, cast

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_END = object()  # behind the last item
_AHEAD = 3  # answers a worker may be ahead of the slowest picture


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may own few of the machine's
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Room:
    """So much may be under way at once; what is larger than all of it goes alone."""

    def __init__(self, size: float) -> None:
        self._size, self._taken = size, 0.0
        self._changed = threading.Condition()

    @contextmanager
    def for_one(self, amount: float) -> Iterator[None]:
        """Waits until there is room, and holds it."""
        amount = min(amount, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._taken + amount <= self._size)
            self._taken += amount
        try:
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._changed.notify_all()


def overlapped(
    work: Callable[[Item], Answer], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Future[Answer]]]:
    """Runs `work` on items, several at once in threads; gives each with its finished future.

    In the order of the items. Whoever stops asking stops the work: what is under way is finished,
    nothing more is begun. After Ctrl-C while it waits, what was under way is still given, then
    KeyboardInterrupt raised.

    Args:
        work: called from several threads. What it raises is in its future.
        items: taken one by one, as there is room.
        workers: threads.
    """
    todo = iter(items)
    waiting: deque[tuple[Item, Future[Answer]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="humatte")
    try:
        while True:
            room = workers * (1 + _AHEAD) - len(waiting)
            waiting.extend((item, pool.submit(work, item)) for item in islice(todo, room))
            if not waiting:
                return
            wait([waiting[0][1]])
            yield waiting.popleft()
    except KeyboardInterrupt:
        pool.shutdown(wait=True, cancel_futures=True)
        yield from ((item, future) for item, future in waiting if not future.cancelled())
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def ahead(items: Iterable[Item], most: int = 2) -> Generator[Item, None, None]:
    """The same items, made in a thread of their own before they are asked for.

    Stages of a clip that each keep the order follow each other so, and work at the same time. What
    making an item raises is raised here, in its place. Whoever stops asking stops the thread: it
    ends with the item under way, and closes `items`.

    Args:
        items: made one by one, as there is room.
        most: items that may be waiting.
    """
    made: queue.Queue[tuple[object, BaseException | None]] = queue.Queue(most)
    unwanted = threading.Event()

    def work() -> None:
        try:
            for item in items:
                made.put((item, None))
                if unwanted.is_set():
                    return
            made.put((_END, None))
        except BaseException as error:  # raised again where the items are taken
            made.put((_END, error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=work, name="humatte-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield cast(Item, item)
    finally:
        unwanted.set()
        while thread.is_alive():  # it may wait for room
            with contextlib.suppress(queue.Empty):
                made.get(timeout=0.02)

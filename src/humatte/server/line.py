"""The line of requests about pictures: a bounded number, worked on by a few threads.

A place is taken before a body is read, and given back when the answer has been sent and no thread
works for it any more: what waits in memory is bounded, whatever callers do.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from humatte.server import tasks
from humatte.server.refusals import GoneError, Refusal

Result = TypeVar("Result")

_HELD_BODIES = 8  # so many bodies of the largest size are held at once
_LONGEST_WAIT_S = 60
_IN_TIME = 0.7  # of the timeout: who would wait longer is told so at once, not after a timeout
_SMOOTH = 0.2  # the newest answer's weight in the mean
_GUESS_S = 0.5  # before there is one


class Line:
    """Places, and the threads behind them. Its methods are called in the event loop.

    Args:
        most: places.
        workers: threads.
        timeout_s: how long an answer may take, waiting included.
        max_bytes: of the largest body.
    """

    def __init__(self, most: int, workers: int, timeout_s: float, max_bytes: int) -> None:
        self.most, self.workers, self.timeout_s = most, workers, timeout_s
        self.most_bytes = _HELD_BODIES * max_bytes
        self.inside, self.bytes_held, self.refused = 0, 0, 0
        self._seconds: float | None = None  # the mean of an answer's work
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="humatte-picture")

    def enter(self) -> Place:
        """A place in the line.

        Raises:
            Refusal: there is none left, or those inside will take too long already.
        """
        late = self._expected_s() > _IN_TIME * self.timeout_s and self.inside > self.workers
        if self.inside >= self.most or late:
            raise self.full(f"{self.inside} pictures are being worked on or waiting")
        self.inside += 1
        return Place(self)

    def full(self, found: str) -> Refusal:
        """The refusal of what finds no room, with when to come again."""
        self.refused += 1
        wait = min(max(1, math.ceil(self._expected_s())), _LONGEST_WAIT_S)
        return Refusal(429, "busy", f"{found}; try again in {wait} s", {"Retry-After": str(wait)})

    def _expected_s(self) -> float:
        """How long those inside will take, by what others took."""
        mean = _GUESS_S if self._seconds is None else self._seconds
        return mean * self.inside / self.workers

    def took(self, seconds: float) -> None:
        """Notes how long an answer's work took."""
        before = seconds if self._seconds is None else self._seconds
        self._seconds = before + _SMOOTH * (seconds - before)

    def submit(self, work: Callable[[], Result], unwanted: threading.Event) -> Future[Result]:
        """Gives work to the threads."""
        return self._pool.submit(tasks.run, work, unwanted)

    def close(self) -> None:
        """Waits for what is being worked on."""
        self._pool.shutdown(wait=True)


class Place:
    """One request's place in the line: held by the request, and by a thread while one works."""

    def __init__(self, line: Line) -> None:
        self._line, self._holders, self._bytes = line, 1, 0

    def hold(self, count: int) -> None:
        """Counts bytes that this request keeps in memory.

        Raises:
            Refusal: all requests together keep too many.
        """
        if self._line.bytes_held + count > self._line.most_bytes:
            raise self._line.full("the service holds as many bytes of pictures as it may")
        self._line.bytes_held += count
        self._bytes += count

    def leave(self) -> None:
        """One of those who hold the place is done with it."""
        self._holders -= 1
        if self._holders == 0:
            self._line.inside -= 1
            self._line.bytes_held -= self._bytes

    async def run(self, work: Callable[[], Result], gone: Awaitable[Any]) -> Result:
        """What `work` gives, done in a thread of the line.

        Args:
            work: looks with `tasks.go_on` whether it is still wanted.
            gone: ends when nobody waits for it any more.

        Raises:
            Refusal: it takes too long.
            GoneError: nobody waits.
        """
        loop, unwanted = asyncio.get_running_loop(), threading.Event()
        under_way = self._line.submit(work, unwanted)
        self._holders += 1
        under_way.add_done_callback(lambda _: loop.call_soon_threadsafe(self.leave))
        answer, watch = asyncio.wrap_future(under_way), asyncio.ensure_future(gone)
        try:
            await asyncio.wait(
                {answer, watch},
                timeout=self._line.timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if answer.done():
                return answer.result()
            if watch.done():
                raise GoneError
        finally:
            unwanted.set()
            answer.cancel()
            watch.cancel()
        raise Refusal(
            504,
            "took_too_long",
            f"not done after {self._line.timeout_s:g} s; send a smaller picture, or try later",
        )

"""Stand-ins for a camera and for what shows its pictures: what the camera's tests are made with."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from drawn import disc, gradient

from humatte.camera_look import Made
from humatte.camera_view import Command

SIZE = (48, 64)


def picture(number: int) -> np.ndarray:
    """An image (48, 64, 3) that knows its number."""
    image = gradient(*SIZE)
    image[..., 2] = number
    return image


def matte(image: np.ndarray) -> np.ndarray:
    """A disc, left of the middle."""
    return np.roll(disc(*image.shape[:2], 12), -10, axis=1)


class Hand:
    """A feed whose pictures come when the test gives them."""

    def __init__(self) -> None:
        self.name, self.size, self.rate, self.notices = "hand", SIZE, 30.0, list[str]()
        self.closed_by: str | None = None
        self._given = threading.Semaphore(0)
        self._left, self._number, self._stopped = 0, 0, False
        self._error: Exception | None = None

    def give(self, count: int = 1) -> None:
        for _ in range(count):
            self._left += 1
            self._given.release()

    def end(self, error: Exception | None = None) -> None:
        self._error = error
        self._given.release()

    def read(self) -> np.ndarray | None:
        self._given.acquire()
        if self._stopped or not self._left:
            if self._error:
                raise self._error
            return None
        self._left -= 1
        self._number += 1
        return picture(self._number)

    def stop(self) -> None:
        self._stopped = True
        self._given.release()

    def close(self) -> None:
        self.closed_by = threading.current_thread().name


class Eye:
    """A view that remembers what it was shown, and does what it is told at each picture."""

    def __init__(self, at_each: Callable[[int], None] | None = None) -> None:
        self.seen: list[Made] = []
        self.lines: list[str] = []
        self.typed: list[Command] = []
        self._at_each = at_each

    def show(self, made: Made, line: str) -> None:
        self.seen.append(made)
        self.lines.append(line)
        if self._at_each:
            self._at_each(len(self.seen))

    def commands(self) -> list[Command]:
        typed, self.typed = self.typed, []
        return typed

    def close(self) -> None:
        pass

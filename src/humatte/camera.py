"""The newest picture of a camera, and no other: whoever is slow skips pictures, and never lags.

In: a feed, read by a thread of its own. Out: the picture that came last. One is kept at a time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from humatte.arrays import Image
from humatte.camera_feed import Feed

_LEAVE_S = 2.0  # a driver that hangs is left to itself after that


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture: image (H, W, 3) uint8 RGB, its number from 1 on, the moment at which it came.

    The moment is in seconds of `time.monotonic`: when the system handed the picture over, after the
    camera's own exposure and transfer.
    """

    image: Image
    number: int
    taken: float


class Newest:
    """Reads a feed for as long as the `with` block lasts; whoever asks gets the newest picture."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._changed = threading.Condition()
        self._shot: Shot | None = None
        self._error: BaseException | None = None
        self._over = False
        # A daemon: a driver that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    def _read(self) -> None:
        number, error = 0, None
        try:
            while (image := self.feed.read()) is not None:
                number += 1
                with self._changed:
                    self._shot = Shot(image, number, time.monotonic())
                    self._changed.notify_all()
        except BaseException as caught:  # whoever asks for the next picture gets it
            error = caught
        finally:
            self.feed.close()
        with self._changed:
            self._over, self._error = True, error
            self._changed.notify_all()

    def after(self, number: int, patience_s: float) -> Shot | None:
        """The newest picture, once it has a higher number than this; None if none came in time.

        Raises:
            HumatteError: what the feed raised, after its last picture was given.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._has(number), patience_s)
            if self._has(number):
                return self._shot
            if self._error:
                raise self._error
            return None

    def _has(self, number: int) -> bool:
        return self._shot is not None and self._shot.number > number

    @property
    def over(self) -> bool:
        """Whether no further picture will come."""
        with self._changed:
            return self._over

    @property
    def count(self) -> int:
        """How many pictures came."""
        with self._changed:
            return self._shot.number if self._shot else 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.feed.stop()
        self._thread.join(_LEAVE_S)

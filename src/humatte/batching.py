"""One network for many threads: pictures that wait at the same time go through it together.

The first thread that comes runs its own batch. Those that come meanwhile wait; then one of them
runs all that wait and have its shape, as one batch. A lone picture never waits for others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Batch
from humatte.errors import NetworkError
from humatte.network import Network

MOST = 8
"""Pictures in one run: beyond that a run gets longer, not quicker by the picture."""


class _Waiting:
    """A batch on its way, and what came of it."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.done = False
        self.answer: Batch | None = None
        self.error = NetworkError("the network stopped in the middle; ask again")


class SharedNetwork(Network):
    """An open network that joins what several threads ask of it.

    Each gets what it would have got alone, but for the rounding of other batch sizes.

    Args:
        network: the one that works.
        most: pictures in one run.
        before: called by each thread before its run; what it raises ends that thread's run alone.
    """

    def __init__(
        self, network: Network, most: int = MOST, before: Callable[[], None] = lambda: None
    ) -> None:
        # Not Network's own: the file is open already.
        self._network, self._most, self._before = network, most, before
        self.facts = network.facts
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._busy = False
        self.runs = 0
        self.pictures = 0

    @property
    def device(self) -> str:
        """As the network's."""
        return self._network.device

    @property
    def runtime(self) -> str:
        """As the network's."""
        return self._network.runtime

    def trained_on(self) -> NDArray[np.uint64]:
        """As the network's."""
        return self._network.trained_on()

    def run(self, batch: Batch) -> Batch:
        """As `Network.run`; may go through the network together with others.

        Raises:
            NetworkError: as there.
            Exception: what `before` raises.
        """
        self._before()
        mine = _Waiting(batch)
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: mine.done or not self._busy)
            if not mine.done:
                self._busy = True
                together = self._taken(mine)
        if not mine.done:
            self._lead(together)
        if mine.answer is None:
            raise mine.error
        return mine.answer

    def _taken(self, mine: _Waiting) -> list[_Waiting]:
        """This batch, and those of its shape that wait, as many as go together."""
        found, count = [mine], len(mine.batch)
        for other in self._waiting:
            fits = other.batch.shape[1:] == mine.batch.shape[1:]
            if other is not mine and fits and count + len(other.batch) <= self._most:
                found.append(other)
                count += len(other.batch)
        self._waiting = [one for one in self._waiting if one not in found]
        return found

    def _lead(self, together: Sequence[_Waiting]) -> None:
        """Runs the network for all of them, and lets the next one lead."""
        try:
            self._run(together)
        finally:
            with self._changed:
                self._busy = False
                for one in together:
                    one.done = True
                self._changed.notify_all()

    def _run(self, together: Sequence[_Waiting]) -> None:
        batch = together[0].batch
        if len(together) > 1:
            batch = np.concatenate([one.batch for one in together])
        self.runs += 1
        self.pictures += len(batch)
        try:
            alphas = self._network.run(batch)
        except NetworkError as error:
            if len(together) == 1:
                together[0].error = error
                return
            for one in together:  # one that cannot be run must not spoil the others
                self._run([one])
            return
        ends = np.cumsum([len(one.batch) for one in together])
        for one, part in zip(together, np.split(alphas, ends[:-1]), strict=True):
            one.answer = part

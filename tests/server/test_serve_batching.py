"""One network for all: joined runs give what single ones give."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from drawn import gradient, noise
from serving import FACTS, DrawnNetwork

import humatte
from humatte.batching import SharedNetwork
from humatte.errors import NetworkError
from humatte.network import Network
from humatte.server import tasks


def batch(seed: int, side: int = 64) -> np.ndarray:
    image = noise(side, 64, seed) // 2 + gradient(side, 64) // 2
    return (image.transpose(2, 0, 1)[None] / 255).astype(np.float32)


def together(shared: SharedNetwork, inner: DrawnNetwork, batches: list[np.ndarray]) -> list:
    """Runs all but the first while the first is in the network."""
    inner.hold.clear()
    inner.entered.clear()
    with ThreadPoolExecutor(len(batches)) as pool:
        first = pool.submit(shared.run, batches[0])
        assert inner.entered.wait(30)
        others = [pool.submit(shared.run, one) for one in batches[1:]]
        while len(shared._waiting) < len(batches) - 1:
            threading.Event().wait(0.005)
        inner.hold.set()
        return [first, *others]


class Held(DrawnNetwork):
    """A network that can be held, in front of another one."""

    def __init__(self, behind: Network) -> None:
        super().__init__()
        self.behind, self.facts = behind, behind.facts

    def run(self, batch: np.ndarray) -> np.ndarray:
        super().run(batch)
        return self.behind.run(batch)


@pytest.mark.parametrize("name", ["night", "dawn"])
def test_the_answer_does_not_depend_on_who_else_asks(name: str) -> None:
    network = humatte.load(name)
    inner = Held(network)
    batches = [batch(seed) for seed in range(6)] + [batch(9, 96)]
    found = together(SharedNetwork(inner), inner, batches)
    assert sorted(shape[0] for shape in inner.shapes) == [1, 1, 5]
    for one, future in zip(batches, found, strict=True):
        assert np.abs(future.result(30) - network.run(one)).max() <= 1 / 255


def test_no_more_than_so_many_go_together() -> None:
    inner = DrawnNetwork()
    shared = SharedNetwork(inner, most=3)
    found = together(shared, inner, [batch(seed) for seed in range(8)])
    for one, future in zip([batch(seed) for seed in range(8)], found, strict=True):
        np.testing.assert_array_equal(future.result(30), DrawnNetwork().run(one))
    assert max(shape[0] for shape in inner.shapes) == 3
    assert shared.pictures == 8
    assert shared.runs == len(inner.shapes)


def test_one_that_cannot_be_run_does_not_spoil_the_others() -> None:
    class Picky(DrawnNetwork):
        def run(self, batch: np.ndarray) -> np.ndarray:
            alpha = super().run(batch)
            if (batch == 0).all(axis=(1, 2, 3)).any():
                raise NetworkError("black")
            return alpha

    inner = Picky()
    batches = [batch(0), batch(1), np.zeros((1, 3, 64, 64), np.float32), batch(2)]
    found = together(SharedNetwork(inner), inner, batches)
    with pytest.raises(NetworkError, match="black"):
        found[2].result(30)
    assert all(found[n].result(30).shape == (1, 1, 64, 64) for n in (0, 1, 3))


def test_a_run_that_breaks_leaves_the_network_free() -> None:
    class Broken(DrawnNetwork):
        def run(self, batch: np.ndarray) -> np.ndarray:
            super().run(batch)
            raise MemoryError

    inner = Broken()
    shared = SharedNetwork(inner)
    first, other = together(shared, inner, [batch(0), batch(1)])
    for future in (first, other):
        with pytest.raises(MemoryError):
            future.result(30)
    assert not shared._busy


def test_nobody_waits_any_more() -> None:
    inner, unwanted = DrawnNetwork(), threading.Event()
    unwanted.set()
    with pytest.raises(tasks.StoppedError):
        tasks.run(lambda: SharedNetwork(inner, before=tasks.go_on).run(batch(0)), unwanted)
    assert inner.shapes == []


def test_it_is_the_network_otherwise() -> None:
    network = humatte.load("night")
    shared = SharedNetwork(network)
    assert (shared.facts, shared.device) == (network.facts, network.device)
    np.testing.assert_array_equal(shared.trained_on(), network.trained_on())
    assert SharedNetwork(DrawnNetwork()).facts == FACTS

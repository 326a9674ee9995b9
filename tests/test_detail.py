from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from drawn import disc, noise

from humatte.arrays import resize, to_bytes
from humatte.detail import SCALE, look_closer

SIDE = round(SCALE * 64)  # of the closer look at a matte of 64 pixels


class SeesGray:
    """Stands in for a network: takes brightness for alpha, and counts how often it looks."""

    facts = SimpleNamespace(best_long_side=64, stride=32)

    def __init__(self) -> None:
        self.looks: list[tuple[int, ...]] = []

    def small(self, image: np.ndarray, long_side: int | None = None) -> np.ndarray:
        self.looks.append(image.shape[:2])
        assert long_side == max(image.shape[:2])
        return (image[..., 0] / np.float32(255)).astype(np.float32)


def shown(alpha: np.ndarray) -> np.ndarray:
    return np.repeat(to_bytes(alpha)[..., None], 3, axis=2)


def test_edges_come_from_the_closer_look_without_seams() -> None:
    truth = disc(256, 192, 60, soft=3)
    first = np.clip(resize(truth, (64, 48)), 0, 1)
    network = SeesGray()
    found = look_closer(shown(truth), first, network)  # type: ignore[arg-type]
    size = (SIDE, SIDE * 3 // 4)
    wanted = resize(truth, size)
    before = np.abs(resize(first, size) - wanted)
    assert found.shape == size
    assert np.abs(found - wanted).max() < 0.3 * before.max()
    assert all(side <= 64 for look in network.looks for side in look)


def test_what_is_decided_stays_whatever_the_closer_look_says() -> None:
    first = np.zeros((64, 64), np.float32)
    first[:, 30:] = 1
    first[10:20, 30] = 0.5
    found = look_closer(noise(200, 200), first, SeesGray())  # type: ignore[arg-type]
    plain = np.clip(resize(first, (SIDE, SIDE)), 0, 1)
    far = np.ones((64, 64), np.float32)
    far[7:23, 27:34] = 0  # the soft pixels, and three of the small matte around
    far = resize(far, (SIDE, SIDE)) == 1
    assert (found[far] == plain[far]).all()
    assert (found != plain).any()


@pytest.mark.parametrize("value", [0, 1])
def test_a_matte_without_edges_is_not_looked_at_again(value: float) -> None:
    network = SeesGray()
    found = look_closer(noise(300, 200), np.full((64, 43), value, np.float32), network)  # type: ignore[arg-type]
    assert not network.looks
    assert (found == value).all()


def test_only_tiles_that_the_edge_crosses_are_looked_at() -> None:
    first = np.zeros((64, 64), np.float32)
    first[2:6, 2:6] = 0.5
    network = SeesGray()
    look_closer(noise(4000, 4000), first, network)  # type: ignore[arg-type]
    assert network.looks == [(64, 64)]


def test_the_looks_are_bounded() -> None:
    for size in ((3000, 3000), (30_000, 20), (640, 6400)):
        network = SeesGray()
        scale = 64 / max(size)
        small = np.full((max(1, round(size[0] * scale)), max(1, round(size[1] * scale))), 0.5)
        look_closer(np.zeros((*size, 3), np.uint8), small.astype(np.float32), network)  # type: ignore[arg-type]
        assert len(network.looks) <= 4


def test_a_picture_with_nothing_closer_to_see_is_left_alone() -> None:
    small, network = disc(64, 50, 20), SeesGray()
    assert look_closer(noise(SIDE - 1, 80), small, network) is small  # type: ignore[arg-type]
    assert not network.looks


@pytest.mark.parametrize(("sure", "kept"), [(0.95, True), (0.55, False)])
def test_a_closer_look_that_misses_a_limb_is_not_believed(sure: float, kept: bool) -> None:
    limb = np.zeros((64, 64), np.float32)
    limb[20:44] = sure  # as sure as a network is of an arm, never wholly
    found = look_closer(np.zeros((256, 256, 3), np.uint8), limb, SeesGray())  # type: ignore[arg-type]
    inside = found[len(found) * 7 // 16 : len(found) * 9 // 16]
    assert (np.allclose(inside, sure, atol=0.01)) == kept
    if not kept:
        assert (inside < 0.6 * sure).all()

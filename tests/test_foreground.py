from __future__ import annotations

import numpy as np
import pytest
from drawn import disc, noise

from humatte.composite import over
from humatte.foreground import continue_outward, estimate_foreground


def drawn(size: int, soft: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red disc over green: the image, its exact alpha, its exact foreground."""
    alpha = disc(size, size, size / 3, soft)
    foreground = np.full((size, size, 3), (200, 40, 60), np.uint8)
    background = np.full((size, size, 3), (20, 220, 30), np.uint8)
    return over(foreground, alpha, background), alpha, foreground


@pytest.mark.parametrize("size", [64, 200, 1500])
def test_the_old_background_leaves_soft_pixels(size: int) -> None:
    image, alpha, truth = drawn(size, soft=max(4, size / 40))
    soft = (alpha > 0.1) & (alpha < 1)
    before = np.abs(image[soft].astype(int) - truth[soft]).mean()
    after = np.abs(estimate_foreground(image, alpha)[soft].astype(int) - truth[soft]).mean()
    assert after < 4 < before / 5


def test_a_new_background_shows_no_fringe_of_the_old() -> None:
    image, alpha, truth = drawn(200, soft=10)
    white = np.full_like(image, 255)
    exact = over(truth, alpha, white).astype(int)
    found = over(estimate_foreground(image, alpha), alpha, white).astype(int)
    assert np.abs(found - exact).max() <= 6


def test_decided_pixels_do_not_change() -> None:
    image, alpha = noise(90, 70), disc(90, 70, 20, soft=8)
    decided = (alpha == 0) | (alpha == 1)
    assert (estimate_foreground(image, alpha)[decided] == image[decided]).all()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_alphas(value: float) -> None:
    image = noise(40, 30)
    result = estimate_foreground(image, np.full((40, 30), value, np.float32))
    assert result.shape == image.shape
    if value != 0.5:
        assert (result == image).all()


def test_colours_go_on_outside_of_the_person() -> None:
    alpha = disc(80, 100, 25, soft=4)
    person, place = np.uint8([[[200, 40, 30]]]), np.uint8([[[10, 60, 240]]])
    straight = np.where(alpha[..., None] > 0, person, place)
    continued = continue_outward(straight, alpha)
    assert (continued[alpha > 0] == straight[alpha > 0]).all()
    near = disc(80, 100, 40) == 1
    assert np.abs(continued[near].astype(int) - person[0, 0]).max() <= 1
    assert (continue_outward(straight, np.zeros_like(alpha)) == straight).all()

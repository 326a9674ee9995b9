from __future__ import annotations

import numpy as np
import pytest
from drawn import disc, noise, strands

from humatte.arrays import to_bytes
from humatte.composite import over
from humatte.foreground import continue_outward, estimate_foreground, quick_foreground


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


def bold(height: int, width: int) -> np.ndarray:
    """An image (H, W, 3) of red, blue and yellow bars."""
    bars = np.array([(250, 40, 30), (30, 60, 250), (255, 240, 60)], np.uint8)
    return np.broadcast_to(bars[np.arange(width) * 40 // width % 3], (height, width, 3)).copy()


@pytest.mark.parametrize("size", [240, 900])
def test_hair_over_a_bold_pattern_keeps_its_colour(size: int) -> None:
    alpha = strands(size, size)
    hair = np.full((size, size, 3), (70, 48, 36), np.uint8)
    soft = (alpha > 0) & (alpha < 1)
    laid = over(hair, alpha, bold(size, size))
    found = estimate_foreground(laid, alpha)
    off = np.abs(found.astype(int) - hair).mean(axis=2)
    before = np.abs(laid.astype(int) - hair).mean(axis=2)
    assert (off * alpha)[soft].mean() < min(4, (before * alpha)[soft].mean() / 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_decided_pixels_do_not_change(dtype: type) -> None:
    image, alpha = noise(300, 700).astype(dtype), disc(300, 700, 120, soft=300)
    decided = np.isin(to_bytes(alpha), (0, 255))
    assert (alpha[decided] % 1 != 0).any()  # what a byte holds as opaque, though it is not quite
    found = estimate_foreground(image, alpha)
    assert (found[decided] == image[decided]).all()
    assert (found[~decided] != image[~decided]).any()


def test_16_bit_colours_are_estimated_as_finely() -> None:
    image, alpha, _ = drawn(200, soft=10)
    deep = estimate_foreground(image.astype(np.uint16) * 257, alpha)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - estimate_foreground(image, alpha)).max() < 0.51
    assert (deep % 257 != 0).any()


def test_tiles_do_not_show() -> None:
    """A picture cut elsewhere has its tiles elsewhere; the small picture hardly changes."""
    image, alpha = bold(700, 900), np.clip(disc(700, 900, 250, soft=500), 0, 1)
    whole = estimate_foreground(image, alpha).astype(int)
    shifted = estimate_foreground(image[:, 50:].copy(), alpha[:, 50:].copy()).astype(int)
    assert np.abs(whole[:, 150:] - shifted[:, 100:]).max() <= 12


def test_a_long_strip() -> None:
    alpha = np.zeros((200, 30_000), np.float32)
    alpha[:, 10_000:20_000] = disc(200, 10_000, 5000, soft=40)
    hair = np.full((200, 30_000, 3), (70, 48, 36), np.uint8)
    laid = over(hair, alpha, np.full((1, 1, 3), (20, 220, 30), np.uint8))
    found = estimate_foreground(laid, alpha)
    soft = (alpha > 0) & (alpha < 1)
    assert (np.abs(found[soft].astype(int) - hair[soft]).max(axis=1) * alpha[soft]).max() < 12
    assert (found[~soft] == laid[~soft]).all()


@pytest.mark.slow
def test_a_hundred_megapixels() -> None:
    alpha = np.ones((10_000, 10_000), np.float32)
    alpha[:, :5000] = 0
    alpha[:, 5000:5040] = np.linspace(0, 1, 42, dtype=np.float32)[1:-1]
    hair = np.full((10_000, 10_000, 3), (70, 48, 36), np.uint8)
    laid = over(hair, alpha, np.full((1, 1, 3), (20, 220, 30), np.uint8))
    found = estimate_foreground(laid, alpha)
    assert np.abs(found[:, 5020:5040].astype(int) - hair[:, 5020:5040]).max() < 8
    assert np.array_equal(found[:, :5000], laid[:, :5000])
    assert np.array_equal(found[:, 5040:], laid[:, 5040:])


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


@pytest.mark.parametrize("size", [64, 700])
def test_the_quick_way_leaves_little_of_the_old_background(size: int) -> None:
    image, alpha, truth = drawn(size, soft=max(4, size / 40))
    soft = (alpha > 0.1) & (alpha < 1)
    before = np.abs(image[soft].astype(int) - truth[soft]).mean()
    found = quick_foreground(image, alpha)
    assert np.abs(found[soft].astype(int) - truth[soft]).mean() < min(6, before / 5)
    decided = np.isin(to_bytes(alpha), (0, 255))
    assert (found[decided] == image[decided]).all()


def test_the_quick_way_continues_outward_and_fades() -> None:
    image, alpha, truth = drawn(200, soft=10)
    found = quick_foreground(image, alpha, outward=True)
    near = (alpha == 0) & (np.roll(alpha, 3, axis=1) > 0)
    assert np.abs(found[near].astype(int) - truth[near]).mean() < 20  # not the green behind
    assert (found[0, 0] == 0).all()
    nobody = quick_foreground(image, np.zeros_like(alpha), outward=True)
    assert (nobody == 0).all()

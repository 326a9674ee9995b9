from __future__ import annotations

import numpy as np
import pytest
from drawn import disc, gradient, noise
from hypothesis import given, settings
from hypothesis import strategies as st

from humatte.arrays import resize, to_bytes, to_float
from humatte.composite import over
from humatte.errors import UsageError
from humatte.refine import refine

RED, BLUE = np.array([200, 40, 30], np.uint8), np.array([20, 60, 190], np.uint8)


def slow_refine(image: np.ndarray, small: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """The same from the definition: a regression in every window, one pixel after the other."""
    height, width = small.shape
    guide = to_float(resize(image, small.shape)).astype(np.float64)

    def window(y: int, x: int) -> list[tuple[int, int]]:
        """The window, mirrored at the picture's edges, edge pixels doubled."""

        def inside(k: int, n: int) -> int:
            k %= 2 * n
            return min(k, 2 * n - 1 - k)

        steps = range(-radius, radius + 1)
        return [(inside(y + dy, height), inside(x + dx, width)) for dy in steps for dx in steps]

    slopes = np.zeros((height, width, 3))
    for y in range(height):
        for x in range(width):
            colours = np.array([guide[place] for place in window(y, x)])
            values = np.array([small[place] for place in window(y, x)], np.float64)
            covariance = np.cov(colours.T, bias=True) + epsilon * np.eye(3)
            both = (colours * values[:, None]).mean(0) - colours.mean(0) * values.mean()
            slopes[y, x] = np.linalg.inv(covariance) @ both
    mean = np.array(
        [
            [np.mean([slopes[p] for p in window(y, x)], axis=0) for x in range(width)]
            for y in range(height)
        ]
    )
    lines = np.dstack([mean, small - (mean * guide).sum(2)])
    result = np.zeros(image.shape[:2])
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            v = np.clip((y + 0.5) * height / image.shape[0] - 0.5, 0, height - 1)
            u = np.clip((x + 0.5) * width / image.shape[1] - 0.5, 0, width - 1)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = lines[top, left] * (1 - (u - left)) + lines[top, right] * (u - left)
            lower = lines[bottom, left] * (1 - (u - left)) + lines[bottom, right] * (u - left)
            line = upper * (1 - (v - top)) + lower * (v - top)
            result[y, x] = line[:3] @ (image[y, x] / 255) + line[3]
    return np.clip(result, 0, 1)


@settings(max_examples=15)
@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([1e-2, 1e-4]),
    st.integers(0, 10**6),
)
def test_equals_the_slow_definition(
    height: int, width: int, factor: int, radius: int, epsilon: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = noise(height * factor + factor // 2, width * factor + factor // 3, seed)
    small = np.round(rng.random((height, width)) * 3).astype(np.float32) / np.float32(3)
    small *= rng.random((height, width)) < 0.7
    expected = slow_refine(image, small, radius, epsilon)
    assert np.abs(refine(image, small, radius, epsilon) - expected).max() < 1e-4


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_two_colours_are_restored_far_better_than_bilinear(factor: int) -> None:
    alpha = disc(240, 300, 80)
    image = over(np.broadcast_to(RED, (240, 300, 3)), alpha, BLUE[None, None])
    small = np.clip(resize(alpha, (240 // factor, 300 // factor)), 0, 1)
    soft = (alpha > 0) & (alpha < 1)
    bilinear = np.abs(resize(small, (240, 300)) - alpha)[soft].mean()
    refined = np.abs(refine(image, small) - alpha)[soft].mean()
    assert refined < 0.3 * bilinear


def test_the_small_matte_is_kept() -> None:
    small = disc(60, 70, 20, soft=6)
    before = small.copy()
    assert np.abs(refine(noise(60, 70), small) - before).max() < 1e-5
    assert (small == before).all()


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_a_constant_stays_exactly(value: float) -> None:
    assert (refine(noise(50, 33), np.full((12, 8), value, np.float32)) == np.float32(value)).all()


def test_far_from_the_edge_nothing_changes() -> None:
    alpha = disc(200, 200, 60)
    refined = refine(gradient(200, 200), np.clip(resize(alpha, (50, 50)), 0, 1))
    assert (refined[disc(200, 200, 40) > 0.99] == 1).all()
    assert (refined[disc(200, 200, 80) == 0] == 0).all()


def test_strips_leave_no_seam() -> None:
    image, alpha = gradient(700, 40), to_float(to_bytes(disc(70, 20, 9)))
    whole = refine(image, alpha)
    assert whole.shape == (700, 40)
    parts = refine(np.ascontiguousarray(image[:500]), alpha[:50])
    assert np.abs(whole[:480] - parts[:480]).max() < 1e-5


def test_wrong_use() -> None:
    small = disc(10, 10, 3)
    with pytest.raises(UsageError, match="smaller matte"):
        refine(noise(9, 20), small)
    with pytest.raises(UsageError, match="smaller matte"):
        refine(noise(9, 20), np.zeros((0, 4), np.float32))
    with pytest.raises(UsageError, match="radius 0"):
        refine(noise(20, 20), small, radius_px=0)
    with pytest.raises(UsageError, match="epsilon 0"):
        refine(noise(20, 20), small, epsilon=0)

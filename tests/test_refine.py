from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn import disc, gradient, noise
from hypothesis import given, settings
from hypothesis import strategies as st

from humatte.arrays import resize, to_bytes, to_float
from humatte.composite import over
from humatte.errors import UsageError
from humatte.metrics import gradient_error
from humatte.refine import refine, sharpen

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


def blurred(alpha: np.ndarray, factor: int) -> np.ndarray:
    """A matte as networks make them: small, its edges blurred."""
    small = resize(alpha, (alpha.shape[0] // factor, alpha.shape[1] // factor))
    soft = cv2.GaussianBlur(small, (0, 0), 1)
    return np.clip((soft - 0.02) / 0.96, 0, 1).astype(np.float32)


def strands(height: int, width: int) -> np.ndarray:
    """Alpha of a disc with hair on it, one to three pixels thick, drawn four times as large."""
    rng = np.random.default_rng(0)
    drawn = np.zeros((4 * height, 4 * width), np.uint8)
    middle, radius = np.array((2 * width, int(2.4 * height))), height
    cv2.circle(drawn, [int(place) for place in middle], radius, 255, -1)
    for angle in rng.uniform(np.pi, 2 * np.pi, 60):
        way = np.array((np.cos(angle), np.sin(angle)))
        points = [middle + way * radius * (0.97 + 0.1 * step) for step in range(5)]
        points = np.rint(points + np.cumsum(rng.normal(0, 8, (5, 2)), axis=0)).astype(np.int32)
        cv2.polylines(drawn, [points], False, 255, int(rng.integers(4, 12)), cv2.LINE_AA)
    return to_float(resize(drawn, (height, width)))


def spotted(colour: np.ndarray, height: int, width: int, seed: int) -> np.ndarray:
    grain = np.random.default_rng(seed).normal(0, 6, (height, width, 1))
    return np.clip(colour + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("factor", [4, 10])
@pytest.mark.parametrize("shape", ["disc", "strands"])
def test_a_blurred_matte_gets_the_edges_of_the_picture(shape: str, factor: int) -> None:
    alpha = disc(400, 480, 120) if shape == "disc" else strands(400, 480)
    image = over(spotted(RED, 400, 480, 0), alpha, spotted(BLUE, 400, 480, 1))
    small = blurred(alpha, factor)
    bilinear = np.clip(resize(small, alpha.shape), 0, 1)
    band = (bilinear > 0) & (bilinear < 1)
    errors = [
        (np.abs(found - alpha)[band].mean(), gradient_error(found, alpha, band))
        for found in (bilinear, sharpen(image, small))
    ]
    assert errors[1][0] < 0.5 * errors[0][0]
    assert errors[1][1] < 0.5 * errors[0][1]


def test_what_is_decided_does_not_change_whatever_the_picture_shows() -> None:
    small = blurred(disc(300, 300, 90), 5)
    bilinear = np.clip(resize(small, (300, 300)), 0, 1)
    decided = (bilinear == 0) | (bilinear == 1)
    found = sharpen(noise(300, 300), small)
    assert decided.mean() > 0.5
    assert (found[decided] == bilinear[decided]).all()
    assert (found != bilinear).any()
    assert 0 <= found.min() <= found.max() <= 1


def test_a_hard_edge_becomes_the_pictures_own() -> None:
    """No pixel of the small matte is soft; between 0 and 1 the enlarged one is."""
    alpha = np.zeros((120, 120), np.float32)
    alpha[:, 62:] = 1
    image = over(np.broadcast_to(RED, (120, 120, 3)), alpha, BLUE[None, None])
    small = np.zeros((30, 30), np.float32)
    small[:, 15:] = 1
    assert np.abs(sharpen(image, small) - alpha)[:, 60:64].max() < 0.2


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_a_matte_without_edges_stays_flat(value: float) -> None:
    found = sharpen(noise(200, 90), np.full((20, 9), value, np.float32))
    assert np.abs(found - value).max() < 1e-5


def test_a_matte_as_large_as_its_picture_is_given_back() -> None:
    small = disc(60, 70, 20, soft=6)
    assert (sharpen(noise(60, 70), small) == small).all()
    assert sharpen(noise(30, 35), small).shape == (30, 35)


def test_a_picture_hardly_larger_than_its_matte_adds_little() -> None:
    alpha = disc(100, 100, 30)
    image = over(np.broadcast_to(RED, (100, 100, 3)), alpha, BLUE[None, None])
    changes = []
    for side in (99, 80, 60):
        small = cv2.GaussianBlur(resize(alpha, (side, side)), (0, 0), 2)
        changes.append(np.abs(sharpen(image, small) - resize(small, (100, 100))).max())
    assert 0 < changes[0] < 0.02 < changes[1] < changes[2]


@pytest.mark.parametrize("size", [(1, 1), (30_000, 7), (7, 30_000), (385, 3)])
def test_any_size_is_sharpened(size: tuple[int, int]) -> None:
    scale = 384 / max(size)
    shape = [max(1, round(side * scale)) for side in size]
    small = np.random.default_rng(0).random(shape).astype(np.float32)
    found = sharpen(noise(*size), small)
    assert found.shape == size
    assert 0 <= found.min() <= found.max() <= 1


def test_sharpened_strips_leave_no_seam() -> None:
    alpha = disc(700, 300, 130)
    image = over(np.broadcast_to(RED, (700, 300, 3)), alpha, BLUE[None, None])
    mirrored = sharpen(np.ascontiguousarray(image[::-1]), blurred(alpha, 10)[::-1].copy())
    assert np.abs(sharpen(image, blurred(alpha, 10)) - mirrored[::-1]).max() < 1e-3

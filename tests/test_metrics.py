from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import slow_metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from humatte.metrics import (
    boundary_f,
    connectivity_error,
    dtssd,
    flicker,
    gradient_error,
    mad,
    mean_iou,
    mse,
    person_iou,
    sad,
)

# Worked out by hand: 4 pixels; person found in the first two, truly in the middle two.
FOUND = np.float32([[1.0, 0.5, 0.25, 0.0]])
TRUTH = np.float32([[0.0, 1.0, 0.75, 0.0]])


def test_hand_computed() -> None:
    assert mad(FOUND, TRUTH) == pytest.approx((1 + 0.5 + 0.5 + 0) / 4)
    assert mse(FOUND, TRUTH) == pytest.approx((1 + 0.25 + 0.25 + 0) / 4)
    assert person_iou(FOUND, TRUTH) == pytest.approx(1 / 3)
    assert mean_iou(FOUND, TRUTH) == pytest.approx((1 / 3 + 1 / 3) / 2)


def test_equal_mattes_are_perfect_even_when_empty() -> None:
    for alpha in (FOUND, np.zeros((3, 3), np.float32), np.ones((3, 3), np.float32)):
        assert (mad(alpha, alpha), mse(alpha, alpha)) == (0, 0)
        assert (person_iou(alpha, alpha), mean_iou(alpha, alpha)) == (1, 1)


def test_a_person_found_in_an_empty_scene_scores_zero() -> None:
    assert person_iou(np.ones((3, 3), np.float32), np.zeros((3, 3), np.float32)) == 0


LEVELS = st.sampled_from([np.float32(n / 20) for n in range(21)])


@st.composite
def two_mattes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
    return draw(arrays(np.float32, size, elements=LEVELS)), draw(
        arrays(np.float32, size, elements=LEVELS)
    )


@settings(max_examples=60)
@given(two_mattes())
def test_gradient_is_the_plain_one(mattes: tuple[np.ndarray, np.ndarray]) -> None:
    assert gradient_error(*mattes) == pytest.approx(slow_metrics.gradient_error(*mattes), rel=1e-4)


@settings(max_examples=60)
@given(two_mattes())
def test_boundary_f_is_the_plain_one(mattes: tuple[np.ndarray, np.ndarray]) -> None:
    assert boundary_f(*mattes) == pytest.approx(slow_metrics.boundary_f(*mattes))


def blobs(seed: int) -> np.ndarray:
    """Smooth random alpha: parts of many sizes, so that the largest one is hardly ever a tie."""
    grain = np.random.default_rng(seed).random((24, 30), np.float32)
    soft = cv2.GaussianBlur(grain, (0, 0), 2.0)
    return np.clip((soft - 0.5) * 6 + 0.5, 0, 1)


@pytest.mark.parametrize("seed", range(12))
def test_connectivity_is_the_plain_one(seed: int) -> None:
    alpha, truth = blobs(seed), blobs(seed // 2)
    assert connectivity_error(alpha, truth) == pytest.approx(
        slow_metrics.connectivity_error(alpha, truth), rel=1e-5, abs=1e-9
    )


def test_connectivity_by_hand() -> None:
    # A person of 2 pixels on the left; truly alone, but an islet of 0.8 is found far from it. At
    # the islet no level is connected: its level is 0, phi(found) = 1 - 0.8, phi(true) = 1.
    truth = np.float32([[1, 1, 0, 0, 0]])
    found = np.float32([[1, 1, 0, 0, 0.8]])
    assert connectivity_error(found, truth) == pytest.approx(0.8 / 1000)
    # Joined to the person in both, only the excess over the common level counts, from 0.15 on.
    truth, found = np.float32([[1, 1, 0.5]]), np.float32([[1, 1, 0.6]])
    assert connectivity_error(found, truth) == 0
    found = np.float32([[1, 1, 0.7]])
    assert connectivity_error(found, truth) == pytest.approx(0.2 / 1000)


def test_gradient_of_a_straight_edge() -> None:
    # A step's response to the normalised derivative of a Gaussian is, summed over all columns,
    # known: sum over x of g(x)^2 / sum of (x g(x))^2 * (sum of g)^2 / (sum of g^2), per row.
    step = np.zeros((30, 40), np.float32)
    step[:, 20:] = 1
    x = np.arange(-4, 5)
    g = np.exp(-(x**2) / (2 * 1.4**2))
    slope = x * g / np.linalg.norm(x * g)
    response = np.cumsum(slope)[:-1]  # the sum of the kernel to one side of the edge
    smooth = g.sum() / np.linalg.norm(g)
    expected = 30 * ((response * smooth) ** 2).sum() / 1000
    assert gradient_error(step, np.zeros_like(step)) == pytest.approx(expected, rel=1e-5)


def test_where_to_look() -> None:
    where = np.array([[False, True, True, False]])
    assert mad(FOUND, TRUTH, where) == pytest.approx(0.5)
    assert mse(FOUND, TRUTH, where) == pytest.approx(0.25)
    assert sad(FOUND, TRUTH, where) == pytest.approx(1 / 1000)
    assert sad(FOUND, TRUTH) == pytest.approx(2 / 1000)
    nowhere = np.zeros_like(where)
    assert math.isnan(mad(FOUND, TRUTH, nowhere))
    assert math.isnan(sad(FOUND, TRUTH, nowhere))


def test_a_shifted_contour_is_right_up_to_the_tolerance() -> None:
    # 150 x 200: the diagonal is 250, the tolerance ceil(2.0) = 2 pixels.
    def edge(at: int) -> np.ndarray:
        alpha = np.zeros((150, 200), np.float32)
        alpha[:, :at] = 1
        return alpha

    assert boundary_f(edge(100), edge(102)) == 1
    assert boundary_f(edge(100), edge(103)) == 0
    assert boundary_f(edge(0), edge(100)) == 0
    assert boundary_f(edge(0), edge(0)) == 1


def test_flicker_and_dtssd_by_hand() -> None:
    before, after = np.float32([[0, 0.2, 1, 1]]), np.float32([[0, 0.6, 1, 0]])
    same = np.zeros((1, 4, 3), np.uint8)
    assert dtssd(after, before, before, before) == pytest.approx(math.sqrt((0.16 + 1) / 4))
    assert dtssd(after, before, after, before) == 0
    assert flicker(after, before, same, same) == pytest.approx((0.4 + 1) / 4)
    moved = np.full_like(same, 200)
    assert math.isnan(flicker(after, before, moved, same))
    assert flicker(before, before, same, same) == 0

from __future__ import annotations

import numpy as np
import pytest

from humatte.metrics import mad, mean_iou, mse, person_iou

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

"""Errors of a matte against the true one. One definition each; the source is with each.

In: alphas (H, W) float32 in [0, 1] of one size. Out: plain numbers. Never normalises a matte.
"""

from __future__ import annotations

import numpy as np

from humatte.arrays import Alpha

PERSON_THRESHOLD = 0.5


def mad(alpha: Alpha, truth: Alpha) -> float:
    """Mean absolute difference over the whole picture, 0 to 1."""
    return float(np.abs(alpha - truth).mean(dtype=np.float64))


def mse(alpha: Alpha, truth: Alpha) -> float:
    """Mean squared error over the whole picture, 0 to 1."""
    return float(np.square(alpha - truth).mean(dtype=np.float64))


def person_iou(alpha: Alpha, truth: Alpha) -> float:
    """Intersection over union of the person (alpha >= 0.5) of one picture; 1 if both are empty."""
    return _iou(alpha >= PERSON_THRESHOLD, truth >= PERSON_THRESHOLD)


def mean_iou(alpha: Alpha, truth: Alpha) -> float:
    """Mean of the IoU of person and background of one picture (mIoU of the LikeUnet scripts)."""
    found, wanted = alpha >= PERSON_THRESHOLD, truth >= PERSON_THRESHOLD
    return (_iou(found, wanted) + _iou(~found, ~wanted)) / 2


def _iou(found: np.ndarray, wanted: np.ndarray) -> float:
    union = np.count_nonzero(found | wanted)
    return np.count_nonzero(found & wanted) / union if union else 1.0

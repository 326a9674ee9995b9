"""Errors of a matte against the true one. One definition each; the source is with each.

In: alphas (H, W) float32 in [0, 1] of one size, and where to look (a mask, or everywhere). Out:
plain numbers, NaN where there is nothing to look at. Sums are in thousands of pixels, as papers
print them; means are shares, 0 to 1. Never normalises a matte.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image

PERSON_THRESHOLD = 0.5
# Below this share of the picture a "person" is noise: 0.2 % is a square of 14 x 14 in 320 x 320.
LEAST_PERSON = 0.002

Mask = NDArray[np.bool_]

_GRADIENT_SIGMA = 1.4  # Rhemann et al. 2009
_GRADIENT_CUT = 0.01  # the derivative's kernel ends where the Gaussian falls below this
_CONNECTIVITY_STEPS = 10  # levels of alpha, 0.1 apart
_CONNECTIVITY_TOLERANCE = 0.15  # Rhemann et al. 2009: theta
_BOUNDARY_SHARE = 0.008  # of the diagonal: how far apart two contours may be and still agree
_STILL_CHANGE = 6  # of 255: below this a pixel's colour has not changed between two frames


def total(values: NDArray[np.floating], where: Mask | None = None) -> float:
    """The sum of a map of errors (H, W), in thousands; NaN if `where` is empty."""
    chosen = values if where is None else values[where]
    return float(chosen.sum(dtype=np.float64)) / 1000 if chosen.size else math.nan


def mean(values: NDArray[np.floating], where: Mask | None = None) -> float:
    """The mean of a map of errors (H, W); NaN if `where` is empty."""
    chosen = values if where is None else values[where]
    return float(chosen.mean(dtype=np.float64)) if chosen.size else math.nan


def sad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Sum of absolute differences, in thousands of pixels."""
    return total(np.abs(alpha - truth), where)


def mad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Mean absolute difference, 0 to 1."""
    return mean(np.abs(alpha - truth), where)


def mse(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Mean squared error, 0 to 1."""
    return mean(np.square(alpha - truth), where)


def gradient_error(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Sum of squared differences of the gradients' lengths, in thousands.

    Source: Rhemann et al. 2009, "A Perceptually Motivated Online Benchmark for Image Matting",
    section 4: first derivatives of a Gaussian with sigma 1.4, exponent 2.
    """
    return total(gradient_difference(alpha, truth), where)


def gradient_difference(alpha: Alpha, truth: Alpha) -> NDArray[np.float32]:
    """The map (H, W) that `gradient_error` sums."""
    return np.square(_gradient(alpha) - _gradient(truth))


def _gradient(alpha: Alpha) -> NDArray[np.float32]:
    sigma = _GRADIENT_SIGMA
    cut = math.sqrt(2 * math.pi) * sigma * _GRADIENT_CUT
    half = math.ceil(sigma * math.sqrt(-2 * math.log(cut)))
    x = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-np.square(x) / (2 * sigma**2))
    slope = -x * smooth
    # The published code scales the two-dimensional kernel to length 1; it is their outer product.
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    across = cv2.sepFilter2D(alpha, cv2.CV_32F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(alpha, cv2.CV_32F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(across, down)


def connectivity_error(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Sum of differences of how well each pixel hangs together with the person, in thousands.

    Source: Rhemann et al. 2009, section 4, with theta 0.15, exponent 1 and lambda 1, in steps of
    0.1: the form in which the benchmarks since Xu et al. 2017, "Deep Image Matting", count it.
    """
    return total(connectivity_difference(alpha, truth), where)


def connectivity_difference(alpha: Alpha, truth: Alpha) -> NDArray[np.float32]:
    """The map (H, W) that `connectivity_error` sums: |phi(alpha) - phi(truth)|.

    A pixel's level is the highest one at which it belongs to the largest 4-connected part of what
    both mattes hold at that level; phi is 1 minus what alpha exceeds its level by, if by 0.15 or
    more.
    """
    level = np.ones_like(alpha)
    found = np.zeros(alpha.shape, np.bool_)  # pixels whose level is known
    for step in range(1, _CONNECTIVITY_STEPS + 1):
        threshold = np.float32(step / _CONNECTIVITY_STEPS)
        source = _largest_part((alpha >= threshold) & (truth >= threshold))
        left = ~source & ~found
        level[left] = (step - 1) / _CONNECTIVITY_STEPS
        found |= left

    def phi(values: Alpha) -> NDArray[np.float32]:
        distance = values - level
        return 1 - distance * (distance >= _CONNECTIVITY_TOLERANCE)

    return np.abs(phi(alpha) - phi(truth))


def _largest_part(mask: Mask) -> Mask:
    """The largest 4-connected part of a mask; the first of equals, nothing of nothing."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    if count == 1:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def person_iou(alpha: Alpha, truth: Alpha) -> float:
    """Intersection over union of the person (alpha >= 0.5) of one picture; 1 if both are empty."""
    return _iou(alpha >= PERSON_THRESHOLD, truth >= PERSON_THRESHOLD)


def mean_iou(alpha: Alpha, truth: Alpha) -> float:
    """Mean of the IoU of person and background of one picture (mIoU of the LikeUnet scripts)."""
    found, wanted = alpha >= PERSON_THRESHOLD, truth >= PERSON_THRESHOLD
    return (_iou(found, wanted) + _iou(~found, ~wanted)) / 2


def _iou(found: Mask, wanted: Mask) -> float:
    union = np.count_nonzero(found | wanted)
    return np.count_nonzero(found & wanted) / union if union else 1.0


def boundary_f(alpha: Alpha, truth: Alpha) -> float:
    """F-measure of the person's contour (alpha >= 0.5), 0 to 1; 1 if both have none.

    A contour pixel is right if the other contour is within 0.8 % of the picture's diagonal,
    rounded up to whole pixels. Source: Perazzi et al. 2016, "A Benchmark Dataset and Evaluation
    Methodology for Video Object Segmentation" (DAVIS), section 3.
    """
    contours = [_contour(values >= PERSON_THRESHOLD) for values in (alpha, truth)]
    counts = [np.count_nonzero(contour) for contour in contours]
    if not any(counts):
        return 1.0
    if not all(counts):
        return 0.0
    reach = math.ceil(_BOUNDARY_SHARE * math.hypot(*alpha.shape))
    precision, recall = (
        np.count_nonzero(one & (_distance_to(other) <= reach)) / count
        for one, other, count in zip(contours, contours[::-1], counts, strict=True)
    )
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _contour(person: Mask) -> Mask:
    """Pixels that differ from their right, lower or lower right neighbour, where there is one."""
    grown = np.pad(person, ((0, 1), (0, 1)), mode="edge")
    neighbours = (grown[:-1, 1:], grown[1:, :-1], grown[1:, 1:])
    return np.logical_or.reduce([person != neighbour for neighbour in neighbours])


def _distance_to(mask: Mask) -> NDArray[np.float32]:
    """Distance of every pixel (H, W) to the nearest pixel of a mask that is not empty."""
    return np.asarray(
        cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    )


def dtssd(alpha: Alpha, before: Alpha, truth: Alpha, truth_before: Alpha) -> float:
    """How wrongly a matte changes from one frame to the next: root mean square, 0 to 1.

    Source: Erofeev et al. 2015, "Perceptually Motivated Benchmark for Video Matting", section 5
    (dtSSD), as a mean over the frame's pixels; papers often print it times 100.
    """
    change = (alpha - before) - (truth - truth_before)
    return math.sqrt(mean(np.square(change)))


def flicker(alpha: Alpha, before: Alpha, frame: Image, frame_before: Image) -> float:
    """How much a matte changes where the picture does not: mean absolute change, 0 to 1.

    Needs no true matte. A pixel stands still if none of its colours, averaged over 3 x 3 pixels,
    changes by more than 6 of 255. NaN if everything moves. Our own definition.
    """
    calm, calm_before = (cv2.blur(picture, (3, 3)) for picture in (frame, frame_before))
    still = cv2.absdiff(calm, calm_before).max(axis=2) <= _STILL_CHANGE
    return mean(np.abs(alpha - before), still)

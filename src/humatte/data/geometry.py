"""Moving pictures and mattes alike: where a person is, warps.

In: pixels and a place. Out: pixels of the wanted size. Nothing here is random.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Box, Size

Bytes = NDArray[np.uint8]


def person_box(alpha: Bytes) -> Box:
    """Where alpha (H, W) uint8 is above one half; the whole picture if it is nowhere."""
    rows, columns = (np.flatnonzero((alpha > 127).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return Box(0, 0, alpha.shape[0], alpha.shape[1])
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def placing(
    source: Size, scale: float, degrees: float, top: float, left: float
) -> NDArray[np.float64]:
    """The 2x3 matrix that scales, turns about the middle, and puts the top left corner."""
    middle = (source[1] / 2, source[0] / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, scale)
    matrix[:, 2] += (scale - 1) * np.array(middle) + (left, top)
    return np.asarray(matrix)


def warp(
    pixels: NDArray[Any], matrix: NDArray[np.float64], scale: float, size: Size, border: int
) -> NDArray[Any]:
    """Warps to `size`; halves first where it shrinks by more than two, so that nothing aliases.

    Args:
        pixels: (H, W) or (H, W, C), uint8 or float32. Straight colours must be weighted by their
            alpha first: they are averaged with what lies beside them.
        matrix: 2x3, from places in `pixels` to places in the result.
        scale: how much the matrix enlarges.
        size: of the result.
        border: cv2's word for what lies outside of `pixels`.
    """
    while scale < 0.5 and min(pixels.shape[:2]) > 1:
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        grown = np.diag([pixels.shape[1] / width, pixels.shape[0] / height, 1.0])
        # Pixel centres: x in the halved picture is (x + 0.5) * factor - 0.5 in the whole one.
        grown[:2, 2] = (np.diag(grown)[:2] - 1) / 2
        matrix, scale = matrix @ grown, scale * 2
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.warpAffine(pixels, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderMode=border)
    )

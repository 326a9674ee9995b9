"""Straight foreground colours: what the person's colours are where the matte is soft.

In: an image and its alpha. Out: a foreground image without the old background's colours, so that
laying it over a new background shows no fringe. Never changes a pixel whose alpha is 1.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, check_alpha, check_image, to_bytes, to_float

# Forte 2021: one wide pass spreads colours from afar, one narrow pass makes them local.
_RADII_PX = (90, 6)
_EPSILON = 1e-5


def estimate_foreground(image: Image, alpha: Alpha) -> Image:
    """Estimates the person's own colours in soft pixels.

    Args:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB, equal to `image` wherever alpha is 1.

    Source: M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021 (blur fusion, two
    passes).
    """
    check_image(image)
    check_alpha(alpha, image.shape[:2])
    pixels = to_float(image)
    weight = alpha[..., None]
    foreground, background = pixels, pixels
    for radius in _RADII_PX:
        foreground, background = _fuse(pixels, foreground, background, weight, radius)
    result = to_bytes(foreground)
    np.copyto(result, image, where=weight >= 1.0)
    return result


def _fuse(
    image: NDArray[np.float32],
    foreground: NDArray[np.float32],
    background: NDArray[np.float32],
    alpha: NDArray[np.float32],
    radius: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One pass: blurred foreground and background, and the foreground that explains the image."""
    blurred_alpha = _blur(alpha[..., 0], radius)[..., None]
    near_foreground = _blur(foreground * alpha, radius) / (blurred_alpha + _EPSILON)
    near_background = _blur(background * (1 - alpha), radius) / (1 - blurred_alpha + _EPSILON)
    # Forte 2021, eq. 7: the blurred colour plus what compositing with it fails to explain.
    unexplained = image - alpha * near_foreground - (1 - alpha) * near_background
    return np.clip(near_foreground + alpha * unexplained, 0, 1), near_background


def _blur(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Box mean over a window of 2 radius + 1 pixels."""
    side = 2 * radius + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

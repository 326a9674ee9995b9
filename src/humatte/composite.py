"""Laying one picture over another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image


def over(foreground: Image, alpha: Alpha, background: Image) -> Image:
    """alpha * foreground + (1 - alpha) * background, rounded to the nearest byte.

    Args:
        foreground: (H, W, 3) uint8, straight colours.
        alpha: (H, W) float32 in [0, 1].
        background: (H, W, 3) uint8.

    Returns:
        (H, W, 3) uint8: exactly the foreground where alpha is 1, the background where it is 0.
    """
    below: NDArray[np.float32] = background.astype(np.float32)
    mixed = foreground.astype(np.float32)
    mixed -= below
    mixed *= alpha[..., None]
    mixed += below
    return np.rint(mixed, out=mixed).astype(np.uint8)

"""The shadow that a standing person throws on the ground: darkens a scene, never a matte.

In: where a person is in a frame. Out: how much light is taken from each pixel.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, to_bytes

_FLAT = (0.1, 0.3)  # a shadow's length on the picture, of the person's height
_LEAN = 0.7  # at most so far sideways, of the person's height
_DARK = (0.25, 0.55)  # share of the light that is taken where the shadow is whole
_SOFT = 0.012  # standard deviation of its edge, of the person's height


def cast_shadow(scene: Image, alpha: Alpha, feet_row: float, rng: Generator) -> Image:
    """A scene (H, W, 3) uint8 with the shadow of a person who stands in it.

    Args:
        scene: what is behind the person.
        alpha: (H, W) float32, the person in this frame.
        feet_row: where the person meets the ground, in pixels from above.
        rng: chooses the direction of the light, how hard and how dark it is.

    Returns:
        A new image; brighter than before nowhere.
    """
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    if not rows.size:
        return scene
    height = max(1.0, feet_row - float(rows[0]))
    flat, lean = rng.uniform(*_FLAT), rng.uniform(-_LEAN, _LEAN)
    darkness = rng.uniform(*_DARK)
    # Lying on the ground: rows above the feet come to lie close to them, and lean sideways. Drawn
    # a little below the feet's row, for feet are not flat and the ground goes on before them.
    down = np.array([[1, -lean, lean * feet_row], [0, flat, (1 - flat) * feet_row]], np.float64)
    lying = cv2.warpAffine(alpha, down, (alpha.shape[1], alpha.shape[0]))
    far = _soft(lying, 2.5 * _SOFT * height)
    near = _soft(lying, _SOFT * height) * _close(alpha.shape[0], feet_row, 0.12 * height)
    taken = darkness * np.clip(np.maximum(0.8 * far, near), 0, 1)
    return to_bytes((scene.astype(np.float32) / 255) * (1 - taken)[..., None].astype(np.float32))


def _close(rows: int, feet_row: float, within: float) -> NDArray[np.float32]:
    """1 at the feet's row, falling to 0 away from it: (rows, 1)."""
    distance = np.abs(np.arange(rows) - feet_row) / max(1.0, within)
    return np.exp(-np.square(distance)).astype(np.float32)[:, None]


def _soft(alpha: Alpha, sigma: float) -> Alpha:
    radius = max(1, math.ceil(3 * sigma))
    side = (2 * radius + 1,) * 2
    return np.asarray(
        cv2.GaussianBlur(alpha, side, max(0.3, sigma), borderType=cv2.BORDER_REPLICATE)
    )

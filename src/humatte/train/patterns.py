"""Backgrounds drawn by code: what no photo set holds, and a camera still sees.

Walls of one colour, gradients, noise, stripes, checkers, a covered lens. A network that has only
seen photos answers them with a person.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from humatte.arrays import Size, to_bytes

_KINDS = 5


def draw_pattern(size: Size, rng: Generator) -> NDArray[np.uint8]:
    """An image (h, w, 3) uint8: two random colours mixed by a random pattern."""
    mix = _mix(size, rng)
    first, second = rng.random((2, 3), np.float32)
    if rng.random() < 0.3:  # without colour, often black or white
        first, second = np.clip(rng.uniform(-0.5, 1.5, (2, 1)), 0, 1).astype(np.float32)
    if rng.random() < 0.3:  # nearly one colour
        second = np.clip(first + rng.normal(0, 0.1, len(first)), 0, 1).astype(np.float32)
    first, second = (np.broadcast_to(colour, 3) for colour in (first, second))
    return to_bytes(np.ascontiguousarray(first * mix + second * (1 - mix)))


def draw_blob(size: Size, rng: Generator) -> NDArray[np.float32]:
    """Alpha (h, w) in [0, 1] of a thing: an ellipse, a box or a lumpy shape, its edge soft.

    Laid before a background it stands out as a person would, and is none: without it a network
    trained on people alone takes a cup, a cat or a coin for one.
    """
    height, width = size
    centre = rng.uniform(0.2, 0.8) * width, rng.uniform(0.3, 0.9) * height
    radii = rng.uniform(0.06, 0.4, 2) * min(size)
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    kind = int(rng.integers(3))
    if kind == 0:
        reach = np.ones_like(angles)
    elif kind == 1:  # a box, in polar coordinates
        reach = 1 / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles)))
    else:
        lumps = rng.normal(0, 0.25, 5)[:, None] * np.cos(
            np.arange(1, 6)[:, None] * angles + rng.uniform(0, 2 * np.pi, (5, 1))
        )
        reach = np.clip(1 + lumps.sum(axis=0), 0.3, 2)
    points = np.stack((np.cos(angles) * reach * radii[0], np.sin(angles) * reach * radii[1]))
    turn = rng.uniform(0, np.pi)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ points
    mask = np.zeros(size, np.float32)
    outline = np.rint(turned.T + centre).astype(np.int32)
    cv2.fillPoly(mask, [outline], 1.0, cv2.LINE_AA)
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 1.5)))
    return np.minimum(soft, 1.0, dtype=np.float32)  # the filter's weights add up to 1.0000001


def _mix(size: Size, rng: Generator) -> NDArray[np.float32]:
    """Weights (h, w, 1 or 3) in [0, 1]: uniform, gradient, stripes, checkers or noise."""
    kind = int(rng.integers(_KINDS))
    if kind == 0:
        return np.full((*size, 1), rng.choice([0.0, 1.0]), np.float32)
    if kind == 4:
        cell = int(rng.integers(1, 24))
        channels = 1 if rng.random() < 0.5 else 3
        small = rng.random((size[0] // cell + 1, size[1] // cell + 1, channels), np.float32)
        how = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
        grown = cv2.resize(small, size[::-1], interpolation=how)
        return np.asarray(grown, np.float32).reshape(*size, channels)
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), float(rng.uniform(4, max(size)))
    along = np.cos(angle) * rows + np.sin(angle) * columns
    if kind == 1:
        return ((along - along.min()) / max(float(np.ptp(along)), 1.0))[..., None]
    across = np.cos(angle) * columns - np.sin(angle) * rows
    odd = along % period < period / 2
    if kind == 3:
        odd = odd ^ (across % period < period / 2)
    return odd[..., None].astype(np.float32)

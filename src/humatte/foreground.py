"""Straight foreground colours: what the person's own colours are where the matte is soft.

In: an image and its alpha. Out: a foreground image without the old background's colours, so that
laying it over a new background shows no fringe. Never changes a pixel whose alpha is 0 or 1.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, check_alpha, check_image, resize, to_bytes, to_float
from humatte.prepare import fitted_size

# Forte 2021: one wide pass spreads colours from afar, one narrow pass makes them local; radii in
# pixels of a picture of about this long side. The blurred colours are smooth, so larger pictures
# get them from a reduced copy; only the last equation runs at full size.
_LONG_SIDE = 480
_RADII_PX = (90, 6)
_CONTINUED_PX = (24, 8, 2)  # the last one that reaches a pixel decides its colour
_EPSILON = 1e-5
_WORKERS = 4  # each holds the temporaries of a strip
_STRIP_ROWS = 128  # rows handled at once: keeps temporaries small however much is soft
_COLUMNS = 1024  # soft pixels are looked up in rows of this many: remap wants sides below 32768


def estimate_foreground(image: Image, alpha: Alpha) -> Image:
    """Estimates the person's own colours in soft pixels (0 < alpha < 1).

    Args:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB, a copy that equals `image` wherever alpha is 0 or 1.

    Source: M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021 (blur fusion, two
    passes).
    """
    check_image(image)
    check_alpha(alpha, image.shape[:2])
    result = image.copy()
    if not ((alpha > 0) & (alpha < 1)).any():
        return result
    nearby = _nearby_colours(image, alpha)

    def explain(top: int) -> None:
        part = alpha[top : top + _STRIP_ROWS]
        rows, columns = np.nonzero((part > 0) & (part < 1))
        if rows.size:
            _explain(result, part[rows, columns, None], (rows + top, columns), nearby)

    # numpy and cv2 let other threads run while they work; the strips share no pixel.
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(explain, range(0, len(image), _STRIP_ROWS)))
    return result


def continue_outward(foreground: Image, alpha: Alpha) -> Image:
    """The person's colours, continued some pixels into what is not the person (alpha 0).

    Whoever scales or turns straight colours mixes neighbours: at the person's edge the old
    background would come in, and be seen as a fringe over a new one.

    Args:
        foreground: (H, W, 3) uint8 RGB, straight colours.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB, a copy that equals `foreground` wherever alpha is not 0.
    """
    check_alpha(alpha, check_image(foreground).shape[:2])
    result = foreground.copy()
    weighted = to_float(foreground) * alpha[..., None]
    empty = alpha == 0
    for radius in _CONTINUED_PX:
        weight = _blur(alpha, radius)
        reached = empty & (weight > _EPSILON)
        colours = _blur(weighted, radius)[reached] / weight[reached][:, None]
        if len(colours):
            result[reached] = to_bytes(np.clip(colours, 0, 1))
    return result


def _explain(
    image: Image,
    alpha: NDArray[np.float32],
    where: tuple[NDArray[np.intp], NDArray[np.intp]],
    nearby: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Replaces the pixels at (rows, columns) by the colours that explain them best."""
    rows, columns = where
    scale = nearby[0].shape[0] / image.shape[0], nearby[0].shape[1] / image.shape[1]
    inside, outside = (_look_up(table, rows, columns, scale) for table in nearby)
    # Forte 2021, eq. 7: the nearby colour, plus what compositing with it fails to explain.
    unexplained = to_float(image[where]) - alpha * inside - (1 - alpha) * outside
    image[where] = to_bytes(np.clip(inside + alpha * unexplained, 0, 1))


def _nearby_colours(image: Image, alpha: Alpha) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blurred foreground and background colours, at a reduced size."""
    size = (image.shape[0], image.shape[1])
    if max(size) > _LONG_SIDE:
        image = resize(image, fitted_size(size, _LONG_SIDE))
        alpha = resize(alpha, (image.shape[0], image.shape[1]))
    pixels, weight = to_float(image), alpha[..., None]
    foreground, background = pixels, pixels
    for radius in _RADII_PX:
        blurred_alpha = _blur(alpha, radius)[..., None]
        inside = _blur(foreground * weight, radius) / (blurred_alpha + _EPSILON)
        outside = _blur(background * (1 - weight), radius) / (1 - blurred_alpha + _EPSILON)
        unexplained = pixels - weight * inside - (1 - weight) * outside
        foreground, background = np.clip(inside + weight * unexplained, 0, 1), outside
    return inside, outside


def _blur(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Box mean over a window of 2 radius + 1 pixels."""
    side = 2 * radius + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _look_up(
    table: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    scale: tuple[float, float],
) -> NDArray[np.float32]:
    """Bilinear values (N, 3) of a reduced picture at pixels (N,) of the full one."""
    padded = -(-rows.size // _COLUMNS) * _COLUMNS
    places = np.zeros((2, padded), np.float32)
    for place, index, factor in zip(places, (columns, rows), (scale[1], scale[0]), strict=True):
        place[: rows.size] = (index + 0.5) * factor - 0.5  # pixel centres
    x, y = places.reshape(2, -1, _COLUMNS)
    values = cv2.remap(table, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32).reshape(-1, 3)[: rows.size]

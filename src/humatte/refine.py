"""Full-size edges from a small matte: where the matte is soft, it follows the picture's own edges.

In: a picture and a smaller matte of it. Out: a matte of the picture's size. `refine` is for mattes
that are right at their size, `sharpen` for a network's, which are blurred. What is decided, 0 or 1,
stays as it is. Both need little memory beside their result, however large the picture is.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, check_alpha, check_image, resize, to_float
from humatte.errors import UsageError

RADIUS_PX = 1
"""Half the window of the filter, in pixels of the small matte."""
EPSILON = 1e-4
"""The variance of the picture, of values in [0, 1], below which a window counts as flat."""
# A network's edge is two to four pixels wide where the true one is a fraction of one: the window
# must hold some of both sides. Chosen by benchmarks/refine.py: 2 and 6 are worse on photos.
_NETWORK_RADIUS_PX = 4
# Means over windows draw every value towards the middle; this takes it back.
_CONTRAST = 1.2
# A picture hardly larger than its matte has little to add to it: the filter counts fully from 5/3
# of the matte's size, less below, and not at all at that size itself. At 1.25 its whole weight
# makes the error at edges 2 % larger than without it, a third to a half of it 1.5 % smaller.
_WEIGHT_SLOPE = 1.5
FULL_WEIGHT = 1 + 1 / _WEIGHT_SLOPE
"""Of the matte's size: from there on the picture's edges count fully in `sharpen`."""
_TILE = 128  # side in pixels of what is restored at once; tiles without soft edges cost nothing
_STRIP_PIXELS = 2**19  # ... of the strips that tiles are cut from: wide pictures get low strips
_WORKERS = 4  # each holds the temporaries of a strip

Floats = NDArray[np.float32]


def refine(
    image: Image, small: Alpha, radius_px: int = RADIUS_PX, epsilon: float = EPSILON
) -> Alpha:
    """Restores a small matte to its picture's size, its soft edges drawn after the picture.

    In every window of the small picture, the matte is explained as a linear function of the colour.
    These functions are enlarged and applied to the full picture: a guided filter, its coefficients
    found at the reduced size. Unlike the plain filter, which also smooths, it gives back the small
    matte itself for the small picture; what the functions do not explain is enlarged bilinearly.

    Args:
        image: (H, W, 3) uint8 RGB.
        small: (h, w) float32 in [0, 1] of the same view, not larger than the image.
        radius_px: half the window, in pixels of the small matte.
        epsilon: the variance of the picture, of values in [0, 1], below which a window is flat.

    Returns:
        (H, W) float32 in [0, 1]. Where the small matte is constant for two windows around, the
        result has exactly that value.

    Raises:
        UsageError: wrong arrays, a matte larger than the picture, a radius below 1, no epsilon.

    Source: K. He, J. Sun, X. Tang, "Guided Image Filtering", PAMI 2013, eq. 19 to 21 with colour;
    K. He, J. Sun, "Fast Guided Filter", arXiv:1505.00996, 2015. On 16 mattes of photos reduced to
    a half and a quarter, mean absolute errors where soft were 0.57 and 0.50 of bilinear's; those
    of the filter as published 0.89 and 0.68 (benchmarks/solvers.py).
    """
    check_image(image)
    check_alpha(small)
    size = (image.shape[0], image.shape[1])
    if not small.size or small.shape[0] > size[0] or small.shape[1] > size[1]:
        raise UsageError(f"a matte {small.shape} for a picture {size}; expected a smaller matte")
    if radius_px < 1 or not epsilon > 0:
        raise UsageError(f"radius {radius_px}, epsilon {epsilon}; expected at least 1, above 0")
    window = _window(radius_px)
    edge = cv2.dilate(small, window) != cv2.erode(small, window)
    guide = to_float(resize(image, (small.shape[0], small.shape[1])))
    slopes = _slopes_at(edge, guide, small, radius_px, epsilon)
    slopes = _mean(slopes, radius_px)  # 2013, eq. 21: the mean over all windows with this pixel
    # Running sums leave tiny remainders where all windows are flat.
    slopes[cv2.dilate(edge.astype(np.uint8), window) == 0] = 0
    offset = small - np.einsum("hwc,hwc->hw", slopes, guide)
    # What it is where there are no slopes; interpolation may round to just above 1.
    result = np.clip(resize(small, size), 0, 1)

    def restore(values: Floats, place: Alpha) -> None:
        np.clip(values, 0, 1, out=place)

    _apply(image, _planes(slopes, offset), np.any(slopes != 0, axis=2), result, restore)
    return result


def sharpen(image: Image, small: Alpha) -> Alpha:
    """Enlarges a network's matte to its picture's size, its soft edges drawn after the picture.

    The guided filter as published, which also smooths: a network's matte says where the edge runs,
    but is blurred there, and what of the matte the picture does not explain is mostly its fault. A
    fixed contrast then gives back what the filter's means have taken.

    Args:
        image: (H, W, 3) uint8 RGB.
        small: (h, w) float32 in [0, 1] of the same view; at least one pixel.

    Returns:
        (H, W) float32 in [0, 1]. It differs from the bilinearly enlarged matte only where that one
        is above 0 and below 1: nothing that is decided changes. The less the image exceeds the
        matte in size, the smaller the difference; where it does not, it is the matte, reduced.

    Raises:
        UsageError: wrong arrays.

    Source: as `refine`.
    """
    check_image(image)
    check_alpha(small)
    size = (image.shape[0], image.shape[1])
    result = resize(small, size)
    weight = min(1.0, _WEIGHT_SLOPE * (max(size) / max(small.shape) - 1))
    if weight <= 0:
        return np.clip(result, 0, 1)
    np.clip(result, 0, 1, out=result)  # in place: of a large picture a copy is hundreds of MB
    # A side may be longer by the rounding to whole pixels.
    small = resize(small, (min(size[0], small.shape[0]), min(size[1], small.shape[1])))
    # Between a 0 and a 1 the enlarged matte is soft, even where no pixel of the small one is.
    window = _window(1)
    soft = cv2.dilate(small, window) > cv2.erode(small, window)
    soft |= (small > 0) & (small < 1)
    if not soft.any():
        return result

    def restore(values: Floats, place: Alpha) -> None:
        values -= 0.5
        values *= _CONTRAST
        values += 0.5
        np.clip(values, 0, 1, out=values)
        undecided = (place > 0) & (place < 1)
        place[undecided] += np.float32(weight) * (values[undecided] - place[undecided])

    _apply(image, _smooth_lines(image, small, soft), soft, result, restore)
    return result


def _smooth_lines(image: Image, small: Alpha, soft: NDArray[np.bool_]) -> Floats:
    """Planes (4, h, w) of a network's matte: the means of the lines of the windows around."""
    radius = _NETWORK_RADIUS_PX
    guide = to_float(resize(image, (small.shape[0], small.shape[1])))
    # The windows that a soft pixel, or its neighbour in the interpolation, is a mean of.
    near = cv2.dilate(soft.astype(np.uint8), _window(radius + 1)) > 0
    slopes = _slopes_at(near, guide, small, radius, EPSILON)
    colour, matte = _mean(guide.astype(np.float64), radius), _mean(small.astype(np.float64), radius)
    # 2013, eq. 20: b = mean(p) - a mean(I), in every window.
    offset = matte - np.einsum("hwc,hwc->hw", slopes, colour)
    return _planes(_mean(slopes, radius), _mean(offset, radius))


def _planes(slopes: NDArray[np.float64], offset: NDArray[np.float64]) -> Floats:
    """Planes (4, h, w) float32: the slopes by R, G, B for values 0 to 255, and the offset."""
    return np.concatenate([slopes.transpose(2, 0, 1) / 255, offset[None]]).astype(np.float32)


def _apply(
    image: Image,
    planes: Floats,
    wanted: NDArray[np.bool_],
    result: Alpha,
    restore: Callable[[Floats, Alpha], None],
) -> None:
    """Enlarges the lines and applies them to the picture, tile by tile, where they are wanted.

    `restore` gets a tile's values and its place in the result, and writes what it makes of them.
    """
    height, width = result.shape
    strip_rows = max(1, min(_TILE, _STRIP_PIXELS // width))

    def strip(top: int) -> None:
        rows = _places(top, min(top + strip_rows, height), height, planes.shape[1])
        if not np.any(wanted[_span(rows)]):
            return
        lines = [resize(plane, (len(rows), width)) for plane in _between(planes, rows)]
        down = slice(top, top + len(rows))
        for left in range(0, width, _TILE):
            columns = _places(left, min(left + _TILE, width), width, planes.shape[2])
            if np.any(wanted[_span(rows), _span(columns)]):
                across = slice(left, left + len(columns))
                values = lines[3][:, across]
                for channel in range(3):
                    values += lines[channel][:, across] * image[down, across, channel]
                restore(values, result[down, across])

    # numpy and cv2 let other threads run while they work; the strips share no pixel.
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(strip, range(0, height, strip_rows)))


def _slopes_at(
    where: NDArray[np.bool_], guide: Floats, alpha: Alpha, radius_px: int, epsilon: float
) -> NDArray[np.float64]:
    """The slopes (h, w, 3) of the windows about the chosen pixels; 0 elsewhere."""
    slopes = np.zeros(guide.shape, np.float64)
    slopes[where] = _slopes(guide, alpha, radius_px, epsilon, where)
    return slopes


def _slopes(
    guide: Floats, alpha: Alpha, radius_px: int, epsilon: float, where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The slopes (N, 3) of the windows about the chosen pixels."""
    # Doubles: a covariance is a small difference of large numbers.
    colour, matte = guide.astype(np.float64), alpha.astype(np.float64)
    mean_colour, mean_matte = _mean(colour, radius_px)[where], _mean(matte, radius_px)[where]
    covariance = np.empty((len(mean_matte), 3, 3))
    for channel in range(3):
        product = _mean(colour * colour[..., channel, None], radius_px)[where]
        covariance[:, channel] = product - mean_colour * mean_colour[:, channel, None]
    with_matte = _mean(colour * matte[..., None], radius_px)[where]
    with_matte -= mean_colour * mean_matte[:, None]
    # 2013, eq. 19: a = (covariance + epsilon 1)^-1 (mean(I p) - mean(I) mean(p)).
    slopes = np.linalg.solve(covariance + epsilon * np.eye(3), with_matte[..., None])
    return np.asarray(slopes[..., 0])


def _mean(values: NDArray[np.float64], radius_px: int) -> NDArray[np.float64]:
    side = 2 * radius_px + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT))


def _window(radius_px: int) -> NDArray[np.uint8]:
    return np.ones((2 * radius_px + 1,) * 2, np.uint8)


def _places(start: int, stop: int, length: int, small: int) -> NDArray[np.float64]:
    """Where pixels `start` to `stop` of `length` lie among `small` ones: pixel centres meet."""
    places = (np.arange(start, stop) + 0.5) * (small / length) - 0.5
    return np.asarray(np.clip(places, 0, small - 1))


def _span(places: NDArray[np.float64]) -> slice:
    """All small pixels that take part between the first and the last place."""
    return slice(int(places[0]), int(places[-1]) + 2)


def _between(planes: Floats, rows: NDArray[np.float64]) -> Floats:
    """Linear interpolation of planes (C, h, w) at places along their height: (C, N, w)."""
    before = rows.astype(np.intp)
    after = np.minimum(before + 1, planes.shape[1] - 1)
    part = (rows - before).astype(np.float32)[:, None]
    return planes[:, before] * (1 - part) + planes[:, after] * part

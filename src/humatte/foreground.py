"""Straight foreground colours: what the person's own colours are where the matte is soft.

In: an image and its alpha. Out: a foreground image without the old background's colours, so that
laying it over a new background shows no fringe. Never changes a pixel that is opaque or empty.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import (
    Alpha,
    Colours,
    Image,
    check_alpha,
    check_colours,
    check_image,
    resize,
    to_bytes,
    to_float,
    to_integers,
)
from humatte.prepare import fitted_size

# Colours are first spread over a picture of at most about this many pixels, from afar and then
# ever closer; larger ones take over from there, and look only at their nearest pixels.
_SMALL_PIXELS = 480 * 360
_RADII_PX = (45, 15, 5, 2, 1)
_CONTINUED_PX = (24, 8, 2)  # the last one that reaches a pixel decides its colour
_EPSILON = 1e-5
_DECIDED = 0.5 / 255  # so close to 0 or 1, a byte holds it as empty or opaque
# Of video, where time counts more: so many pixels, and these passes.
_QUICK_PIXELS = 320 * 240
_QUICK_RADII_PX = (30, 8, 2)
_FADE_PX = 10  # of the small picture: how far colours go on beyond the person
_FOLD = 4096
_WORKERS = 4  # each holds the temporaries of a tile
_TILE = 128  # side in pixels of what is done at once: nothing is soft in most, which cost nothing

Floats = NDArray[np.float32]


def estimate_foreground(image: Colours, alpha: Alpha) -> Colours:
    """Estimates the person's own colours in soft pixels (0 < alpha < 1).

    Args:
        image: (H, W, 3) uint8 or uint16 RGB.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) RGB, a copy that equals `image` wherever a byte would hold alpha as 0 or 255.

    Source: M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021 (blur fusion), its
    eq. 7 for the background too, in more and smaller passes. Beside its two passes, errors in hair
    are a sixth to a half, in wide soft edges about the same; beside pymatting's multi-level
    estimate a third to two thirds in hair, the same in soft edges (benchmarks/colours.py).
    """
    check_alpha(alpha, check_colours(image).shape[:2])
    result = image.copy()
    if not _soft(alpha).any():
        return result
    small = _spread_small(image, alpha)
    tops, lefts = (range(0, side, _TILE) for side in alpha.shape)

    def explain(corner: tuple[int, int]) -> None:
        _explain(image, alpha, corner, small, result)

    # numpy and cv2 let other threads run while they work; the tiles share no pixel of the result.
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(explain, ((top, left) for top in tops for left in lefts)))
    return result


def quick_foreground(image: Image, alpha: Alpha, *, outward: bool = False) -> Image:
    """As `estimate_foreground`, for video: coarser, in a fraction of the time.

    The colours nearby come from a small picture alone; each soft pixel then takes its share of what
    they fail to explain (2021, eq. 7).

    Args:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1].
        outward: where nobody is (alpha 0), the person's colours continued, fading to black. Codecs
            that blur colours over an edge, as all lossy ones do, then mix in nothing foreign.

    Returns:
        (H, W, 3) uint8 RGB; equal to `image` wherever a byte would hold alpha as 255, and as 0
        too unless `outward`.
    """
    check_alpha(alpha, check_image(image).shape[:2])
    height, width = alpha.shape
    scale = max(1.0, math.sqrt(alpha.size / _QUICK_PIXELS))
    size = fitted_size((height, width), max(1, round(max(alpha.shape) / scale)))
    small, thin = resize(image, size), resize(alpha, size)
    pixels = _planes(small)
    foreground, background = _spread(pixels, thin, (pixels, pixels), _QUICK_RADII_PX)
    result = image.copy()
    if outward:
        beyond = resize(_fading(foreground, thin), (height, width))
        np.copyto(result, beyond, where=(alpha <= _DECIDED)[..., None])
    rows, columns = np.nonzero(_soft(alpha))
    if rows.size:
        share = alpha[rows, columns]
        tables = (_at(table, rows, columns, (height, width)) for table in (foreground, background))
        result[rows, columns] = to_bytes(_explained(image[rows, columns], share, *tables))
    return result


def _fading(foreground: Floats, alpha: Alpha) -> Image:
    """The person's colours (h, w, 3) everywhere, fading to black away from them."""
    weight = _blur(_blur(alpha, _FADE_PX), _FADE_PX)
    planes = [_blur(_blur(plane * alpha, _FADE_PX), _FADE_PX) for plane in foreground]
    # A fourth of a person in the window is enough for their full colour.
    share = np.minimum(4 * weight, 1) / (weight + _EPSILON)
    return to_bytes(np.clip(np.dstack([plane * share for plane in planes]), 0, 1))


def _at(
    table: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp], full: tuple[int, int]
) -> Floats:
    """Values (N, 3) of a reduced picture (3, h, w), bilinear, at pixels of the full one."""
    y = ((rows + 0.5) * (table.shape[1] / full[0]) - 0.5).astype(np.float32)
    x = ((columns + 0.5) * (table.shape[2] / full[1]) - 0.5).astype(np.float32)
    # cv2.remap takes no side above 32767: the list of pixels is folded.
    more = -len(y) % _FOLD
    y, x = (np.pad(places, (0, more)).reshape(-1, _FOLD) for places in (y, x))
    planes = [
        cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(-1)
        for plane in table
    ]
    return np.stack(planes, axis=1)[: len(rows)]


def _explained(colours: Colours, share: Alpha, foreground: Floats, background: Floats) -> Floats:
    """Colours (N, 3) in [0, 1] of the person in pixels (N, 3) of which `share` (N,) is theirs."""
    alpha = share[:, None]
    missing = to_float(colours) - alpha * foreground - (1 - alpha) * background
    return np.clip(foreground + alpha * missing / (1 - alpha * (1 - alpha)), 0, 1)


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


def _soft(alpha: Alpha) -> NDArray[np.bool_]:
    return np.asarray((alpha > _DECIDED) & (alpha < 1 - _DECIDED))


def _spread_small(image: Colours, alpha: Alpha) -> tuple[Floats, Floats]:
    """Foreground and background (3, h, w) of the picture, reduced if it is large."""
    scale = _scale(alpha)
    if scale > 1:
        size = fitted_size((alpha.shape[0], alpha.shape[1]), round(max(alpha.shape) / scale))
        image, alpha = resize(image, size), resize(alpha, size)
    pixels = _planes(image)
    return _spread(pixels, alpha, (pixels, pixels), _RADII_PX)


def _scale(alpha: Alpha) -> float:
    """How much larger the picture is than a small one; by area, for strips are pictures too."""
    return max(1.0, math.sqrt(alpha.size / _SMALL_PIXELS))


def _planes(image: Colours) -> Floats:
    """(3, H, W) float32: numpy is several times as fast on planes as on three channels."""
    return to_float(np.ascontiguousarray(image.transpose(2, 0, 1)))


def _explain(
    image: Colours,
    alpha: Alpha,
    corner: tuple[int, int],
    small: tuple[Floats, Floats],
    result: Colours,
) -> None:
    """Writes a tile's soft pixels: the small picture's colours, made local at full size."""
    top, left = corner
    tile = (slice(top, top + _TILE), slice(left, left + _TILE))
    soft = _soft(alpha[tile])
    if not soft.any():
        return
    if small[0].shape[1:] == alpha.shape:
        found = small[0][:, *tile]
    else:
        reach = round(_scale(alpha))
        margin = reach + 1  # what the two passes look at beyond the tile
        y, x = max(0, top - margin), max(0, left - margin)
        around = (slice(y, top + _TILE + margin), slice(x, left + _TILE + margin))
        part = alpha[around]
        near = [_enlarged(table, (y, x), part.shape, alpha.shape) for table in small]
        found, _ = _spread(_planes(image[around]), part, (near[0], near[1]), (reach, 1))
        found = found[:, top - y :, left - x :][:, : soft.shape[0], : soft.shape[1]]
    result[tile][soft] = to_integers(found[:, soft].T, image.dtype)


def _enlarged(
    table: Floats, corner: tuple[int, int], size: tuple[int, ...], full: tuple[int, ...]
) -> Floats:
    """Bilinear values of a reduced picture, for a part of the full one; pixel centres meet."""
    steps = table.shape[1] / full[0], table.shape[2] / full[1]
    y, x = ((place + 0.5) * step - 0.5 for place, step in zip(corner, steps, strict=True))
    matrix = np.array([[steps[1], 0, x], [0, steps[0], y]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shape = (size[1], size[0])
    planes = [cv2.warpAffine(p, matrix, shape, None, how, cv2.BORDER_REPLICATE) for p in table]
    return np.stack(planes)


def _spread(
    pixels: Floats, alpha: Alpha, colours: tuple[Floats, Floats], radii: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Foreground and background (3, h, w), made more local by a pass for each radius.

    Each pass takes the colours nearby, and adds to both what compositing them fails to explain
    (2021, eq. 7, which adds to the foreground alone: a pattern behind stays in it then). The shares
    alpha and 1 - alpha do not add up to all that is missing; dividing by
    alpha^2 + (1 - alpha)^2 would, and would follow every error of the matte. Halfway between
    is 1 - alpha (1 - alpha).
    """
    outer = 1 - alpha
    gain = 1 / (1 - alpha * outer)
    foreground, background = colours
    for radius in radii:
        foreground = _nearby(foreground, alpha, radius)
        background = _nearby(background, outer, radius)
        missing = pixels - alpha * foreground
        missing -= outer * background
        missing *= gain
        foreground += alpha * missing
        missing *= outer
        background += missing
        np.clip(foreground, 0, 1, out=foreground)
        np.clip(background, 0, 1, out=background)
    return foreground, background


def _nearby(colours: Floats, weight: Floats, radius: int) -> Floats:
    """The mean colours around every pixel, weighted."""
    share = 1 / (_blur(weight, radius) + _EPSILON)
    near = colours * weight
    for plane in near:
        plane[:] = _blur(plane, radius)
    near *= share
    return near


def _blur(values: Floats, radius: int) -> Floats:
    """Box mean over a window of 2 radius + 1 pixels."""
    side = 2 * radius + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

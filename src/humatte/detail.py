"""A closer look at edges: the network again, on the parts of the picture that its edge crosses.

In: a picture, the network's matte of the whole of it, the network. Out: that matte at
`SCALE` times its size. Only where the first matte is undecided, and close to it, does the closer
look count: who is in the picture was decided with the whole of it in view.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, resize
from humatte.network import Network
from humatte.prepare import fitted_size

SCALE = 1.75
"""How much closer: part of a person fills the view, as in many a picture that networks learn from.

Closer, it would see too little of them. It also bounds the work: four tiles, with their overlap.
"""
_OVERLAP = 0.25  # of a tile's side, shared with the next one, where one fades into the other
_TRUST = 0.75  # how much the closer look counts against the first: benchmarks/refine.py
_LOCAL_PX = 17  # of the closer look: what the two must agree on is larger than an edge is wide
# How much of the matte around may change where the first look was sure, and more where it was not.
_FREE_CHANGE, _DOUBT_CHANGE = 0.25, 0.6
_FADE = 8  # a tile's weight rises over 1/8 of its side


def look_closer(image: Image, small: Alpha, network: Network) -> Alpha:
    """The network's matte at `SCALE` times its size, its edges seen from closer by.

    Args:
        image: (H, W, 3) uint8 RGB.
        small: (h, w) float32 in [0, 1], what the network gave for the whole image.
        network: the same one.

    Returns:
        (h', w') float32 in [0, 1] at `SCALE` times the size of `small`; `small` itself where the
        image is not as large as that: then there is nothing closer to see. Three pixels of `small`
        away from any that is above 0 and below 1, nothing is changed but enlarged.
    """
    original = (image.shape[0], image.shape[1])
    if max(original) < SCALE * max(small.shape):
        return small
    size = fitted_size(original, round(SCALE * max(small.shape)))
    band = _band(small, size)
    closer = resize(image, size)
    total, weights = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for tile in _tiles(size, network.facts.best_long_side):
        if band[tile].any():
            found = network.small(closer[tile], max(closer[tile].shape[:2]))
            weight = _window(found.shape)
            total[tile] += found * weight
            weights[tile] += weight
    first = np.clip(resize(small, size), 0, 1)
    seen = np.divide(total, weights, out=first.copy(), where=weights > 0)
    return np.clip(first + _TRUST * band * _agreed(first, seen) * (seen - first), 0, 1)


def _agreed(first: Alpha, seen: Alpha) -> NDArray[np.float32]:
    """1 where two looks agree about who is there, but for where the edge runs; else 0.

    A closer look sees an arm without its body, and may miss it. Where the first look was sure, on
    the whole, and the closer one says the opposite, the first is right; where it was not sure, the
    closer one decides.
    """
    window = (_LOCAL_PX, _LOCAL_PX)
    before, after = (cv2.blur(alpha, window) for alpha in (first, seen))
    doubt = 1 - np.abs(2 * before - 1)
    change = np.abs(after - before) - _FREE_CHANGE - _DOUBT_CHANGE * doubt
    return np.asarray(1 - np.clip(change / _FREE_CHANGE, 0, 1))


def _band(small: Alpha, size: tuple[int, int]) -> NDArray[np.float32]:
    """1 where the matte is undecided and one pixel around, falling to 0 over the next pixel."""
    undecided = ((small > 0) & (small < 1)).astype(np.float32)
    return np.clip(resize(cv2.dilate(undecided, np.ones((3, 3), np.uint8)), size), 0, 1)


def _tiles(size: tuple[int, int], side: int) -> Iterator[tuple[slice, slice]]:
    """Overlapping tiles that cover all of `size`, evenly spread, no side above `side`."""
    for rows in _parts(size[0], side):
        for columns in _parts(size[1], side):
            yield rows, columns


def _parts(length: int, side: int) -> list[slice]:
    if length <= side:
        return [slice(0, length)]
    overlap = int(side * _OVERLAP)
    count = -(-(length - overlap) // (side - overlap))
    starts = [round(number * (length - side) / (count - 1)) for number in range(count)]
    return [slice(start, start + side) for start in starts]


def _window(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tile's weights: 1 in the middle, falling towards its edges, nowhere 0."""
    ramps = []
    for length in shape:
        place = (np.arange(length) + 0.5) / length
        ramps.append(np.minimum(1, _FADE * np.minimum(place, 1 - place)))
    return np.outer(*ramps).astype(np.float32)

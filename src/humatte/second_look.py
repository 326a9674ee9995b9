"""A second look at small people: where they are, and how what is seen there goes into the matte.

In: a network's matte of the whole picture. Out: boxes about people who fill little of it, and that
matte with what was seen in them. A network sees a few hundred pixels of any picture: of a small
person there are few, of a box about them many. An empty matte has no boxes: an empty scene stays
empty.
"""

from __future__ import annotations

import cv2
import numpy as np

from humatte.arrays import Alpha, Box, Size, resize
from humatte.metrics import PERSON_THRESHOLD
from humatte.prepare import fitted_size

_LITTLE = 0.5  # of the picture's long side: boxes with both sides below are looked at again
_MARGIN = 0.3  # of a person's longer side, on every side: what the first look missed of them
_LEAST_PX = 24  # of the network's matte: smaller parts are noise
_MOST = 4  # boxes in a picture: bounds the time
_NEAR = 0.05  # of a box's longer side: how far the second look may go beyond the first
_SEEN = 0.1  # what the first look must have held at least
_TRUST_SIDE_PX = 64  # trust is smooth: found at a small size


def boxes_of_small_people(small: Alpha, size: Size) -> list[Box]:
    """Where a second look pays, the largest persons first, four at most; they share no pixel.

    Args:
        small: (h, w) float32 in [0, 1], the network's matte of the whole picture.
        size: (H, W) of the picture.

    Returns:
        Boxes in pixels of the picture, each with a margin about a person or about people close
        together. None where that is half of the picture's long side or more, nor where the picture
        holds no more pixels than the network has seen.
    """
    people = (small >= PERSON_THRESHOLD).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(people, connectivity=8)
    found: list[Box] = []
    for left, top, width, height, area in parts[1:]:  # the first one is the background
        if area >= _LEAST_PX:
            margin = round(_MARGIN * max(width, height)) + 1
            found = _joined(
                found,
                Box(
                    max(0, top - margin),
                    max(0, left - margin),
                    min(small.shape[0], top + height + margin),
                    min(small.shape[1], left + width + margin),
                ),
            )
    limit = _LITTLE * max(small.shape)
    few = [box for box in found if max(box.size) < limit]
    few.sort(key=lambda box: int(people[box.slices].sum()), reverse=True)
    if max(size) <= max(small.shape):
        return []
    return [_enlarged(box, small.shape, size) for box in few[:_MOST]]


def put_in(matte: Alpha, part: Alpha, box: Box) -> None:
    """Changes a matte to what was seen in a box, near what it holds there itself.

    A network that sees a box about a person expects one to fill it, and may make up what is
    missing: what is far from anything the first look saw does not count. Nor do the box's edges.

    Args:
        matte: (H, W) float32 in [0, 1]; changed in place.
        part: float32 in [0, 1], of the box's size.
        box: where in the matte.
    """
    place = matte[box.slices]
    ends = (box.top > 0, box.bottom < len(matte)), (box.left > 0, box.right < matte.shape[1])
    step = part - place
    step *= resize(_trust(place, ends), (place.shape[0], place.shape[1]))
    place += step
    np.clip(place, 0, 1, out=place)


def _trust(first: Alpha, ends: tuple[tuple[bool, bool], tuple[bool, bool]]) -> Alpha:
    """How much the second look counts, at a small size: 1 at what the first saw, falling to 0.

    `ends` says which of the box's ends (top, bottom), (left, right) lie within the picture.
    """
    size = fitted_size((first.shape[0], first.shape[1]), _TRUST_SIDE_PX)
    reach = 2 * round(_NEAR * _TRUST_SIDE_PX) + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    seen = (resize(first, size) > _SEEN).astype(np.float32)
    near = cv2.blur(cv2.dilate(seen, ellipse), (3, 3))
    down, across = (_ramp(length, *inside) for length, inside in zip(size, ends, strict=True))
    return np.asarray(near * down[:, None] * across)


def _joined(boxes: list[Box], new: Box) -> list[Box]:
    """The boxes with one more, those that touch made one."""
    apart = []
    for box in boxes:
        if box.touches(new):
            new = box.with_other(new)
        else:
            apart.append(box)
    # A grown box may touch others.
    return [*apart, new] if len(apart) == len(boxes) else _joined(apart, new)


def _enlarged(box: Box, small: Size, size: Size) -> Box:
    down, across = size[0] / small[0], size[1] / small[1]
    return Box(
        round(box.top * down),
        round(box.left * across),
        round(box.bottom * down),
        round(box.right * across),
    )


def _ramp(length: int, before: bool, after: bool) -> Alpha:
    """Weights of 1 that rise from 0 over half the margin at the chosen ends."""
    rise = _TRUST_SIDE_PX * _MARGIN / (1 + 2 * _MARGIN) / 2
    steps = np.arange(length, dtype=np.float32) / np.float32(rise)
    ones = np.ones(length, np.float32)
    return np.minimum(
        np.minimum(steps, 1) if before else ones, np.minimum(steps[::-1], 1) if after else ones
    )

"""Where a person stands in a new frame: sizes and places that a camera could have seen.

In: where the person is in their own photo, and which of its edges cut them off. Out: a scale and a
place. A body cut off by an edge of its photo stays cut off by the same edge of the frame; one who
is whole stands in its lower part. Everything random comes from the generator that is passed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from humatte.arrays import Box, Size
from humatte.parts import Cuts

MOST_ENLARGED = 1.5
"""A person enlarged by more would be blurred in a sharp scene."""
_INSET_PX = 2  # of the photo: its outermost rows are often soft in the matte
_FEET_HIDDEN = 0.4  # of whole figures: shown down to the knees or the waist
_WIDEST, _NARROWEST = 16 / 9, 9 / 16  # proportions (width / height) of frames
_PLAIN_ASPECTS = (4 / 3, 1.0, 3 / 4)


@dataclass(frozen=True)
class Subject:
    """A person's photo as far as placing goes: its size, where they are in it, what is cut off."""

    size: Size
    box: Box
    cuts: Cuts


@dataclass(frozen=True)
class Place:
    """A photo's scale, and where its top left corner comes to lie in the frame, in pixels."""

    scale: float
    top: float
    left: float


def frame_for(subject: Subject, background: Size, long_side: int, rng: Generator) -> Size:
    """The frame's size: the background's proportions, or plain ones, as far as the person allows.

    One who is cut off on both sides must fill its width, so it gets their photo's proportions or
    narrower ones; likewise for the height.
    """
    own = subject.size[1] / subject.size[0]
    choices = (background[1] / background[0], *_PLAIN_ASPECTS)
    aspect = choices[0] if rng.random() < 0.5 else choices[int(rng.integers(1, len(choices)))]
    aspect = min(max(aspect, _NARROWEST), _WIDEST)
    slack = rng.uniform(0.8, 1.0)
    if subject.cuts.left and subject.cuts.right:
        aspect = min(aspect, own * slack)
    if subject.cuts.top and subject.cuts.bottom:
        aspect = max(aspect, own if subject.cuts.left and subject.cuts.right else own / slack)
    wide = aspect >= 1
    short = max(1, round(long_side * (1 / aspect if wide else aspect)))
    return (short, long_side) if wide else (long_side, short)


def place(subject: Subject, frame: Size, rng: Generator) -> Place:
    """A scale and a place of a person in a frame (height, width)."""
    scale, below = _scale(subject, frame, rng)
    return Place(scale, _top(subject, frame, scale, below, rng), _left(subject, frame, scale, rng))


def _scale(subject: Subject, frame: Size, rng: Generator) -> tuple[float, float]:
    """The scale, and the share of the frame's height that is below the feet (negative: cut off)."""
    box, cuts = subject.box, subject.cuts
    height, width = box.bottom - box.top, box.right - box.left
    feet_hidden = False
    if cuts.bottom or cuts.top:
        share, below = rng.uniform(0.62, 0.95), -rng.uniform(0, 0.1)
    elif rng.random() < _FEET_HIDDEN:
        share, below, feet_hidden = rng.uniform(1.2, 2.0), 0.0, True
    else:
        # A camera at eye height: heads are near the horizon, and who is nearer stands lower.
        below = rng.uniform(0.01, 0.1)
        share = 1 - below - rng.uniform(0.05, 0.3)
    scale = min(share * frame[0] / height, min(0.95, 0.7 + 0.3 * share) * frame[1] / width)
    if feet_hidden:
        # Some air above the head; who is too wide to be shown so large stands in the frame.
        below = min(0.02, 1 - rng.uniform(0.05, 0.3) - scale * height / frame[0])
    if cuts.left and cuts.right:
        scale = frame[1] / _inner(subject.size[1]) * rng.uniform(1.0, 1.08)
    if cuts.top and cuts.bottom:
        scale = max(scale, frame[0] / _inner(subject.size[0]))
    return scale, below


def _inner(side: int) -> int:
    return max(1, side - 2 * _INSET_PX)


def _top(subject: Subject, frame: Size, scale: float, below: float, rng: Generator) -> float:
    box, cuts = subject.box, subject.cuts
    if cuts.top and cuts.bottom:
        highest = frame[0] - scale * (subject.size[0] - _INSET_PX)
        return _between(highest, -scale * _INSET_PX, rng)
    if cuts.bottom:
        # As much below the frame as leaves the head in it.
        sunk = min(-below * frame[0], max(0.0, frame[0] - scale * (box.bottom - box.top)))
        return frame[0] - scale * (box.bottom - _INSET_PX) + sunk
    if cuts.top:
        return -scale * (box.top + _INSET_PX) + below * frame[0] * 0.5
    return frame[0] * (1 - below) - scale * box.bottom


def _left(subject: Subject, frame: Size, scale: float, rng: Generator) -> float:
    box, cuts = subject.box, subject.cuts
    if cuts.left and cuts.right:
        lowest = frame[1] - scale * (subject.size[1] - _INSET_PX)
        return _between(lowest, -scale * _INSET_PX, rng)
    if cuts.left:
        return -scale * (box.left + _INSET_PX)
    if cuts.right:
        return frame[1] - scale * (box.right - _INSET_PX)
    width = scale * (box.right - box.left)
    centre = frame[1] * np.clip(rng.normal(0.5, 0.16), 0.1, 0.9)
    inside = min(max(centre - width / 2, 0.0), max(0.0, frame[1] - width))
    return float(inside) - scale * box.left


def _between(one: float, other: float, rng: Generator) -> float:
    return rng.uniform(min(one, other), max(one, other))


def shrunk(frame: Size, place: Place) -> tuple[Size, Place]:
    """The same view in a smaller frame, where the person would be enlarged too much otherwise."""
    if place.scale <= MOST_ENLARGED:
        return frame, place
    factor = MOST_ENLARGED / place.scale
    size = (max(1, math.floor(frame[0] * factor)), max(1, math.floor(frame[1] * factor)))
    return size, Place(MOST_ENLARGED, place.top * factor, place.left * factor)

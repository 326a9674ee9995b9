"""Photos for passports and cards: how large and where the head is, from the matte alone.

In: a matte and a format in millimetres. Out: the part of the photo to show. The head's height is an
approximation: hair counts as head, and the chin is taken to be where the head's outline has
narrowed to the neck. Nothing here looks at the face.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Box, Size, resize
from humatte.errors import PictureError, UsageError
from humatte.frame import Frame, checked
from humatte.lengths import parse_pairs, parse_share
from humatte.metrics import PERSON_THRESHOLD
from humatte.parts import Cuts, cut_edges
from humatte.prepare import fitted_size

ID_DPI = 300.0
"""The resolution of an id photo, if none is given: what photo printers print."""
_MM = {"mm": 1.0, "cm": 10.0, "in": 25.4}
# ICAO Doc 9303: from chin to crown 70 to 80 % of the picture's height, which is 32 to 36 mm of 45.
# The middle, with 4 mm above the head, as printed templates for 35 x 45 mm have it.
_UPRIGHT = (34 / 45, 4 / 45)
# US Department of State, 2 x 2 in: head 25 to 35 mm, eyes 28 to 35 mm above the lower edge. The
# middle of both, the eyes taken to be halfway between chin and crown.
_SQUARE = (30 / 50.8, 4.3 / 50.8)
_SQUARE_FROM = 0.95  # width by height

_WORK_SIDE = 512  # heads are measured at this long side
_NECK = 0.86  # a neck is narrower than this share of the head above it
_SHOULDERS = 1.45  # what is below is wider than the neck, or than long hair, by this
_HEAD_LENGTH = (0.8, 1.8)  # how far below the top a neck may be, in widths of the head
_LONG_HAIR = 1.3  # a head's height by its width, hair included, where no neck is seen
_ABOVE_SHOULDERS = 0.8  # of the way down to shoulders, there are none yet
_AT_NECK = 0.1  # a neck is where all but so much of the narrowing is done
_CHIN = 0.8  # of the neck's way down: seen from the front, the chin hides most of it
_BROAD = 0.4  # a neck almost as broad as the head: the jaw meets it above the chin
_SMALL = 0.15  # of the widest row: what is narrower on top is a tuft of hair, not a head
_LEAST_HEAD_PX = 12  # at the work size: smaller ones have no shape
_SLACK = 0.02  # of a side: so much may be missing at an edge unnoticed
_ENLARGED = 1.05  # from here on it is said


@dataclass(frozen=True)
class IdPhoto:
    """A format: millimetres, and the head's height and the gap above it as shares of its height."""

    width_mm: float
    height_mm: float
    head: float
    top: float

    def pixels(self, dpi: float) -> Size:
        """The result's size (height, width)."""
        return round(self.height_mm / 25.4 * dpi), round(self.width_mm / 25.4 * dpi)

    def __str__(self) -> str:
        return f"{self.width_mm:g}x{self.height_mm:g}mm"


@dataclass(frozen=True)
class Head:
    """Where a head is, in pixels of the picture: its top, its chin, its middle from the left."""

    top: float
    chin: float
    middle: float


def parse_id_photo(text: str) -> IdPhoto:
    """WxH with mm, cm or in; `,head=70%` and `,top=10%` (of the height) change the rule.

    Raises:
        UsageError: anything else, or a head that does not fit.
    """
    first, _, rest = text.strip().lower().partition(",")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)\s*(mm|cm|in)", first)
    sides = [float(match[i]) * _MM[match[3]] for i in (1, 2)] if match else []
    if not sides or not all(5 <= side <= 500 for side in sides):
        raise UsageError(
            f"id-photo: found '{text}'; expected WIDTHxHEIGHT with mm, cm or in, from 5 to 500 mm, "
            "as 35x45mm or 2x2in"
        )
    head, top = _SQUARE if sides[0] / sides[1] >= _SQUARE_FROM else _UPRIGHT
    pairs = parse_pairs(rest, "id-photo", ("head", "top"))
    head = parse_share(pairs["head"], "id-photo head") if "head" in pairs else head
    top = parse_share(pairs["top"], "id-photo top") if "top" in pairs else top
    if head < 0.1 or head + top > 1:
        raise UsageError(
            f"id-photo: a head of {head:.0%} with {top:.0%} above it; expected 10% or more, "
            "together at most 100%"
        )
    return IdPhoto(sides[0], sides[1], head, top)


def id_frame(alpha: Alpha, photo: IdPhoto, dpi: float) -> tuple[Frame, list[str]]:
    """The frame of an id photo, and what its user should be warned of.

    Raises:
        PictureError: no upright head is found, or the photo shows too little around it.
        UsageError: too many pixels.
    """
    size = (alpha.shape[0], alpha.shape[1])
    cuts = cut_edges(alpha >= PERSON_THRESHOLD)
    head = find_head(alpha)
    if head is None:
        raise PictureError(
            "no upright head is found for an id photo; expected one person from the front, with "
            "neck and shoulders"
        )
    if cuts.top and head.top < 1 + _SLACK * size[0]:
        raise PictureError("the photo's upper edge cuts the head off; an id photo needs all of it")
    height = (head.chin - head.top) / photo.head
    width = height * photo.width_mm / photo.height_mm
    top, left = head.top - photo.top * height, head.middle - width / 2
    box = Box(round(top), round(left), round(top + height), round(left + width))
    box = _all_there(box, cuts, size)
    inner = photo.pixels(dpi)
    enlarged = inner[0] / (box.bottom - box.top)
    warnings = []
    if enlarged > _ENLARGED:
        warnings.append(
            f"the photo is too small for {photo} at {dpi:g} dpi: enlarged {enlarged:.1f} times; "
            "take a larger one, or give --dpi"
        )
    return checked(Frame(box, inner)), warnings


def _all_there(box: Box, cuts: Cuts, size: Size) -> Box:
    """The box, moved inside by a little where the photo's edge cuts the person off.

    Raises:
        PictureError: by more than a little.
    """
    slack = _SLACK * (box.bottom - box.top)
    missing = {
        "lower": (box.bottom - size[0]) * cuts.bottom,
        "left": -box.left * cuts.left,
        "right": (box.right - size[1]) * cuts.right,
    }
    for edge, pixels in missing.items():
        if pixels > slack:
            raise PictureError(
                f"the photo's {edge} edge cuts the person off where the id photo goes on "
                f"({pixels} pixels are missing); take one with more around the head, or lower "
                "the head's share, as --id-photo 35x45mm,head=80%"
            )
    down, right = max(0, missing["lower"]), max(0, missing["right"]) - max(0, missing["left"])
    return Box(box.top - down, box.left - right, box.bottom - down, box.right - right)


def find_head(alpha: Alpha) -> Head | None:
    """Where the head of an upright person is, by the widths of their outline; None if unclear.

    Args:
        alpha: (H, W) float32, of one person.
    """
    full = (alpha.shape[0], alpha.shape[1])
    small = resize(alpha, fitted_size(full, _WORK_SIDE)) if max(full) > _WORK_SIDE else alpha
    first, widths, middles = _outline(small >= PERSON_THRESHOLD)
    found = _neck(widths) or _long_hair(widths)
    if found is None or found < _LEAST_HEAD_PX:
        return None
    scale = full[0] / small.shape[0]
    middle = float(np.median(middles[: found + 1])) * full[1] / small.shape[1]
    return Head(first * scale, (first + found) * scale, middle)


def _outline(inside: NDArray[np.bool_]) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """From the top of the person down: the first row, and each row's width and middle.

    A row's width is that of its run of pixels that goes on from the run above.
    """
    rows = np.flatnonzero(inside.any(axis=1))
    widths, middles = [], []
    before: tuple[int, int] | None = None
    for row in range(int(rows[0]), len(inside)) if rows.size else ():
        edges = np.flatnonzero(np.diff(np.concatenate(([0], inside[row].view(np.int8), [0]))))
        runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
        if not runs:
            break
        before = max(runs, key=lambda run: _overlap(run, before))
        widths.append(before[1] - before[0])
        middles.append((before[0] + before[1]) / 2)
    return int(rows[0]) if rows.size else 0, np.array(widths, float), np.array(middles, float)


def _overlap(run: tuple[int, int], before: tuple[int, int] | None) -> tuple[int, int]:
    """What a run shares with the one above, then its width."""
    shared = min(run[1], before[1]) - max(run[0], before[0]) if before else 0
    return shared, run[1] - run[0]


def _neck(widths: NDArray[np.float64]) -> int | None:
    """How far below the top the chin is, where the outline narrows to a neck; None if nowhere."""
    widest = np.maximum.accumulate(widths) if len(widths) else widths
    for row in range(1, len(widths)):
        head, below = widest[row], widths[row : 2 * row]
        if (
            head >= _SMALL * widths.max()
            and widths[row] <= _NECK * head
            and _HEAD_LENGTH[0] <= row / head <= _HEAD_LENGTH[1]
            # Shoulders, not the shoes below a skirt.
            and below.max() >= max(head, _SHOULDERS * widths[row])
        ):
            # The first narrow place: further down, arms and bodies narrow too.
            ends = int(np.argmax(below >= _SHOULDERS * np.minimum.accumulate(below)))
            neck = below[: ends + 1]
            narrow = np.flatnonzero(neck <= neck.min() + _AT_NECK * (head - neck.min()))
            chin = row + narrow[0] + _CHIN * (narrow[-1] - narrow[0])
            return round(chin * (1 + _BROAD * max(0.0, neck.min() / head - 0.65)))
    return None


def _long_hair(widths: NDArray[np.float64]) -> int | None:
    """Where hair hides the neck: from the head's width above the shoulders; None without any."""
    for row in range(_LEAST_HEAD_PX, len(widths)):
        head = float(widths[: round(_ABOVE_SHOULDERS * row)].max())
        if widths[row] >= _SHOULDERS * head and head >= _SMALL * widths.max():
            likely = _HEAD_LENGTH[0] <= row / head <= _HEAD_LENGTH[1]
            return min(row, round(_LONG_HAIR * head)) if likely else None
    return None

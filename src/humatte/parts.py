"""The connected parts of a matte: where the person is, who of several is wanted.

In: a matte. Out: boxes, and mattes that hold only the chosen people. People whose mattes touch are
one part. Never changes the matte of who is kept.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Box, Size, resize
from humatte.errors import PictureError, UsageError
from humatte.lengths import Length, parse_lengths
from humatte.metrics import LEAST_PERSON, PERSON_THRESHOLD
from humatte.prepare import fitted_size

_WORK_SIDE = 512  # parts are found at this long side: no network's matte is finer
_FAINT = 0.05  # what is fainter does not count as reached by a person's soft edge
_PIECE_SHARE = 0.2  # of a person's area: a hand, a bag, a tuft of hair, not somebody else
_PIECE_GAP = 0.08  # of a person's diagonal: how far away a piece of theirs may lie
_SPECK_PX = 20  # smaller groups, at the work size, have no pieces of their own
_NEAR = 0.05  # of the long side: how far beside a person `at` may point
_EDGE_SHARE = 0.006  # of a side: within so much of the picture's edge, a person touches it
_CUT_SHARE = 0.02  # of an edge: less of it covered is a hair that touches, not a body cut off


class Cuts(NamedTuple):
    """By which edges of the photo the person is cut off."""

    top: bool
    left: bool
    bottom: bool
    right: bool


def cut_edges(inside: NDArray[np.bool_]) -> Cuts:
    """Which edges of the photo cut the person off: those that they cover more than 2 % of.

    Args:
        inside: (H, W), true where the person is.
    """
    rows, columns = (max(2, round(_EDGE_SHARE * side)) for side in inside.shape)
    strips = {
        "top": inside[:rows].any(axis=0),
        "left": inside[:, :columns].any(axis=1),
        "bottom": inside[-rows:].any(axis=0),
        "right": inside[:, -columns:].any(axis=1),
    }
    return Cuts(**{edge: bool(strip.mean() > _CUT_SHARE) for edge, strip in strips.items()})


def box_of(alpha: Alpha) -> Box | None:
    """The box around everyone, soft edges and pieces included; None if nobody is there.

    Specks away from people, of less than 0.2 % of the picture, do not count.
    """
    groups = _group(alpha)
    people = np.isin(groups.of, groups.people()).astype(np.float32)
    inside = (resize(people, groups.full) > 0) & (alpha >= PERSON_THRESHOLD)
    count, labels = cv2.connectedComponents((alpha > _FAINT).astype(np.uint8), connectivity=8)
    reached = np.zeros(count, np.bool_)
    reached[labels[inside]] = True
    return _around(reached[labels])


def _around(inside: NDArray[np.bool_]) -> Box | None:
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


@dataclass(frozen=True)
class Part:
    """One person, or several who touch: where (soft edges aside), what share of the picture."""

    box: Box
    share: float


@dataclass(frozen=True)
class _Groups:
    """Which group each pixel of a reduced matte is in; the largest is 0, nobody is -1."""

    of: NDArray[np.int32]
    count: int
    full: Size

    def people(self) -> list[int]:
        """The groups that are no specks."""
        sizes = np.bincount(self.of[self.of >= 0], minlength=self.count)
        return [int(n) for n in np.flatnonzero(sizes >= LEAST_PERSON * self.of.size)]


def find_parts(alpha: Alpha) -> list[Part]:
    """The people of a matte (H, W), the largest first, each with the pieces that are theirs."""
    groups = _group(alpha)
    scale = (groups.full[0] / groups.of.shape[0], groups.full[1] / groups.of.shape[1])
    parts = []
    for number in groups.people():
        box = _around(groups.of == number)
        assert box  # a group has pixels
        place = Box(
            math.floor(box.top * scale[0]),
            math.floor(box.left * scale[1]),
            math.ceil(box.bottom * scale[0]),
            math.ceil(box.right * scale[1]),
        )
        parts.append(Part(place, float((groups.of == number).mean())))
    return parts


@dataclass(frozen=True)
class Choice:
    """Who of several people is wanted: the largest, at a point (x, y), or in a box."""

    kind: str
    place: tuple[Length, ...] = ()


def parse_person(text: str) -> Choice | None:
    """Understands largest, all (None), at X,Y and box LEFT,TOP,RIGHT,BOTTOM (pixels or %).

    Raises:
        UsageError: none of these.
    """
    kind, *rest = re.split(r"[\s:=]+", text.strip().lower(), maxsplit=1)
    counts = {"all": 0, "largest": 0, "at": 2, "box": 4}
    place = parse_lengths(rest[0], "person", signed=False) if rest else ()
    if kind not in counts or len(place) != counts[kind]:
        raise UsageError(
            f"unknown person '{text}'; expected largest, all, 'at X,Y' or "
            "'box LEFT,TOP,RIGHT,BOTTOM', in pixels or percent of the picture"
        )
    return None if kind == "all" else Choice(kind, tuple(place))


def choose(alpha: Alpha, choice: Choice) -> Alpha:
    """The matte of the chosen people alone.

    A soft edge goes with the person it is nearest to. A small detached piece (a hand, a tuft of
    hair) near a person is theirs: at most 20 % of their area, not farther away than it is large,
    nor than 8 % of their diagonal.

    Args:
        alpha: (H, W) float32.
        choice: `largest`; `at` a point on a person or beside one (5 % of the long side); `box`:
            those who lie in it with more than half of their area, else who fills most of it.

    Raises:
        PictureError: nobody is at that place.
    """
    groups = _group(alpha)
    wanted = {
        "largest": lambda: {0},
        "at": lambda: {_at(groups, choice.place)},
        "box": lambda: _in_box(groups, choice.place),
    }[choice.kind]()
    if groups.count == 0 or len(wanted) == groups.count:
        return alpha
    kept = np.isin(_nearest(groups), list(wanted)).astype(np.float32)
    # Enlarged smoothly: between two people who nearly touch, the cut shows no steps.
    return alpha * resize(kept, groups.full)


def _group(alpha: Alpha) -> _Groups:
    """Connected parts at 0.5, each piece with the person it belongs to."""
    full = (alpha.shape[0], alpha.shape[1])
    small = resize(alpha, fitted_size(full, _WORK_SIDE)) if max(full) > _WORK_SIDE else alpha
    inside = (small >= PERSON_THRESHOLD).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    owner = np.full(count, -1, np.int32)
    people: list[_Person] = []
    groups = 0
    for label in sorted(range(1, count), key=lambda label: -stats[label, cv2.CC_STAT_AREA]):
        left, top, width, height, area = (int(value) for value in stats[label])
        window = slice(top, top + height), slice(left, left + width)
        size = math.hypot(width, height)
        near = [p for p in people if area <= _PIECE_SHARE * p.area]
        gaps = [float(p.away[window][labels[window] == label].min()) for p in near]
        nearest = min(range(len(gaps)), key=gaps.__getitem__, default=None)
        if nearest is not None and gaps[nearest] <= near[nearest].reach(size):
            owner[label] = near[nearest].number
            continue
        owner[label] = groups
        if area >= _SPECK_PX:
            away = cv2.distanceTransform((labels != label).astype(np.uint8), cv2.DIST_L2, 5)
            people.append(_Person(groups, area, size, away))
        groups += 1
    return _Groups(owner[labels], groups, full)


@dataclass(frozen=True)
class _Person:
    """A group's largest component, at the work size, and how far each pixel is away from it."""

    number: int
    area: int
    diagonal: float
    away: NDArray[np.float32]

    def reach(self, size: float) -> float:
        """How far away a piece of this size may lie; neighbours are one pixel apart."""
        return 1 + min(size, _PIECE_GAP * self.diagonal)


def _nearest(groups: _Groups) -> NDArray[np.int32]:
    """The group that each pixel is nearest to."""
    nobody = (groups.of < 0).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(
        nobody, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(label.max()) + 1, np.int32)
    inside = nobody == 0
    of_label[label[inside]] = groups.of[inside]
    return of_label[label]


def _at(groups: _Groups, place: tuple[Length, ...]) -> int:
    height, width = groups.of.shape
    x = place[0].px(groups.full[1]) * width / groups.full[1]
    y = place[1].px(groups.full[0]) * height / groups.full[0]
    rows, columns = np.nonzero(groups.of >= 0)
    away = np.hypot(rows + 0.5 - y, columns + 0.5 - x)
    if not away.size or away.min() > 1 + _NEAR * max(height, width):
        raise PictureError(f"nobody found at {_spelt(place)}; {_who(groups)}")
    nearest = int(away.argmin())
    return int(groups.of[rows[nearest], columns[nearest]])


def _in_box(groups: _Groups, place: tuple[Length, ...]) -> set[int]:
    height, width = groups.of.shape
    left, right = (place[i].px(groups.full[1]) * width / groups.full[1] for i in (0, 2))
    top, bottom = (place[i].px(groups.full[0]) * height / groups.full[0] for i in (1, 3))
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    whole = np.bincount(groups.of[groups.of >= 0], minlength=groups.count)
    within = np.bincount(groups.of[(groups.of >= 0) & inside], minlength=groups.count)
    if not within.any():
        raise PictureError(f"nobody found in the box {_spelt(place)}; {_who(groups)}")
    chosen = {int(number) for number in np.flatnonzero(within > whole / 2)}
    return chosen or {int(within.argmax())}


def _spelt(place: tuple[Length, ...]) -> str:
    return ",".join(str(length) for length in place)


def _who(groups: _Groups) -> str:
    count = len(groups.people())
    return f"{count} found elsewhere; --report json lists them" if count else "the picture is empty"

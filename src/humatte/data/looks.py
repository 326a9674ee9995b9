"""Which pictures show the same: the same photo cropped, mirrored or recoloured, or the same shoot.

In: pictures with their mattes. Out: pairs of positions. A hash of the whole picture (`fingerprint`)
misses most crops, and takes two people before one white wall for one; so what is compared are
points within the person: where they are, and what is around them. Empty mattes: the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Image, resize
from humatte.console import progress
from humatte.data.fingerprint import fingerprint, near
from humatte.prepare import fitted_size

AGREEING = 18
"""So many points of two people that lie alike mean one photo or shoot. In 4,754 portraits that was
so for every pair, looked at one by one; two people in one pose agree in up to 17 points."""

_LONG_SIDE = 256  # at 192 pixels two people before one wall agree as much as some crops do
_MOST_POINTS = 150
_LEAST_CONTRAST = 0.02  # half of SIFT's default: dark clothes have points too
_EDGE_PX = 5  # of the mask left out: a cut-out edge looks alike before every background
_SEARCHED = 24  # largest points of each picture that are searched for; more find no other pairs
_LOOKS_ALIKE = 0.92  # cosine of two descriptors from which on a point is a hint
_HINTS = 2  # from so many on the two pictures are compared in full
_CLEARER = 0.85  # Lowe 2004: a match is at most so far as the next best, in distance
_REACH_PX = 3.0  # how near a point must land, in pixels of the reduced picture
_ZOOM = 4.0  # between two crops of a photo; farther apart the fit has collapsed to a point
_HASH_BITS = 12  # hashes this near are compared in full: more bits bring few more pairs
_SMALL = 32
_SAME_COLOURS = 5.0  # of 255, mean difference: copies; the nearest two people are at 8.9
_ROWS, _COLUMNS = 1024, 8192  # descriptors compared at once: 32 MB
_MOST_PICTURES = 1 << 31  # a pair of positions in one number

Points = NDArray[np.float32]
Descriptors = NDArray[np.uint8]
Progress = Callable[[], None]


@dataclass(frozen=True)
class Looks:
    """What a picture looks like, for comparing: about 14 kB."""

    hashes: tuple[np.uint64, np.uint64]
    """Fingerprints of the picture and of its mirror image."""
    small: Image
    """(32, 32, 3) uint8, not in proportion."""
    points: Points
    """(N, 2) x and y in pixels of the picture at a long side of 256; the largest first."""
    descriptors: Descriptors
    """(N, 128): what is around each point; 255 times a vector of length 1."""
    width: int
    """Of the reduced picture, in pixels."""


@dataclass(frozen=True)
class Alike:
    """Two pictures, by position, that show the same."""

    first: int
    second: int
    mirrored: bool
    agreeing: int
    """Points of the person that lie alike."""


def describe(image: Image, matte: NDArray[np.uint8]) -> Looks:
    """What the picture (H, W, 3) with its matte (H, W) uint8 looks like.

    Source: Lowe 2004, "Distinctive Image Features from Scale-Invariant Keypoints"; descriptors
    rooted as in Arandjelovic and Zisserman 2012, "Three things everyone should know to improve
    object retrieval".
    """
    size = fitted_size((image.shape[0], image.shape[1]), _LONG_SIDE)
    gray = cv2.cvtColor(resize(image, size), cv2.COLOR_RGB2GRAY)
    inside = (resize(matte, size) > 127).astype(np.uint8)
    inside = np.asarray(cv2.erode(inside, np.ones((_EDGE_PX, _EDGE_PX), np.uint8)))
    mask = inside if inside.any() else np.ones_like(inside)
    sift = cv2.SIFT.create(_MOST_POINTS, contrastThreshold=_LEAST_CONTRAST)
    found, around = sift.detectAndCompute(gray, mask)
    order = sorted(range(len(found)), key=lambda i: (-found[i].size, found[i].pt))
    points = np.array([found[i].pt for i in order], np.float32).reshape(-1, 2)
    around = np.zeros((0, 128), np.float32) if around is None else np.asarray(around)[order]
    rooted = np.sqrt(around / np.maximum(around.sum(axis=1, keepdims=True), 1))
    mirror = np.ascontiguousarray(image[:, ::-1])
    return Looks(
        (fingerprint(image), fingerprint(mirror)),
        resize(image, (_SMALL, _SMALL)),
        points,
        np.rint(rooted * 255).astype(np.uint8),
        size[1],
    )


def find_alike(
    looks: Sequence[Looks], lists: Sequence[int], searches: Sequence[tuple[range, range]]
) -> list[Alike]:
    """Pairs of pictures that show the same, the surest first; with progress on a terminal.

    Every pair of two lists, and of one list enough that all that belong together are linked: of a
    burst of a hundred pictures 99 pairs, not 4,950.

    Args:
        looks: the pictures.
        lists: the number of each picture's list.
        searches: ranges of positions in which crops are looked for too, every picture of the first
            against every later one of the second; elsewhere only pairs with near hashes are found.
            It takes as long as the product of both lengths.
    """
    hints = {*_near_hashes(looks)}
    with progress("searching", sum(_steps(looks, first) for first, _ in searches)) as advance:
        for first, second in searches:
            hints |= {*_near_points(looks, first, second, advance)}
    found: dict[tuple[int, int], Alike] = {}
    group = np.arange(len(looks))
    with progress("comparing", len(hints)) as advance:
        for i, j, mirrored in sorted(hints):
            advance()
            if group[i] == group[j] and lists[i] == lists[j]:
                continue
            agreeing = _surely(looks[i], looks[j], mirrored)
            same = agreeing >= AGREEING or _same_colours(looks[i], looks[j], mirrored)
            if same and ((i, j) not in found or agreeing > found[i, j].agreeing):
                found[i, j] = Alike(i, j, mirrored, agreeing)
                group[group == group[j]] = group[i]
    return sorted(found.values(), key=lambda pair: (-pair.agreeing, pair.first, pair.second))


def _steps(looks: Sequence[Looks], first: range) -> int:
    """How often `_near_points` reports progress."""
    count = sum(min(_SEARCHED, len(looks[i].points)) for i in first)
    return 2 * -(-count // _ROWS)


def agreement(one: Looks, other: Looks, mirrored: bool = False) -> int:
    """How many points of both lie alike, up to a shift, turn and zoom; `other` mirrored or not.

    Whichever of the two comes first, nearly the same; `find_alike` asks both ways.
    """
    if min(len(one.points), len(other.points)) < 4:
        return 0
    to, around = other.points, other.descriptors
    if mirrored:
        to, around = _mirrored_points(other), _mirrored(around)
    matches = _matches(one.descriptors, around)
    if len(matches[0]) < 4:
        return 0
    fit, agree = cv2.estimateAffinePartial2D(
        one.points[matches[0]], to[matches[1]], ransacReprojThreshold=_REACH_PX
    )
    if fit is None:
        return 0
    zoom = float(np.hypot(fit[0, 0], fit[1, 0]))
    return int(agree.sum()) if 1 / _ZOOM < zoom < _ZOOM else 0


def _surely(one: Looks, other: Looks, mirrored: bool) -> int:
    """The agreement both ways, the smaller; faces of two people may agree one way by chance."""
    there = agreement(one, other, mirrored)
    return min(there, agreement(other, one, mirrored)) if there >= AGREEING else there


def _matches(ours: Descriptors, theirs: Descriptors) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of descriptors that are each other's nearest, and clearly nearer than the next."""
    alike = _floats(ours) @ _floats(theirs).T
    best, back = alike.argmax(axis=1), alike.argmax(axis=0)
    nearest, next_best = np.sort(alike, axis=1)[:, :-3:-1].T
    # Squared distances of unit vectors are 2 - 2 cosines.
    clear = 1 - nearest < _CLEARER**2 * (1 - next_best)
    mine = np.flatnonzero((back[best] == np.arange(len(ours))) & clear)
    return mine, best[mine]


def _same_colours(one: Looks, other: Looks, mirrored: bool) -> bool:
    """Whether they are copies: for pictures with too few points to tell."""
    theirs = other.small[:, ::-1] if mirrored else other.small
    return float(np.abs(one.small.astype(np.float32) - theirs).mean()) <= _SAME_COLOURS


def _near_hashes(looks: Sequence[Looks]) -> Iterator[tuple[int, int, bool]]:
    plain, mirrored = (np.array([one.hashes[k] for one in looks], np.uint64) for k in (0, 1))
    for others, flipped in ((plain, False), (mirrored, True)):
        for i, j in zip(*near(plain, others, _HASH_BITS), strict=True):
            if i < j:
                yield int(i), int(j), flipped


def _near_points(
    looks: Sequence[Looks], first: range, second: range, on_progress: Progress
) -> Iterator[tuple[int, int, bool]]:
    """Pairs of pictures in which several of the largest points look alike."""
    rows, owners = _gathered(looks, first)
    columns, others = _gathered(looks, second)
    values = _floats(columns)
    for flipped in (False, True):
        ours = _floats(_mirrored(rows) if flipped else rows)
        hits = [np.zeros(0, np.int64)]
        for top in range(0, len(rows), _ROWS):
            hits += _hits(ours[top : top + _ROWS], values, owners[top : top + _ROWS], others)
            on_progress()
        pairs, count = np.unique(np.concatenate(hits), return_counts=True)
        for i, j in zip(*np.divmod(pairs[count >= _HINTS], _MOST_PICTURES), strict=True):
            yield int(i), int(j), flipped


def _hits(
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    owners: NDArray[np.int64],
    others: NDArray[np.int64],
) -> Iterator[NDArray[np.int64]]:
    """A pair of pictures (`_MOST_PICTURES` x first + second) for each row that the second has."""
    found = [np.zeros(0, np.int64)]
    for left in range(0, len(columns), _COLUMNS):
        right = min(left + _COLUMNS, len(columns))
        if others[right - 1] > owners[0]:  # else each pair was seen from its earlier picture
            alike = np.flatnonzero(rows @ columns[left:right].T > _LOOKS_ALIKE)
            row, column = np.divmod(alike, right - left)
            found.append(row * _MOST_PICTURES + others[left + column])
    # A point of the one counts once for the other, however many it resembles there.
    row, other = np.divmod(np.unique(np.concatenate(found)), _MOST_PICTURES)
    later = other > owners[row]
    yield owners[row[later]] * _MOST_PICTURES + other[later]


def _gathered(looks: Sequence[Looks], which: range) -> tuple[Descriptors, NDArray[np.int64]]:
    """The searched descriptors of these pictures, and the position of each one's picture."""
    parts = [looks[i].descriptors[:_SEARCHED] for i in which]
    owners = np.repeat(np.array(which, np.int64), [len(part) for part in parts])
    return np.concatenate([np.zeros((0, 128), np.uint8), *parts]), owners


def _floats(descriptors: Descriptors) -> NDArray[np.float32]:
    return descriptors.astype(np.float32) / np.float32(255)


def _mirrored(descriptors: Descriptors) -> Descriptors:
    """What the same points have around them in the mirror image.

    A descriptor is 4 x 4 histograms of 8 directions, laid along the point's own direction: a mirror
    swaps the sides of that, and the sense in which directions turn.
    """
    grid = descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    return np.ascontiguousarray(grid[..., -np.arange(8) % 8]).reshape(-1, 128)


def _mirrored_points(one: Looks) -> Points:
    flipped = one.points.copy()
    flipped[:, 0] = one.width - 1 - flipped[:, 0]
    return flipped

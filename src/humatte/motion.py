"""What two frames have in common: what stood still, what moved where, whether the scene was cut.

In: pictures of one clip. Out: small maps that say how far the past holds, pixel by pixel. Looks at
small pictures only, brought to equal brightness and contrast: its time does not grow with the
clip's size, and a lamp that flickers changes nothing. Never looks at a matte.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Image, resize, to_float
from humatte.prepare import fitted_size

Floats = NDArray[np.float32]

LONG_SIDE_PX = 320
"""Of the small pictures. All other lengths here are in their pixels."""
_LEAST_SIDE_PX = 24  # optical flow needs a few of its patches, and `_local` windows
_SPREAD = 0.25  # standard deviation of a small picture's colours
_LEAST_SPREAD = 0.06  # a flat picture is not stretched beyond this: it would be noise
_GRAY_SPAN = 200  # of 255, for one unit of colour: two spreads fit on both sides of the middle
# Changes below the camera's noise are none. The noise is what half of the pixels change by at most.
_NOISE_FACTOR, _LEAST_NOISE, _MOST_NOISE = 1.5, 0.01, 0.05
_STILL_NOISES, _MOVED_NOISES = 0.7, 1.0  # trust falls from 1 to 0 between once and twice that
# What moves near a pixel changes its matte: a network's edge is as wide.
_STILL_REACH_PX, _MOVED_REACH_PX = 9, 3
_ROUND_TRIP_PX, _ROUND_TRIP_SHARE = 0.5, 0.02  # of the way: what there and back may differ by
_TEAR_REACH_PX, _TEAR_PX = 7, 0.5  # flows that differ more within reach: one side hides the other
# Shares of pixels that nothing explains, measured: 0.70 and more at cuts, below 0.45 within scenes.
_LOST = 0.6
# Below this likeness, two pictures show two places; measured: 0.42 at most; under a flash 0.56.
_ALIKE = 0.5
_SHARED = 0.4  # of a picture: fewer pixels are alike by chance
_THUMB_PX, _LOCAL_PX, _LOCAL_FLOOR = 96, 9, 4.0


@dataclass(frozen=True)
class Sight:
    """A frame as this module sees it: colour (h, w, 3) float32, mean 0, and gray (h, w) uint8."""

    colour: Floats
    gray: Image

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.gray.shape[0], self.gray.shape[1]


@dataclass(frozen=True)
class Motion:
    """What the past is worth to a frame; maps (h, w) float32 in [0, 1], of a sight's size.

    `still`: nothing has changed here or near. `flow` (h, w, 2), in pixels of the sight: where a
    pixel was in the frame before, across and down; `trust`: how far that is to be believed, 0 at
    what comes out from behind something else. `lost`: most of the
    frame has no past that could be found.
    """

    still: Floats
    flow: Floats
    trust: Floats
    lost: bool


def look(image: Image) -> Sight:
    """The sight of an image (H, W, 3) uint8."""
    size = (image.shape[0], image.shape[1])
    height, width = fitted_size(size, min(LONG_SIDE_PX, max(size)))
    inner = max(_LEAST_SIDE_PX, height), max(_LEAST_SIDE_PX, width)
    colour = to_float(resize(image, inner))
    colour -= colour.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    colour *= np.float32(_SPREAD / max(float(colour.std(dtype=np.float64)), _LEAST_SPREAD))
    gray = np.clip(np.rint(128 + _GRAY_SPAN * colour.mean(axis=2)), 0, 255).astype(np.uint8)
    return Sight(cv2.blur(colour, (3, 3)), gray)


def compare(now: Sight, before: Sight, lasting: Floats) -> Motion:
    """What a frame has in common with the one before.

    Args:
        now: the frame.
        before: the one before, of the same size.
        lasting: (h, w, 3) float32, the mean of the colours of the frames for which each pixel has
            stood still. Slow motion, which no two frames show, is a change against that.

    Source: the flow is Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"; the
    check there and back as Sundaram et al. 2010, "Dense Point Trajectories by GPU-accelerated
    Large Displacement Optical Flow", eq. 5, in lengths instead of squares.
    """
    back, ahead = _flow(now.gray, before.gray), _flow(before.gray, now.gray)
    moved, stood = _change(now.colour, warp(before.colour, back)), _change(now.colour, lasting)
    plain = np.minimum(moved, stood)
    noise = np.clip(_NOISE_FACTOR * float(np.median(plain)), _LEAST_NOISE, _MOST_NOISE)
    still = _falling(_near(stood, _STILL_REACH_PX) / (_STILL_NOISES * noise))
    back_again = np.linalg.norm(back + warp(ahead, back), axis=2)
    bound = _ROUND_TRIP_PX + _ROUND_TRIP_SHARE * np.linalg.norm(back, axis=2)
    agree = _falling(back_again / bound)
    explained = (still > 0) | ((agree > 0) & (plain <= 2 * _MOST_NOISE))
    same = _falling(_near(moved, _MOVED_REACH_PX) / (_MOVED_NOISES * noise))
    trust = (same * agree * _untorn(back) * _inside(back)).astype(np.float32)
    return Motion(still, back, trust, 1 - float(explained.mean()) >= _LOST)


def same_scene(now: Sight, before: Sight) -> bool:
    """Whether two frames that `compare` finds lost from each other show one place all the same.

    They do if they are alike in structure: one was lit by a flash, or the camera was swung by less
    than what it sees. The swing is found by phase correlation (Kuglin and Hines 1975, "The Phase
    Correlation Image Alignment Method").
    """
    size = fitted_size(now.size, min(_THUMB_PX, max(now.size)))
    one, two = (resize(sight.gray, size).astype(np.float32) for sight in (now, before))
    window = cv2.createHanningWindow((size[1], size[0]), cv2.CV_32F)
    (across, down), _ = cv2.phaseCorrelate(one, two, window)
    shared = _overlap(one, two, round(down), round(across))
    return shared[0].size >= _SHARED * one.size and _likeness(*shared) >= _ALIKE


def warp(values: Floats, flow: Floats, interpolation: int = cv2.INTER_LINEAR) -> Floats:
    """Values (H, W) or (H, W, C) fetched from where a flow (h, w, 2), enlarged, says they were.

    Beyond the edge the edge is repeated.
    """
    height, width = values.shape[:2]
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    places = np.asarray(resize(flow, (height, width)), np.float32) * scale
    places[..., 0] += np.arange(width, dtype=np.float32)
    places[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    edge = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(values, places, None, interpolation, borderMode=edge))


def _flow(now: Image, before: Image) -> Floats:
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    finder.setFinestScale(1)  # half the size: the preset's quarter blurs what an arm does
    return np.asarray(finder.calc(now, before, None))


def _change(one: Floats, other: Floats) -> Floats:
    """How much the colours (h, w, 3) differ: the channel that differs most (h, w)."""
    return np.asarray(cv2.blur(cv2.absdiff(one, other).max(axis=2), (3, 3)))


def _near(change: Floats, reach: int) -> Floats:
    """The largest change within a window of `reach` pixels."""
    return np.asarray(cv2.dilate(change, np.ones((reach, reach), np.uint8)))


def _falling(ratio: NDArray[np.floating]) -> Floats:
    """1 up to a ratio of 1, 0 from 2 on."""
    return np.clip(2 - ratio, 0, 1).astype(np.float32)


def _untorn(flow: Floats) -> Floats:
    """1 where all around moves alike, 0 where one thing slides before another."""
    window = np.ones((_TEAR_REACH_PX, _TEAR_REACH_PX), np.uint8)
    return _falling((cv2.dilate(flow, window) - cv2.erode(flow, window)).max(axis=2) / _TEAR_PX)


def _inside(flow: Floats) -> NDArray[np.bool_]:
    """Whether a pixel was in the picture before."""
    height, width = flow.shape[:2]
    across = flow[..., 0] + np.arange(width)
    down = flow[..., 1] + np.arange(height)[:, None]
    return (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)


def _overlap(one: Floats, two: Floats, down: int, across: int) -> tuple[Floats, Floats]:
    """The parts of two thumbnails that show the same, if the second is shifted by so much."""
    height, width = one.shape
    rows, columns = height - abs(down), width - abs(across)
    return (
        one[max(0, -down) :, max(0, -across) :][:rows, :columns],
        two[max(0, down) :, max(0, across) :][:rows, :columns],
    )


def _likeness(one: Floats, two: Floats) -> float:
    """Correlation of the structure of two thumbnails, -1 to 1, whatever their light."""
    if min(one.shape) < _LOCAL_PX:
        return 0.0
    first, second = _structure(one), _structure(two)
    length = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / length if length else 0.0


def _structure(thumb: Floats) -> Floats:
    """A thumbnail (h, w), its light and contrast made equal everywhere."""
    window = (_LOCAL_PX, _LOCAL_PX)
    centred = thumb - cv2.blur(thumb, window)
    return np.asarray(centred / (np.sqrt(cv2.blur(centred * centred, window)) + _LOCAL_FLOOR))

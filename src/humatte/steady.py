"""Mattes of a clip, frame by frame, that do not flicker.

In: frames in order. Out: a matte for each, at once. Where the picture stands still, so does the
matte: a running mean, of the whole matte. Where it moves, and it is clear from where, what was
there before counts a little, before edges are drawn after the picture. Where anything else has
changed, the frame speaks for itself alone: nothing lags, nothing leaves a ghost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, Size, check_image, resize
from humatte.errors import UsageError
from humatte.matting import REFINEMENT, Refinement, matte, matte_through, refinement
from humatte.motion import Motion, Sight, compare, look, same_scene, warp
from humatte.network import Network

Floats = NDArray[np.float32]

# Frames that a mean holds at most. Longer ones flicker less, and are slower to take it up when the
# network changes its mind: benchmarks/steady.py.
_STILL_FRAMES, _MOVED_FRAMES = 6, 3
_HELD_FRAMES = 2  # through so many frames of a flash the past is kept


@dataclass(frozen=True)
class _Mean:
    """A matte that is the mean of several frames' (H, W), and of how many, pixel by pixel (h, w).

    The counts are as large as a sight; none is below 1.
    """

    alpha: Alpha
    frames: Floats

    def with_next(self, alpha: Alpha, trust: Floats, most: int) -> _Mean:
        """The mean with one more frame, the past counting as far as it is trusted (h, w)."""
        frames = np.minimum(self.frames, most - 1) * trust
        share = resize(frames / (frames + 1), (alpha.shape[0], alpha.shape[1]))
        mean = self.alpha - alpha
        mean *= share
        mean += alpha
        # Between two values of [0, 1], but for the rounding.
        return _Mean(np.clip(mean, 0, 1, out=mean), frames + 1)

    def moved(self, flow: Floats) -> _Mean:
        """The mean as it would be now, carried along by a motion."""
        alpha = warp(self.alpha, flow, cv2.INTER_CUBIC)  # bilinear, again and again, would blur
        return _Mean(np.clip(alpha, 0, 1, out=alpha), warp(self.frames, flow))


@dataclass(frozen=True)
class _Past:
    """The frames so far: the last one's sight, and means of what they looked like and gave.

    `lasting` has the colours, `full` the mattes of the frames for which a pixel has stood still;
    `small` the smaller mattes, carried along with what moves. `held` counts frames of a flash.
    """

    size: Size
    sight: Sight
    lasting: Floats
    full: _Mean
    small: _Mean
    held: int = 0


def is_steady(word: str | None) -> bool:
    """Whether `--steady` asks for it: on, off, or None, which is on.

    Raises:
        UsageError: another word.
    """
    if word not in (None, "on", "off"):
        raise UsageError(f"unknown --steady '{word}'; expected on or off")
    return word != "off"


class VideoMatte:
    """Mattes of successive frames of one clip, steadied over time.

    Keeps one frame's maps: memory does not grow with the clip. Not for several threads: frames come
    in order. The same frames give the same mattes.
    """

    def __init__(
        self, network: Network, *, refine: Refinement = REFINEMENT, steady: bool = True
    ) -> None:
        """Begins a clip.

        Args:
            network: an open network.
            refine: as in `humatte.matte`.
            steady: if not, every frame's matte is `humatte.matte`'s.

        Raises:
            UsageError: an unknown refinement.
        """
        self._network, self._refine, self._steady = network, refinement(refine), steady
        self._past: _Past | None = None

    def __call__(self, image: Image) -> Alpha:
        """The matte (H, W) float32 in [0, 1] of the next frame (H, W, 3) uint8 RGB.

        The past is forgotten at a scene cut and when the size changes. The matte is the caller's.

        Raises:
            UsageError: anything but an image (H, W, 3) uint8.
        """
        if not self._steady:
            return matte(image, self._network, self._refine)
        check_image(image)
        size, sight, past = (image.shape[0], image.shape[1]), look(image), self._past
        if past is None or past.size != size:
            return self._begin(image, sight)
        motion = compare(sight, past.sight, past.lasting)
        if not motion.lost:
            return self._go_on(image, sight, past, motion)
        if past.held == _HELD_FRAMES or not same_scene(sight, past.sight):
            return self._begin(image, sight)
        self._past = replace(past, held=past.held + 1)
        return matte(image, self._network, self._refine)

    def reset(self) -> None:
        """Forgets the past: another clip, or another place in this one."""
        self._past = None

    def _begin(self, image: Image, sight: Sight) -> Alpha:
        ones = np.ones(sight.size, np.float32)
        alpha, small = self._look(image, lambda small: _Mean(small, ones))
        size = (image.shape[0], image.shape[1])
        self._past = _Past(size, sight, sight.colour, _Mean(alpha, ones), small)
        return alpha.copy()

    def _go_on(self, image: Image, sight: Sight, past: _Past, motion: Motion) -> Alpha:
        trust = motion.trust * (1 - motion.still)  # what stands still has its own mean, of the end
        alpha, small = self._look(
            image,
            lambda small: past.small.moved(motion.flow).with_next(small, trust, _MOVED_FRAMES),
        )
        full = past.full.with_next(alpha, motion.still, _STILL_FRAMES)
        lasting = past.lasting + (sight.colour - past.lasting) / full.frames[..., None]
        self._past = _Past(past.size, sight, lasting, full, small)
        return full.alpha.copy()

    def _look(self, image: Image, steadied: Callable[[Alpha], _Mean]) -> tuple[Alpha, _Mean]:
        """The frame's matte, its small one steadied before it is drawn at full size; and that."""
        kept: list[_Mean] = []

        def change(small: Alpha) -> Alpha:
            kept.append(steadied(small))
            return kept[0].alpha

        return matte_through(image, self._network, self._refine, change), kept[0]

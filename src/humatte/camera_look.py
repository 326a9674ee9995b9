"""What is made of a camera's picture: its person over the chosen background, mirrored or not.

In: a picture. Out: the picture, its matte, straight colours, and the composite. Quick ways
throughout: the network at its own size, edges after the picture, colours as for video.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from humatte.arrays import Alpha, Image, Size
from humatte.composite import Background, backdrop, fitted, over, parse_background
from humatte.foreground import quick_foreground

USUAL = ("none", "blur", "gray", "green")
"""The backgrounds that the keys go through after those that were asked for."""


@dataclass(frozen=True, eq=False)
class Made:
    """One picture and what was made of it; all (H, W).

    `image` is the picture (H, W, 3), mirrored if that was asked for; `foreground` has straight
    colours; `laid` is the person over the background, or None where that is transparent.
    """

    image: Image
    alpha: Alpha
    foreground: Image
    laid: Image | None

    def over(self, instead: Image) -> Image:
        """The composite; over another image (H, W, 3) or colour (1, 1, 3) where transparent."""
        return over(self.foreground, self.alpha, instead) if self.laid is None else self.laid


class Look:
    """Makes pictures; remembers which background is chosen, and whether to mirror.

    Args:
        matte: a function of an image (H, W, 3) that gives its alpha (H, W), frames in order.
        specs: backgrounds, as in `--background`; the first one is shown first. The usual ones
            follow.
        mirror: left and right changed, as in a mirror. A background picture is not.

    Raises:
        UsageError, PictureError: as `parse_background`.
    """

    def __init__(
        self, matte: Callable[[Image], Alpha], specs: Sequence[str] = (), *, mirror: bool = False
    ) -> None:
        self._matte, self.mirror = matte, mirror
        self._specs = list(dict.fromkeys([*specs, *USUAL]))
        self._backgrounds = [parse_background(spec) for spec in self._specs]
        self._chosen = 0
        self._fitted: tuple[int, Size, Background] | None = None

    @property
    def background(self) -> str:
        """The chosen background, as it was asked for."""
        return self._specs[self._chosen]

    def turn(self, steps: int) -> None:
        """Goes on to the next background (1), or back to the one before (-1)."""
        self._chosen = (self._chosen + steps) % len(self._specs)

    def choose(self, kind: str) -> None:
        """Chooses the first background of a usual kind: `blur` is also `blur:20`."""
        kinds = [spec.partition(":")[0] for spec in self._specs]
        self._chosen = kinds.index(kind)

    def __call__(self, image: Image) -> Made:
        """What is made of the next picture (H, W, 3) uint8 RGB."""
        alpha = self._matte(image)
        if self.mirror:  # afterwards: to what remembers earlier pictures, the scene is the same
            image, alpha = np.asarray(cv2.flip(image, 1)), np.asarray(cv2.flip(alpha, 1))
        foreground = quick_foreground(image, alpha)
        background = self._background((image.shape[0], image.shape[1]))
        if background.none:
            return Made(image, alpha, foreground, None)
        laid = over(foreground, alpha, backdrop(background, image, alpha))
        return Made(image, alpha, foreground, laid)

    def _background(self, size: Size) -> Background:
        """The chosen one; a picture is fitted once, not for every frame."""
        background = self._backgrounds[self._chosen]
        if background.picture is None:
            return background
        if self._fitted is None or self._fitted[:2] != (self._chosen, size):
            self._fitted = self._chosen, size, fitted(background, size)
        return self._fitted[2]

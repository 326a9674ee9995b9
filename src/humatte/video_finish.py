"""One frame, finished: its matte corrected, its colours freed of the old background, composed.

In: a frame and the network's matte of it. Out: the frame that is written, and its matte as a frame.
What pictures go through in `humatte.finish`, but for all that would move from frame to frame, and
at the cost that a clip can bear.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np

from humatte.arrays import Alpha, Image, Size, resize, to_bytes
from humatte.clip import SQUARE, Frame, squared
from humatte.colour import premultiply
from humatte.composite import Background, backdrop, fitted, over, over_white, with_alpha
from humatte.errors import PictureError
from humatte.finish import with_effects
from humatte.foreground import quick_foreground
from humatte.hints import NO_HINTS, Hints, guided
from humatte.matting import has_person
from humatte.parts import choose
from humatte.video_behind import Behind
from humatte.video_options import ClipOptions


@dataclass(frozen=True, eq=False)
class Finished:
    """What is made of one frame: what is written, its matte, and whether a person is there."""

    shown: Frame
    matte: Frame | None
    """Gray, as an image (H, W, 3); only where it is asked for."""
    person_found: bool
    share: float
    """The matte's mean."""


class Finisher:
    """Finishes the frames of one clip, in their order.

    Args:
        options: what is asked for.
        hints: of every frame alike.
        exact: colours are 0 where nobody is, for formats that keep every byte; else they go on
            beyond the person, so that lossy codecs mix in nothing foreign.
        behind: the background clip, if there is one.
        want_matte: whether a second clip with the mattes is written.
        pixel_aspect: width by height of the frames' pixels as they are shown.
    """

    def __init__(
        self,
        options: ClipOptions,
        hints: Hints = NO_HINTS,
        *,
        exact: bool = False,
        behind: Behind | None = None,
        want_matte: bool = False,
        pixel_aspect: Fraction = SQUARE,
    ) -> None:
        self._aspect = pixel_aspect
        self._look, self._hints = options.look, hints
        self._behind, self._fit = behind, options.fit
        self._exact, self._want_matte = exact, want_matte
        self._background: Background | None = None
        self.origin: Fraction | None = None
        """The moment at which the background clip begins; None = at the next frame."""

    def __call__(self, frame: Frame, raw: Alpha) -> Finished:
        """The finished frame.

        Args:
            frame: as it was read.
            raw: the network's matte (H, W) of the frame as it is seen.

        Raises:
            UsageError: a hint of other proportions than the clip.
            VideoError: the background clip cannot be read.
        """
        found = guided(raw, self._hints)
        alpha = found if frame.alpha is None else found * frame.alpha
        alpha = self._chosen(alpha)
        gray = self._want_matte or self._look.alpha_only
        matte = replace(frame, rgb=_gray(alpha), alpha=None) if gray else None
        alone = matte if self._look.alpha_only else None
        return Finished(
            alone or self._composed(frame, found, alpha),
            matte if self._want_matte else None,
            has_person(alpha),
            float(alpha.mean(dtype=np.float64)),
        )

    def _chosen(self, alpha: Alpha) -> Alpha:
        if self._look.person is None:
            return alpha
        try:
            return choose(alpha, self._look.person)
        except PictureError:  # they are not there now: of a clip, that is no failure
            return np.zeros_like(alpha)

    def _composed(self, frame: Frame, found: Alpha, alpha: Alpha) -> Frame:
        lossy = self._look.transparent and not self._exact
        rgb = quick_foreground(frame.rgb, found, outward=lossy)
        shape = alpha
        if self._look.effects.any:
            rgb, alpha = with_effects(rgb, alpha, self._look.effects, max(frame.size))
        if not self._look.background.none:
            return replace(frame, rgb=over(rgb, alpha, self._backdrop(frame, shape)), alpha=None)
        if self._look.premultiplied:
            pixels = premultiply(with_alpha(rgb, alpha))
            rgb = np.ascontiguousarray(pixels[..., :3])
        elif self._exact:
            rgb = np.ascontiguousarray(with_alpha(rgb, alpha)[..., :3])
        return replace(frame, rgb=rgb, alpha=alpha)

    def _backdrop(self, frame: Frame, shape: Alpha) -> Image:
        if self._behind:
            if self.origin is None:
                self.origin = frame.time
            return self._behind.at(frame.time - self.origin)
        if self._background is None:  # fitted once, not for each frame
            self._background = self._fitted(frame.size)
        return backdrop(self._background, over_white(frame.rgb, frame.alpha), shape)

    def _fitted(self, size: Size) -> Background:
        """The background at a size: not distorted once the frame is shown."""
        found = fitted(self._look.background, squared(size, self._aspect))
        if found.picture is None:
            return found
        return replace(found, picture=resize(found.picture, size))


def _gray(alpha: Alpha) -> Image:
    return np.asarray(cv2.cvtColor(to_bytes(alpha), cv2.COLOR_GRAY2RGB))

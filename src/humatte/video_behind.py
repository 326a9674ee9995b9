"""A clip as the background of another: at every moment the frame that is to be seen, looped.

Read along with the clip in front, one frame at a time: in constant memory.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from humatte import video_io
from humatte.arrays import Image, Size, resize
from humatte.clip import SQUARE, Frame, Looked, squared, unlooked
from humatte.composite import fit, over_white
from humatte.video_writer import USUAL_RATE


class Behind:
    """The frames of a background clip, as large as those in front.

    It begins with the first frame in front, goes at its own speed, begins anew at its end, and
    stops when the clip in front does. Where it is transparent, white shows. Its sound is left out.

    Args:
        path: the clip.
        size: (height, width) of the frames in front.
        how: how it fills them: one of `humatte.composite.FITS`.
        pixel_aspect: width by height of the pixels in front, as they are shown.
        looked: called for every frame that is decoded; stops it by raising.

    Raises:
        VideoError: it cannot be read.
    """

    def __init__(
        self,
        path: Path,
        size: Size,
        how: str,
        pixel_aspect: Fraction = SQUARE,
        looked: Looked = unlooked,
    ) -> None:
        self._reader = video_io.read(path, square=True)
        self._size, self._how, self._looked = size, how, looked
        self._seen = squared(size, pixel_aspect)
        self._frames = self._reader.frames(looked=looked)
        self._first = self._now = next(self._frames)
        self._next: Frame | None = next(self._frames, None)
        self._round = Fraction(0)  # when, in seconds, this round began
        self._length: Fraction | None = None  # of a round, once it is known
        self._shown: tuple[Frame, Image] | None = None

    @property
    def notices(self) -> list[str]:
        """What could not be read as it is."""
        return self._reader.notices

    def at(self, seconds: Fraction) -> Image:
        """The image (H, W, 3) at a moment, counted from the first frame in front; never goes back.

        Raises:
            VideoError: it cannot be read.
        """
        self._skip_rounds(seconds)
        while self._end() <= seconds:
            self._step()
            self._skip_rounds(seconds)
        if self._shown is None or self._shown[0] is not self._now:
            self._shown = self._now, self._fitted(self._now)
        return self._shown[1]

    def _end(self) -> Fraction:
        """When the frame shown now ends."""
        if self._next is not None:
            return self._round + self._next.time - self._first.time
        return self._round + self._now.time - self._first.time + self._last_one_lasts()

    def _last_one_lasts(self) -> Fraction:
        return self._now.seconds or 1 / (self._reader.clip.rate or Fraction(USUAL_RATE))

    def _step(self) -> None:
        if self._next is not None:
            self._now, self._next = self._next, next(self._frames, None)
            return
        self._length = self._end() - self._round
        self._round += self._length
        self._frames = self._reader.frames(looked=self._looked)
        self._now = next(self._frames)
        self._next = next(self._frames, None)

    def _skip_rounds(self, seconds: Fraction) -> None:
        """Once the length is known, whole rounds need not be decoded."""
        if self._length:
            left = (seconds - self._round) // self._length
            if left > 1:
                self._round += (left - 1) * self._length

    def _fitted(self, frame: Frame) -> Image:
        return resize(fit(over_white(frame.rgb, frame.alpha), self._seen, self._how), self._size)

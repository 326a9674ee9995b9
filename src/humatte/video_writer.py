"""What all writers of frames share: their settings, their order, how they end.

A file that was left by Ctrl-C is ended as a whole, shorter one.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import Self

import av

from humatte.clip import SQUARE, UNSAID, Clip, Colours, Frame, check_frame
from humatte.errors import OutputError, UsageError, one_line

USUAL_RATE = 25


@dataclass(frozen=True)
class Settings:
    """How a clip is written.

    Args:
        rate: frames a second on average, for encoders that budget by it; None = 25.
        origin: the second of the frames' own times that becomes 0; None = that of the first frame.
        pixel_aspect: width by height of a pixel as shown.
        colours: primaries and transfer of the RGB values; unspecified = those of the matrix.
        metadata: title, artist and the like.
        lossless: WebM and WebP: no loss but that of 4:2:0 chroma in WebM. Files get large.
        gray: the frames are mattes, their three channels alike: PNG and raw bytes hold one.
    """

    rate: Fraction | None = None
    origin: Fraction | None = Fraction(0)
    pixel_aspect: Fraction = SQUARE
    colours: Colours = UNSAID
    metadata: dict[str, str] = field(default_factory=dict)
    lossless: bool = False
    gray: bool = False

    @classmethod
    def of(cls, clip: Clip, *, cut: bool = False, lossless: bool = False) -> Settings:
        """Those of a clip that is read: `cut` if its beginning was left out."""
        return cls(
            rate=clip.rate,
            origin=None if cut else clip.start,
            pixel_aspect=clip.pixel_aspect,
            colours=clip.colours,
            metadata=dict(clip.metadata),
            lossless=lossless,
        )


class Writer(ABC):
    """Writes frames in order of time; a context manager.

    Leaving the `with` block closes the file, also when it was left by Ctrl-C: what was written till
    then is a whole, shorter file. Any other error leaves nothing behind. `notices` are lines for a
    person about what the format could not hold.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self.origin = Fraction(0)
        self._held: Frame | None = None
        self._shown = Fraction(0)  # how long the frame before was shown

    def write(self, frame: Frame) -> None:
        """Takes the next frame. It is written when the one after it tells how long it lasts.

        Raises:
            UsageError: another size than the first, alpha where the first had none or the other
                way round, a time not after the one before.
            OutputError: it cannot be written.
        """
        check_frame(frame)
        held = self._held
        with self._explained():
            if held is None:
                origin = self.settings.origin
                self.origin = frame.time if origin is None else min(origin, frame.time)
                self._begin(frame)
            else:
                _check_next(held, frame)
                self._shown = frame.time - held.time
                self._held = frame  # first: after Ctrl-C in `_put`, no frame is put twice
                self._put(held, self._shown)
        self._held = frame

    def close(self, *, interrupted: bool = False) -> None:
        """Writes what is held back and ends the file.

        Sound after the last picture stays out of one that was interrupted.

        Raises:
            OutputError: no frame was written, or it cannot be ended.
        """
        held, self._held = self._held, None
        if held is None:
            self.abort()
            raise OutputError(f"{self}: no frame came, so nothing was written")
        lasts = held.seconds or self._shown or 1 / (self.settings.rate or Fraction(USUAL_RATE))
        try:
            with self._explained():
                self._put(held, lasts)
                self._end(held.time + lasts if interrupted else None)
        except BaseException:
            self.abort()
            raise

    @abstractmethod
    def abort(self) -> None:
        """Leaves nothing behind."""

    @abstractmethod
    def _begin(self, frame: Frame) -> None:
        """Opens the file for frames like this one."""

    @abstractmethod
    def _put(self, frame: Frame, seconds: Fraction) -> None:
        """Writes a frame that is shown for so long."""

    @abstractmethod
    def _end(self, until: Fraction | None) -> None:
        """Ends the file, its sound too; at this moment of the frames' own times if given."""

    def _note_aspect(self, format_name: str) -> None:
        """Says that pixels which are not square will look so."""
        aspect = self.settings.pixel_aspect
        if aspect != 1:
            self.notices.append(
                f"{self}: {format_name} has square pixels; the clip's are {aspect} as wide as "
                "high, so it will look stretched: read it with square=True"
            )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise OutputError(f"{self}: nobody reads it any more") from None
        except (av.FFmpegError, OSError) as error:
            reason = error.strerror or one_line(error)
            raise OutputError(f"{self}: cannot be written ({reason}); choose another -o") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or (issubclass(kind, KeyboardInterrupt) and self._held is not None):
            self.close(interrupted=kind is not None)
        else:
            self.abort()


def _check_next(held: Frame, frame: Frame) -> None:
    if frame.size != held.size or (frame.alpha is None) != (held.alpha is None):
        raise UsageError(
            f"expected a frame like the one before ({held.size}, alpha: {held.alpha is not None}), "
            f"found {frame.size}, alpha: {frame.alpha is not None}"
        )
    if frame.time <= held.time:
        raise UsageError(
            f"expected a frame after {float(held.time):g} seconds, found one at "
            f"{float(frame.time):g}"
        )

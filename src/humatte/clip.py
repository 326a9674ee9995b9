"""What the stages of video hand to each other: one frame, the facts of a clip, the part wanted.

Times are exact: an integer `pts` times a rational `time_base`, both in seconds. Nothing here
decodes or encodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Protocol

from humatte.arrays import Alpha, Image, Size, check_alpha, check_image
from humatte.errors import UsageError

# Values of ITU-T H.273 that say "not known".
UNSPECIFIED = 2


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a clip, upright.

    `rgb` is an image (H, W, 3) uint8; `alpha` (H, W) float32 in [0, 1], or None without
    transparency; colours are straight. It is shown from `pts * time_base` seconds on, for
    `duration` ticks of the time base (0 = not known).
    """

    rgb: Image
    pts: int
    time_base: Fraction
    alpha: Alpha | None = None
    duration: int = 0

    @property
    def time(self) -> Fraction:
        """The moment from which it is shown, in seconds."""
        return self.pts * self.time_base

    @property
    def seconds(self) -> Fraction:
        """How long it is shown, in seconds; 0 = not known."""
        return self.duration * self.time_base

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def check_frame(frame: Frame) -> Frame:
    """Returns the frame if its arrays keep the array contract and its time base is a time.

    Raises:
        UsageError: anything else; the message says what was found.
    """
    check_image(frame.rgb)
    if frame.alpha is not None:
        check_alpha(frame.alpha, frame.size)
    if frame.time_base <= 0:
        raise UsageError(f"expected a time base above 0, found {frame.time_base}")
    return frame


@dataclass(frozen=True)
class Sound:
    """A sound stream: its index in the file, codec, samples a second, channels, language."""

    index: int
    codec: str
    rate: int
    channels: int
    language: str | None = None


@dataclass(frozen=True)
class Colours:
    """How a clip's RGB values are meant: primaries and transfer, as ITU-T H.273 numbers them.

    They are handed on and never converted. 2 = not said; 16 and 18 are the HDR curves PQ and HLG.
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @property
    def hdr(self) -> bool:
        """Whether the values follow a curve for screens of high dynamic range."""
        return self.transfer in (16, 18)


UNSAID = Colours()
SQUARE = Fraction(1)


def squared(size: Size, pixel_aspect: Fraction) -> Size:
    """The (height, width) at which a frame looks right in square pixels; no side gets smaller.

    Aspects within 1 % are rounding, and not worth the blur.
    """
    height, width = size
    if abs(pixel_aspect - 1) < Fraction(1, 100):
        return size
    if pixel_aspect > 1:
        return height, round(width * pixel_aspect)
    return round(height / pixel_aspect), width


@dataclass(frozen=True)
class Clip:
    """The facts of a clip.

    Args:
        size: (height, width) of the frames as they are given: upright, after `max_size`.
        time_base: the unit of the frames' `pts`, in seconds.
        start: when the clip begins, in seconds: its first frame, or a sound before that.
        duration: seconds from `start` to the end of the picture; None = not known.
        rate: frames a second on average; None = not known.
        frames: how many frames the file says it has; None = it does not say.
        pixel_aspect: width by height of a pixel as shown. Frames are not stretched by it.
        has_alpha: whether the frames carry alpha.
        codec: the picture's codec, as FFmpeg names it.
        colours: primaries and transfer.
        sounds: the sound streams.
        subtitles: the codecs of the subtitle streams.
        metadata: title, artist and the like.
    """

    size: Size
    time_base: Fraction
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    rate: Fraction | None = None
    frames: int | None = None
    pixel_aspect: Fraction = SQUARE
    has_alpha: bool = False
    codec: str = ""
    colours: Colours = UNSAID
    sounds: tuple[Sound, ...] = ()
    subtitles: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """Which frames of a clip are wanted: from `start` on, before `end`, each `every`-th of them.

    Seconds count from the clip's own start. A frame belongs to the part if it begins in it.

    Raises:
        UsageError: times below 0, an end that is not after the start, `every` below 1.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if (self.start or 0) < 0:
            raise UsageError(f"expected a start of 0 or more seconds, found {self.start}")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError(
                f"expected an end after the start, found {float(self.start or 0):g} to "
                f"{float(self.end):g} seconds"
            )
        if self.every < 1:
            raise UsageError(f"expected every 1st, 2nd, 3rd … frame, found {self.every}")

    def at(self, start: Fraction) -> Part:
        """The same part of a clip that begins at `start`, in the clip's own times."""
        return replace(
            self,
            start=None if self.start is None else self.start + start,
            end=None if self.end is None else self.end + start,
        )


@dataclass(frozen=True, eq=False)
class Moment:
    """A decoded frame whose pixels are not made yet: `pixels()` gives image and alpha."""

    pts: int
    time_base: Fraction
    duration: int
    pixels: Callable[[], tuple[Image, Alpha | None]]


Looked = Callable[[Fraction], None]
"""Is told of every frame that is decoded, wanted or not, by its seconds; stops it by raising."""


def unlooked(seconds: Fraction) -> None:
    """Nobody looks."""


class Source(Protocol):
    """What frames are read from: a file, an animated picture, a folder of pictures.

    `notices` are lines for a person about what could not be read as it is; they are complete when
    the moments have come to their end.
    """

    clip: Clip
    notices: list[str]

    def moments(self, start: Fraction | None, looked: Looked = unlooked) -> Iterator[Moment]:
        """All frames from the one at `start` seconds on, or from an earlier one; in order of time.

        May be called again.

        Args:
            start: seconds, or None for the beginning.
            looked: called for each frame.

        Raises:
            VideoError: nothing can be decoded.
        """
        ...

"""A part of a picture in a result's size: pixels are moved into it, resampled once.

In: a `Frame`, pixels, their matte. Out: the same at the result's size. Where pixels are only cut
off or added, none changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Box, Image, Size, resize
from humatte.composite import fill_in
from humatte.errors import UsageError

MOST_PIXELS = 179_000_000  # what can be read can be written, and no more
_LEAST_ALPHA = 1e-3  # below it a colour that was weighted by alpha tells nothing

Pads = tuple[int, int, int, int]


@dataclass(frozen=True)
class Frame:
    """A part of the picture, how large it becomes, and what is put around it.

    `box` may reach beyond the picture; `inner` is its size in the result; `pads` are the pixels
    around that: top, right, bottom, left.
    """

    box: Box
    inner: Size
    pads: Pads = (0, 0, 0, 0)

    @property
    def size(self) -> Size:
        """The result's size."""
        top, right, bottom, left = self.pads
        return self.inner[0] + top + bottom, self.inner[1] + left + right

    @property
    def scale(self) -> float:
        """How many pixels of the result one of the picture becomes."""
        height, width = self.box.size
        return math.sqrt(self.inner[0] * self.inner[1] / (height * width))

    def is_whole(self, size: Size) -> bool:
        """Whether the result is the picture as it is."""
        return self == Frame(Box(0, 0, *size), size)


def checked(frame: Frame, most_pixels: int = MOST_PIXELS) -> Frame:
    """The frame, if what it shows can be made: the box has to be, before it is reduced.

    Raises:
        UsageError: too many pixels.
    """
    check_pixels(frame.box.size, "crop", most_pixels)
    check_pixels(frame.size, "result", most_pixels)
    return frame


def check_pixels(size: Size, what: str, most_pixels: int = MOST_PIXELS) -> None:
    """Refuses sizes that no memory holds, or that are not wanted.

    Raises:
        UsageError: more pixels than these; `what` says of what.
    """
    if size[0] * size[1] > most_pixels:
        raise UsageError(
            f"a {what} of {size[1]}x{size[0]} is refused; expected at most "
            f"{most_pixels / 1e6:g} megapixels"
        )


def move_alpha(alpha: Alpha, frame: Frame) -> Alpha:
    """A matte in the frame; 0 beyond the picture."""
    inner = np.clip(resize(_part(alpha, frame.box), frame.inner), 0, 1)
    return _padded(np.asarray(inner), frame.pads)


def move_person(foreground: NDArray[Any], alpha: Alpha, frame: Frame) -> tuple[NDArray[Any], Alpha]:
    """Straight colours (H, W, 3) of any integer type, and their matte, in the frame.

    Where they are scaled, colours are weighted by alpha: nothing of what is hidden comes in.
    """
    part, weight = _part(foreground, frame.box), _part(alpha, frame.box)
    if part.shape[:2] != frame.inner:
        small = resize(weight, frame.inner)
        part = np.stack([_weighted(part[..., c], weight, small, frame.inner) for c in range(3)], 2)
        weight = np.asarray(np.clip(small, 0, 1))
    return _padded(part, frame.pads), _padded(weight, frame.pads)


def _weighted(channel: NDArray[Any], alpha: Alpha, small: Alpha, size: Size) -> NDArray[Any]:
    colour = resize(channel * alpha, size) / np.maximum(small, _LEAST_ALPHA)
    most = np.iinfo(channel.dtype).max
    return np.rint(np.clip(colour, 0, most)).astype(channel.dtype)


def move_scene(image: Image, alpha: Alpha, frame: Frame) -> Image:
    """The picture with its background in the frame.

    Beyond the picture its background goes on, mirrored, the person filled in.
    """
    size = (image.shape[0], image.shape[1])
    box = frame.box
    beyond = box.top < 0 or box.left < 0 or box.bottom > size[0] or box.right > size[1]
    if not beyond and not any(frame.pads):
        return resize(_part(image, box), frame.inner)
    filled = fill_in(image, alpha)
    scene = _part(filled, box, cv2.BORDER_REFLECT)
    around = _padded(resize(scene, frame.inner), frame.pads, cv2.BORDER_REFLECT)
    rows, columns = _within(box, size)
    scene[rows.start - box.top : rows.stop - box.top, columns.start - box.left :][
        :, : columns.stop - columns.start
    ] = image[rows, columns]
    top, _, _, left = frame.pads
    around[top:, left:][: frame.inner[0], : frame.inner[1]] = resize(scene, frame.inner)
    return around


def _within(box: Box, size: Size) -> tuple[slice, slice]:
    rows = slice(max(0, box.top), max(0, min(size[0], box.bottom)))
    columns = slice(max(0, box.left), max(0, min(size[1], box.right)))
    return rows, columns


def _part(values: NDArray[Any], box: Box, border: int = cv2.BORDER_CONSTANT) -> NDArray[Any]:
    """A box of a picture; beyond it 0, or as OpenCV's border says."""
    rows, columns = _within(box, (values.shape[0], values.shape[1]))
    return np.asarray(
        cv2.copyMakeBorder(
            values[rows, columns],
            max(0, -box.top),
            max(0, box.bottom - values.shape[0]),
            max(0, -box.left),
            max(0, box.right - values.shape[1]),
            border,
        )
    )


def _padded(values: NDArray[Any], pads: Pads, border: int = cv2.BORDER_CONSTANT) -> NDArray[Any]:
    if not any(pads):
        return values
    top, right, bottom, left = pads
    return np.asarray(cv2.copyMakeBorder(values, top, bottom, left, right, border))

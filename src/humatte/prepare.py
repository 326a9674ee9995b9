"""From a picture to what a network takes, and from its matte back to the picture.

`fit` makes a batch and remembers where the picture lies in it; `restore` undoes exactly that.
Never stretches a matte's values and never changes the picture's proportions by more than the
rounding of its fitted sides to whole pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from humatte.arrays import Alpha, Batch, Image, Size, check_image, resize, to_float


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in its batch: at the top left, `inner` of the padded size."""

    original: Size
    inner: Size


def fitted_size(size: Size, long_side: int) -> Size:
    """The size with the given long side and the same proportions; no side below 1."""
    scale = long_side / max(size)
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def fit(image: Image, long_side: int, stride: int) -> tuple[Batch, Placement]:
    """Fits a picture to the long side and pads it to the stride.

    Args:
        image: (H, W, 3) uint8 RGB.
        long_side: what the longer side becomes, in pixels.
        stride: the padded sides are multiples of this.

    Returns:
        A batch (1, 3, h, w) float32 in [0, 1], and the placement for `restore`. The padding repeats
        the edge: a black bar would look like a thing.
    """
    check_image(image)
    inner = fitted_size((image.shape[0], image.shape[1]), long_side)
    small = resize(image, inner)
    height, width = (-side % stride for side in inner)
    padded = cv2.copyMakeBorder(small, 0, height, 0, width, cv2.BORDER_REPLICATE)
    batch = to_float(np.ascontiguousarray(padded.transpose(2, 0, 1))[None])
    return batch, Placement((image.shape[0], image.shape[1]), inner)


def restore(alpha: Batch, placement: Placement) -> Alpha:
    """The matte (H, W) of the original picture, from a network's alpha (1, 1, h, w)."""
    full = resize(unpadded(alpha, placement), placement.original)
    return np.clip(full, 0.0, 1.0, out=full)


def unpadded(alpha: Batch, placement: Placement) -> Alpha:
    """The matte (h, w) of the fitted picture, its padding cut off: an array of its own."""
    height, width = placement.inner
    return np.array(alpha[0, 0, :height, :width], np.float32, order="C")

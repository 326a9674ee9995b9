"""The array contract, its checks, and the only conversions between bytes and floats.

The words used everywhere in humatte:

- *image*: (H, W, 3) uint8, RGB, sRGB;
- *alpha* (the matte): (H, W) float32 in [0, 1];
- *colours*: an image, or its values in 16 bits, (H, W, 3) uint16;
- *foreground*: an image with straight colours, not premultiplied by alpha;
- *batch*: (N, C, H, W) float32;
- sizes are (height, width).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from humatte.errors import UsageError

Image = NDArray[np.uint8]
Colours = NDArray[Any]  # uint8 or uint16: an image, or its values in 16 bits
Alpha = NDArray[np.float32]
Batch = NDArray[np.float32]
Size = tuple[int, int]


class Box(NamedTuple):
    """A rectangle of pixels; `bottom` and `right` are the first ones outside."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        """Its height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index an image (H, W, …) with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def touches(self, other: Box) -> bool:
        """Whether the two share a pixel."""
        return (
            self.top < other.bottom
            and other.top < self.bottom
            and self.left < other.right
            and other.left < self.right
        )

    def with_other(self, other: Box) -> Box:
        """The box about both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


def check_image(image: Any) -> Image:
    """Returns `image` if it is (H, W, 3) uint8 with at least one pixel.

    Raises:
        UsageError: anything else; the message says what was found.
    """
    if not isinstance(image, np.ndarray):
        raise UsageError(f"expected an image as a numpy array, found {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise UsageError(
            f"expected an image (H, W, 3) uint8 RGB, found {image.shape} {image.dtype}; "
            "convert it first, for instance with PIL.Image.convert('RGB')"
        )
    return image


def check_colours(image: Any) -> Colours:
    """Returns `image` if it is (H, W, 3) uint8 or uint16 with at least one pixel.

    Raises:
        UsageError: anything else; the message says what was found.
    """
    deep = isinstance(image, np.ndarray) and image.dtype == np.uint16
    if deep and image.ndim == 3 and image.shape[2] == 3 and image.size:
        return image
    return check_image(image)


def check_alpha(alpha: Any, size: Size | None = None) -> Alpha:
    """Returns `alpha` if it is (H, W) float32 in [0, 1], and of `size` if one is given.

    Raises:
        UsageError: anything else; the message says what was found.
    """
    if not isinstance(alpha, np.ndarray) or alpha.ndim != 2 or alpha.dtype != np.float32:
        found = f"{alpha.shape} {alpha.dtype}" if isinstance(alpha, np.ndarray) else type(alpha)
        raise UsageError(f"expected an alpha (H, W) float32 in [0, 1], found {found}")
    if size is not None and alpha.shape != size:
        raise UsageError(f"expected an alpha of size {size}, found {alpha.shape}")
    # `not (a and b)` also refuses NaN, which compares false with everything.
    if alpha.size and not (float(alpha.min()) >= 0.0 and float(alpha.max()) <= 1.0):
        raise UsageError(f"expected alpha in [0, 1], found [{alpha.min()}, {alpha.max()}]")
    return alpha


def to_float(values: Colours) -> NDArray[np.float32]:
    """Bytes (or 16-bit values) to float32 in [0, 1]."""
    scale = 1.0 / np.iinfo(values.dtype).max
    return np.multiply(values, np.float32(scale), dtype=np.float32)


def to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Floats in [0, 1] to bytes, rounded to the nearest; values outside are clipped."""
    return np.asarray(to_integers(values, np.uint8), np.uint8)


def to_integers(values: NDArray[np.float32], dtype: DTypeLike) -> NDArray[Any]:
    """Floats in [0, 1] to uint8 or uint16, rounded to the nearest; values outside are clipped."""
    import cv2

    if values.size == 0:
        return np.zeros(values.shape, dtype)
    most = np.iinfo(dtype).max
    depth = cv2.CV_8U if most == 255 else cv2.CV_16U
    # addWeighted rounds and saturates in one pass without temporaries. With two arrays it cannot
    # mistake a small one for a scalar, as multiply does; two dimensions cannot mean channels.
    flat = values.reshape(len(values), -1)
    return np.asarray(cv2.addWeighted(flat, most, flat, 0.0, 0.0, dtype=depth)).reshape(
        values.shape
    )


def resize(values: NDArray[Any], size: Size) -> NDArray[Any]:
    """Resizes (H, W) or (H, W, C) to `size` = (height, width), dtype kept.

    Area averaging where it gets smaller (no aliasing), bilinear with half-pixel centres where it
    gets larger. Values stay in the range of the input.
    """
    import cv2

    if values.shape[:2] == size:
        return values
    height, width = size
    smaller = height <= values.shape[0] and width <= values.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (width, height), interpolation=how))

"""16 bits a channel, of which Pillow handles gray only: decoded and encoded whole.

In: a PNG's or TIFF's bytes. Out: values (H, W, C) uint16 in RGB order, and back into a file without
metadata (`splice` puts it in). Never guesses: what is not surely the picture is None.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from humatte.arrays import Image
from humatte.errors import PictureError

FORMATS = frozenset({"PNG", "TIFF"})
"""Pillow's names of the formats that hold 16 bits."""

Deep = NDArray[np.uint16]

# Pillow's names of how colour of 16 bits is stored; "RGBa" is premultiplied.
_LAYOUT = re.compile(r"\b(LA|RGB|RGBA|RGBX|RGBa);16")
_STRIP_ROWS = 256  # rows compared at once: keeps temporaries small
# TIFF 6.0, section 8
_PHOTOMETRIC, _MIN_IS_WHITE = 262, 0
_PLANAR_CONFIGURATION, _SEPARATE = 284, 2
_BITS_PER_SAMPLE = 258
_TO_RGB = {
    (3, 3): cv2.COLOR_BGR2RGB,
    (4, 4): cv2.COLOR_BGRA2RGBA,
    (4, 3): cv2.COLOR_BGRA2RGB,  # the fourth is no alpha
}
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_TIFF = [cv2.IMWRITE_TIFF_COMPRESSION, 8, cv2.IMWRITE_TIFF_PREDICTOR, 2]  # deflate, differences


def layout(opened: PillowImage.Image) -> str | None:
    """How 16-bit colour is stored in an opened file (LA, RGB, ...); None for anything else."""
    found = _LAYOUT.search(str(getattr(opened, "tile", [])[:1]))
    return found[1] if found else None


def gray(picture: PillowImage.Image) -> Deep | None:
    """The values (H, W, 1 or 2) of a decoded gray picture of 16 bits; None for anything else.

    The second channel is alpha, of a PNG with one transparent tone.

    Raises:
        PictureError: values of more than 16 bits.
    """
    if not picture.mode.startswith("I"):
        return None
    found = np.asarray(picture)
    if found.max(initial=0) > 65535 or found.min(initial=0) < 0:
        raise PictureError("32-bit values; expected 8 or 16 bits a channel")
    values = found.astype(np.uint16)
    if _tag(picture, _PHOTOMETRIC) == _MIN_IS_WHITE:
        values = 65535 - values  # Pillow turns 8 bits round, not 16
    clear = picture.info.get("transparency")
    if not isinstance(clear, int):
        return values[..., None]
    return np.dstack([values, np.where(values == clear, 0, 65535).astype(np.uint16)])


def refuse_planes(opened: PillowImage.Image) -> None:
    """Refuses a TIFF of separate planes of 16 bits: Pillow and OpenCV both misread them.

    Raises:
        PictureError: it is one.
    """
    planes = _tag(opened, _PLANAR_CONFIGURATION) == _SEPARATE
    if planes and max(_tag(opened, _BITS_PER_SAMPLE) or (8,)) > 8:
        raise PictureError("a 16-bit TIFF of separate planes; save it interleaved")


def _tag(picture: PillowImage.Image, tag: int) -> Any:
    return dict(getattr(picture, "tag_v2", {})).get(tag)


def colour(data: bytes, stored: str, truncated: PillowImage.Image) -> Deep | None:
    """The values (H, W, 2 to 4) of a picture of 16 bits in colour, or gray with alpha.

    Args:
        data: the file.
        stored: its `layout`.
        truncated: what Pillow made of it: the high bytes.

    Returns:
        Straight colours, alpha last; None where OpenCV does not see the same high bytes.
    """
    values = None
    with contextlib.suppress(cv2.error):
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        return None
    if values.shape[:2] != (truncated.height, truncated.width):
        return None
    channels = min(values.shape[2], 4 if truncated.has_transparency_data else 3)
    values = np.asarray(cv2.cvtColor(values, _TO_RGB[values.shape[2], channels]), np.uint16)
    if not _same(values, truncated, stored == "RGBa"):
        return None
    if stored == "RGBa":
        return _straight(values)
    return values[..., 2:] if stored == "LA" else values


def _same(values: Deep, truncated: PillowImage.Image, premultiplied: bool) -> bool:
    seen = np.asarray(truncated)
    if seen.shape[2] == 2:  # gray with alpha: OpenCV gives it four channels
        values = values[..., 2:]
    for top in range(0, len(values), _STRIP_ROWS):
        # A PNG's one transparent colour adds alpha to OpenCV's.
        found = (values[top : top + _STRIP_ROWS, :, : seen.shape[2]] >> 8).astype(np.uint8)
        expected = seen[top : top + _STRIP_ROWS]
        if premultiplied:  # Pillow has divided by alpha, which changes nothing where that is whole
            divided = found[..., 3] < 255
            found[divided, :3] = expected[divided, :3]
        if not np.array_equal(found, expected):
            return False
    return True


def _straight(values: Deep) -> Deep:
    """Colours divided by alpha; those above it, which no product can be, become 65535."""
    result = values.copy()
    for top in range(0, len(values), _STRIP_ROWS):
        part = result[top : top + _STRIP_ROWS]
        alpha = part[..., 3:].astype(np.uint32)
        # At most 65535^2 + 32767, which 32 bits hold.
        divided = (part[..., :3] * np.uint32(65535) + alpha // 2) // np.maximum(alpha, 1)
        part[..., :3] = np.where(alpha > 0, np.minimum(divided, 65535), 0)
    return result


def rounded(values: Deep) -> Image:
    """16-bit values to bytes, rounded to the nearest."""
    result = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        result[rows] = (values[rows].astype(np.uint32) + 128) // 257
    return result


def encode(pixels: Deep, format_name: str) -> bytes:
    """A PNG or TIFF of values (H, W), (H, W, 3) or (H, W, 4), without metadata.

    Raises:
        OSError: the format cannot hold a picture of this size.
    """
    if pixels.ndim == 3:
        order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        pixels = np.asarray(cv2.cvtColor(pixels, order), np.uint16)
    suffix, settings = (".png", _PNG) if format_name == "PNG" else (".tiff", _TIFF)
    done, data = cv2.imencode(suffix, pixels, settings)
    if not done:
        raise OSError("the encoder gave up")
    return bytes(data)

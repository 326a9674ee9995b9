"""Colours in other numbers: from one ICC profile to another, gray to sRGB, premultiplied."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms

from humatte.arrays import Image

_STRIP_ROWS = 256  # rows handled at once: keeps temporaries small


def to_profile(image: Image, source: bytes | None, target: bytes | None) -> Image:
    """An image (H, W, 3) in another profile's numbers.

    Args:
        image: uint8 RGB in the numbers of `source`.
        source: an ICC profile for RGB; None = sRGB.
        target: likewise.

    Returns:
        The same colours in the numbers of `target`; `image` itself where the two are the same, or
        where one of them is broken.
    """
    if source == target:
        return image
    try:
        picture = ImageCms.profileToProfile(
            PillowImage.fromarray(image), _open(source), _open(target)
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if picture is None else np.asarray(picture)


def _open(profile: bytes | None) -> ImageCms.ImageCmsProfile:
    if profile is None:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def gray_to_srgb(values: NDArray[np.uint16], profile: bytes) -> NDArray[np.uint16]:
    """Gray tones of 16 bits in the tones of sRGB; `values` itself where the profile is broken.

    Pillow's sRGB gives 8 bits only, so the target is a gray profile with sRGB's tone curve.
    """
    # Optimised, lcms interpolates, and is off by 10 of 255 where the curve is steep.
    exact = ImageCms.Flags.NOOPTIMIZE
    tones = PillowImage.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256))
    try:
        found = ImageCms.profileToProfile(
            tones, _open(profile), _open(_srgb_gray()), outputMode="I;16", flags=exact
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return values
    return values if found is None else np.asarray(found, np.uint16).reshape(-1)[values]


def _srgb_gray() -> bytes:
    """A gray profile with sRGB's tone curve: ICC.1:2022, 7.2 to 7.3, 10.18 (type 3)."""
    white = struct.pack(">3l", 0xF6D6, 0x10000, 0xD32D)  # the D50 illuminant
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1
    curve = struct.pack(">5l", *(round(number * 65536) for number in numbers))
    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + white,
        b"kTRC": b"para\0\0\0\0\0\3\0\0" + curve,
    }
    start = 132 + 12 * len(tags)
    table, body = struct.pack(">L", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">2L", start + len(body), len(data))
        body += data
    head = bytes(4) + b"\4\0\0\0mntrGRAYXYZ ".rjust(20, b"\0")
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + white
    whole = head.ljust(128, b"\0") + table + body
    return struct.pack(">L", len(whole)) + whole[4:]


def premultiply(pixels: NDArray[Any]) -> NDArray[Any]:
    """RGBA (H, W, 4) uint8 or uint16 with colours multiplied by alpha, rounded to the nearest."""
    most = np.uint32(np.iinfo(pixels.dtype).max)
    result = pixels.copy()
    for top in range(0, len(pixels), _STRIP_ROWS):
        part = result[top : top + _STRIP_ROWS]
        # At most 65535^2 + 32767, which 32 bits hold.
        part[..., :3] = (part[..., :3] * part[..., 3:].astype(np.uint32) + most // 2) // most
    return result

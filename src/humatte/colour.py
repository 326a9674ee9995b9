"""Colours from one ICC profile to another, so that two pictures can be laid over each other."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms

from humatte.arrays import Image


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

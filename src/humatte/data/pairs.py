"""A photo and its matte: two files, read together and checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Image, resize, to_bytes
from humatte.errors import DataError, PictureError
from humatte.image_io import Picture, read
from humatte.prepare import fitted_size

_COLOURLESS = 8  # channels of gray differ by no more, of 255: what JPEG makes of it


@dataclass(frozen=True)
class Pair:
    """One training picture: a file with the photo and, if there is a person, one with the matte."""

    name: str
    image: Path
    alpha: Path | None
    columns: Mapping[str, str] = field(default_factory=dict)
    """What the list says of it beside the paths: `source`, `licence`, `group` and any other."""

    @property
    def source(self) -> str:
        """Where the picture is from; empty if the list does not say."""
        return self.columns.get("source", "")

    @property
    def licence(self) -> str:
        """The words of its licence; empty if the list does not say."""
        return self.columns.get("licence", "")


def read_pair(pair: Pair, long_side: int | None = None) -> tuple[Image, NDArray[np.uint8]]:
    """The photo and its matte as bytes (all 0 without one), at most `long_side` pixels long.

    Without `long_side`, both at their own size.

    Of a matte file with an alpha channel of its own (AISegment's are RGBA) that channel is taken.

    Raises:
        DataError: an unreadable file, or a matte of another size than its photo.
    """
    picture, alpha = open_pair(pair)
    image = picture.image
    if long_side is not None and max(alpha.shape) > long_side:
        size = fitted_size((alpha.shape[0], alpha.shape[1]), long_side)
        image, alpha = resize(image, size), resize(alpha, size)
    return image, alpha


def open_pair(pair: Pair) -> tuple[Picture, NDArray[np.uint8]]:
    """The photo with what is kept of it, and its matte as bytes (H, W), at full size.

    Raises:
        DataError: an unreadable file, or a matte of another size than its photo.
    """
    try:
        picture = read(pair.image)
        size = picture.image.shape[:2]
        alpha = read_matte(pair.alpha) if pair.alpha else np.zeros(size, np.uint8)
    except PictureError as error:
        raise DataError(f"{pair.name}: {error}") from error
    if alpha.shape != size:
        raise DataError(
            f"{pair.name}: the matte is {alpha.shape[1]}x{alpha.shape[0]}, "
            f"the photo {size[1]}x{size[0]}"
        )
    return picture, alpha


def read_matte(path: Path) -> NDArray[np.uint8]:
    """A matte file's alpha (H, W): its gray values, or its transparency if it has any.

    Raises:
        PictureError: an unreadable file.
    """
    return matte_in(read(path))


def matte_in(picture: Picture) -> NDArray[np.uint8]:
    """A picture's alpha (H, W) as a matte: its gray values, or its transparency if it has any."""
    gray = picture.image[..., 0]
    if picture.alpha is None:
        return gray
    colourless = (picture.image == gray[..., None]).all()
    # A gray matte that some tool saved with a channel of full opacity is still a gray matte.
    return gray if colourless and picture.alpha.min() == 1 else to_bytes(picture.alpha)


def is_no_matte(picture: Picture) -> bool:
    """Whether it is a picture in colour without transparency, and so no matte at all."""
    red, green, blue = cv2.split(picture.image)
    spread = max(int(cv2.absdiff(red, other).max()) for other in (green, blue))
    return picture.alpha is None and spread > _COLOURLESS

"""Laying a person over something else: `over`, and the backgrounds.

In: straight foreground, alpha, and a background specification. Out: an image without transparency,
or (H, W, 4) with it. Never changes a pixel whose alpha is 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, Size, resize, to_bytes
from humatte.colour import to_profile
from humatte.errors import UsageError
from humatte.paths import is_file

# Rows handled at once: keeps temporaries small whatever the picture's size.
_STRIP_ROWS = 256
_DEFAULT_BLUR = 0.02  # of the long side
_GREEN = (0, 177, 64)  # the chroma-key green of screens and cloths
_LEAST_WEIGHT = 1e-3
WHITE = np.full((1, 1, 3), 255, np.uint8)


@dataclass(frozen=True)
class Background:
    """A parsed `--background`. Exactly one of the fields says what is behind the person.

    `none` keeps transparency; `gray` is the picture itself without colour; `blur_px` is the
    picture itself blurred (0 = by its size).
    """

    none: bool = False
    gray: bool = False
    blur_px: float | None = None
    colour: tuple[int, int, int] | None = None
    picture: Image | None = None
    icc: bytes | None = None
    """The profile of `picture`; colours are sRGB."""


def parse_background(spec: str) -> Background:
    """Understands none, blur[:radius], gray, black, green, a colour name, #hex, a picture's path.

    Raises:
        UsageError: none of these; the message says what was found and what is expected.
        PictureError: a picture's path whose file cannot be read.
    """
    word = spec.strip().lower()
    if word in ("none", "gray", "grey"):
        return Background(none=True) if word == "none" else Background(gray=True)
    if word == "blur" or word.startswith("blur:"):
        return Background(blur_px=_blur_radius(word))
    if word == "green":
        return Background(colour=_GREEN)
    colour = _colour(word)
    if colour:
        return Background(colour=colour)
    if is_file(Path(spec)):
        return _picture(Path(spec))
    raise UsageError(
        f"unknown background '{spec}'; expected none, blur[:radius], gray, a colour name, "
        "#rrggbb, or the path of a picture"
    )


def _picture(path: Path) -> Background:
    """A background picture; where it is transparent, white shows."""
    from humatte.image_io import read

    picture = read(path)
    image = picture.image
    if picture.alpha is not None:
        image = over(image, picture.alpha, WHITE)
    return Background(picture=image, icc=picture.kept.icc)


def _blur_radius(word: str) -> float:
    text = word.partition(":")[2] or "0"
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", text):
        raise UsageError(f"unknown background '{word}'; expected blur:RADIUS in pixels, as blur:20")
    return float(text)


def _colour(word: str) -> tuple[int, int, int] | None:
    from PIL import ImageColor

    try:
        channels = ImageColor.getrgb(word)
    except ValueError:
        return None
    if max(channels) > 255:
        raise UsageError(f"background '{word}' has a channel above 255; expected 0 to 255")
    if len(channels) == 4:
        raise UsageError(f"background '{word}' is transparent; expected #rgb or #rrggbb, or 'none'")
    return channels[0], channels[1], channels[2]


def over(foreground: Image, alpha: Alpha, background: Image) -> Image:
    """Alpha * foreground + (1 - alpha) * background, rounded to the nearest byte.

    Args:
        foreground: (H, W, 3) uint8, straight colours.
        alpha: (H, W) float32 in [0, 1].
        background: (H, W, 3) uint8, or (1, 1, 3) for one colour.

    Returns:
        (H, W, 3) uint8: exactly the foreground where alpha is 1, the background where it is 0.
    """
    result = np.empty_like(foreground)
    for top in range(0, len(foreground), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        below = (background if len(background) == 1 else background[rows]).astype(np.float32)
        mixed = foreground[rows].astype(np.float32)
        mixed -= below
        mixed *= alpha[rows, :, None]
        mixed += below
        np.rint(mixed, out=mixed)
        result[rows] = mixed
    return result


def with_alpha(foreground: Image, alpha: Alpha) -> NDArray[np.uint8]:
    """(H, W, 4): straight colours and alpha; colours are 0 where alpha is 0.

    Nothing of the old background stays behind invisibly, and the file packs far better.
    """
    opacity = to_bytes(alpha)
    result = np.asarray(cv2.cvtColor(foreground, cv2.COLOR_RGB2RGBA))
    result[..., 3] = opacity
    # With two dimensions, as the mask: with three, numpy would list every place, 16 bytes for each.
    result.view(np.uint32)[..., 0][opacity == 0] = 0
    return result


def backdrop(background: Background, image: Image, alpha: Alpha, icc: bytes | None = None) -> Image:
    """What goes behind the person: (H, W, 3), or (1, 1, 3) for one colour.

    Args:
        background: must not be `none`.
        image: the picture as it is seen, for blur and gray, (H, W, 3) uint8.
        alpha: where the person is, (H, W) float32: a blur leaves them out.
        icc: the picture's profile; colours and other pictures are converted to it.
    """
    if background.colour is not None:
        return to_profile(np.array([[background.colour]], np.uint8), None, icc)
    if background.gray:
        return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    if background.blur_px is not None:
        return blur(image, background.blur_px, alpha)
    if background.picture is None:
        raise UsageError("there is nothing to lay the person over; choose a background")
    fitted = cover(background.picture, (image.shape[0], image.shape[1]))
    return to_profile(fitted, background.icc, icc)


def blur(image: Image, radius_px: float, alpha: Alpha | None = None) -> Image:
    """A Gaussian blur with the given standard deviation; 0 = 2 % of the long side.

    What `alpha` covers is left out, so that no glow of the person surrounds them: a blur of the
    background's pixels, weighted by 1 - alpha. Done at a reduced size when the radius is large: the
    result is smooth, and takes as long for a large radius as for a small one.
    """
    sigma = radius_px or _DEFAULT_BLUR * max(image.shape[:2])
    factor = max(1, int(sigma / 4))
    height, width = image.shape[:2]
    small = resize(image, (max(1, height // factor), max(1, width // factor)))
    soft = _gauss(small, sigma / factor)
    if alpha is not None:
        covered = resize(alpha, (small.shape[0], small.shape[1]))
        # One pixel wider: at the edge a reduced pixel holds some of the person's colour.
        weight = 1 - np.asarray(cv2.dilate(covered, np.ones((3, 3), np.uint8)))
        weight = np.maximum(weight, _LEAST_WEIGHT)  # deep inside the person all weigh alike
        outside = _gauss(small * weight[..., None], sigma / factor)
        soft = to_bytes(outside / (255 * _gauss(weight, sigma / factor)[..., None]))
    return resize(soft, (height, width))


def _gauss(values: NDArray[Any], sigma: float) -> NDArray[Any]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def cover(picture: Image, size: Size) -> Image:
    """Scales a picture to cover the size and cuts off what is too much, evenly."""
    # Cut first: a long strip scaled whole would need more memory than there is.
    scale = max(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (
        min(had, max(1, round(want / scale)))
        for want, had in zip(size, picture.shape, strict=False)
    )
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return resize(np.ascontiguousarray(picture[top : top + height, left : left + width]), size)

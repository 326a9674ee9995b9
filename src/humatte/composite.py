"""Laying a person over something else: `over`, and the backgrounds.

In: straight foreground, alpha, and a background specification. Out: an image without transparency,
or (H, W, 4) with it. Never changes a pixel whose alpha is 1.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from humatte.arrays import Alpha, Colours, Image, Size, resize, to_integers
from humatte.colour import to_profile
from humatte.errors import UsageError
from humatte.lengths import Colour, parse_colour
from humatte.paths import is_file
from humatte.prepare import fitted_size

# Rows handled at once: keeps temporaries small whatever the picture's size.
_STRIP_ROWS = 256
_DEFAULT_BLUR = 0.02  # of the long side
_GREEN = (0, 177, 64)  # the chroma-key green of screens and cloths
_LEAST_WEIGHT = 1e-6  # above 0: a person may fill the picture
_FILL_SIDE = 512  # what is filled in is smooth: it is made at this long side
_BESIDE = 0.015  # of the long side: so far beside a matte its person may still glow
_FILLED_WEIGHT = 1e-3
FITS = ("cover", "contain", "tile")
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
    colour: Colour | None = None
    picture: Image | None = None
    icc: bytes | None = None
    """The profile of `picture`; colours are sRGB."""
    fit: str = "cover"
    """How `picture` fills the result: one of `FITS`."""

    @property
    def shows_scene(self) -> bool:
        """Whether the photo's own background is seen."""
        return self.gray or self.blur_px is not None


def parse_background(spec: str) -> Background:
    """Understands none, blur[:radius], gray, black, green, a colour name, #hex, a picture's path.

    Raises:
        UsageError: none of these; the message says what was found and what is expected.
        PictureError: a picture's path whose file cannot be read.
    """
    plain = plain_background(spec)
    if plain is not None:
        return plain
    if is_file(Path(spec)):
        return picture_background(Path(spec))
    raise UsageError(
        f"unknown background '{spec}'; expected none, blur[:radius], gray, a colour name, "
        "#rrggbb, or the path of a picture"
    )


def plain_background(spec: str) -> Background | None:
    """A background that needs no file, or None for other words. Looks at no path.

    Raises:
        UsageError: a radius or a colour that is none.
    """
    word = spec.strip().lower()
    if word in ("none", "gray", "grey"):
        return Background(none=True) if word == "none" else Background(gray=True)
    if word == "blur" or word.startswith("blur:"):
        return Background(blur_px=_blur_radius(word))
    if word == "green":
        return Background(colour=_GREEN)
    colour = parse_colour(word, "background")
    return Background(colour=colour) if colour else None


def picture_background(source: Path | bytes, fit: str = "cover") -> Background:
    """A background picture, of a file or its bytes; where it is transparent, white shows.

    Raises:
        PictureError: it cannot be read.
        UsageError: an unknown fit.
    """
    from humatte.image_io import read

    if fit not in FITS:
        raise UsageError(f"unknown fit '{fit}'; expected one of {', '.join(FITS)}")
    picture = read(source)
    image = over_white(picture.image, picture.alpha)
    return Background(picture=image, icc=picture.kept.icc, fit=fit)


def _blur_radius(word: str) -> float:
    text = word.partition(":")[2] or "0"
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", text):
        raise UsageError(f"unknown background '{word}'; expected blur:RADIUS in pixels, as blur:20")
    return float(text)


def over(foreground: Colours, alpha: Alpha, background: Colours) -> Colours:
    """Alpha * foreground + (1 - alpha) * background, rounded to the nearest.

    Args:
        foreground: (H, W, 3) uint8 or uint16, straight colours.
        alpha: (H, W) float32 in [0, 1].
        background: (H, W, 3), or (1, 1, 3) for one colour, of the same type.

    Returns:
        (H, W, 3): exactly the foreground where alpha is 1, the background where it is 0.
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


def with_alpha(foreground: Colours, alpha: Alpha) -> Colours:
    """(H, W, 4): straight colours and alpha, uint8 or uint16; colours are 0 where alpha is 0.

    Nothing of the old background stays behind invisibly, and the file packs far better.
    """
    opacity = to_integers(alpha, foreground.dtype)
    result = np.asarray(cv2.cvtColor(foreground, cv2.COLOR_RGB2RGBA))
    result[..., 3] = opacity
    whole = result.view(np.uint32 if opacity.dtype == np.uint8 else np.uint64)
    whole[..., 0][opacity == 0] = 0  # of two dimensions, as the mask: else numpy lists all places
    return result


def backdrop(
    background: Background, image: Colours, alpha: Alpha, icc: bytes | None = None
) -> Colours:
    """What goes behind the person: (H, W, 3), or (1, 1, 3) for one colour.

    Args:
        background: must not be `none`.
        image: the picture as it is seen, for blur and gray, (H, W, 3) uint8 or uint16; the result
            has its type. Colours and other pictures have 8 bits in either.
        alpha: where the person is, (H, W) float32: a blur leaves them out.
        icc: the picture's profile; colours and other pictures are converted to it.
    """
    if background.colour is not None:
        colour = to_profile(np.array([[background.colour]], np.uint8), None, icc)
        return as_deep(colour, image.dtype)
    if background.gray:
        return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    if background.blur_px is not None:
        return blur(image, background.blur_px, alpha)
    if background.picture is None:
        raise UsageError("there is nothing to lay the person over; choose a background")
    fitted = fit(background.picture, (image.shape[0], image.shape[1]), background.fit)
    return as_deep(to_profile(fitted, background.icc, icc), image.dtype)


def over_white(image: Colours, alpha: Alpha | None) -> Colours:
    """An image (H, W, 3) as it is looked at: where its own alpha (H, W) has gaps, white shows."""
    return image if alpha is None else over(image, alpha, as_deep(WHITE, image.dtype))


def fitted(background: Background, size: Size) -> Background:
    """The background with its picture at a size already: for frames, which all need the same."""
    if background.picture is None:
        return background
    return replace(background, picture=fit(background.picture, size, background.fit), fit="cover")


def as_deep(image: Image, dtype: DTypeLike) -> Colours:
    """An image (H, W, 3) uint8 in the values of `dtype`, uint8 or uint16: white stays white."""
    return image if dtype == np.uint8 else image.astype(np.uint16) * np.uint16(257)


def blur(image: Colours, radius_px: float, alpha: Alpha | None = None) -> Colours:
    """A Gaussian blur with the given standard deviation; 0 = 2 % of the long side.

    Whom `alpha` covers is left out, and filled in from around them, so that no glow of them
    surrounds them. Done at a reduced size when the radius is large: the result is smooth, and takes
    as long for a large radius as for a small one.
    """
    sigma = radius_px or _DEFAULT_BLUR * max(image.shape[:2])
    factor = max(1, int(sigma / 4))
    height, width = image.shape[:2]
    small = resize(image, (max(1, height // factor), max(1, width // factor)))
    if alpha is None:
        soft = _gauss(small, sigma / factor)
    else:
        covered = _grown(resize(alpha, (small.shape[0], small.shape[1])), sigma / factor)
        # The filling is made up: beside what was seen it weighs next to nothing.
        weight = np.maximum(1 - covered, np.float32(_FILLED_WEIGHT))
        outside = _gauss(_filled(small, covered) * weight[..., None], sigma / factor)
        outside /= _gauss(weight, sigma / factor)[..., None]
        soft = _rounded(outside, image.dtype)
    return resize(soft, (height, width))


def _rounded(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values in the range of an integer type, as that type; `values` are used up."""
    np.clip(np.rint(values, out=values), 0, np.iinfo(dtype).max, out=values)
    return values.astype(dtype)


def _gauss(values: NDArray[Any], sigma: float) -> NDArray[Any]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def fill_in(image: Image, alpha: Alpha) -> Image:
    """The picture without the person: smooth colours of what surrounds them in their place.

    Args:
        image: (H, W, 3) uint8.
        alpha: where the person is, (H, W) float32.
    """
    size = (image.shape[0], image.shape[1])
    small = fitted_size(size, _FILL_SIDE) if max(size) > _FILL_SIDE else size
    covered = _grown(resize(alpha, small), math.inf)
    filled = resize(_filled(resize(image, small), covered), size)
    return over(filled, np.clip(np.maximum(alpha, resize(covered, size)), 0, 1), image)


def _grown(alpha: Alpha, most_px: float) -> Alpha:
    """A matte grown by what a person glows beyond it, no matte being exact and no edge sharp."""
    reach = math.ceil(max(1, min(most_px, _BESIDE * max(alpha.shape))))
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(alpha, window))


def _filled(image: Image, covered: Alpha) -> Image:
    """The picture, its covered part filled in smoothly from around it.

    Source: S. J. Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4: pull and push.
    """
    size = (image.shape[0], image.shape[1])
    small = fitted_size(size, _FILL_SIDE) if max(size) > _FILL_SIDE else size
    weight = np.maximum(1 - resize(covered, small), np.float32(_LEAST_WEIGHT))[..., None]
    colours = _rounded(_pulled(resize(image, small) * weight, weight), image.dtype)
    return over(resize(colours, size), covered, image)


def _pulled(weighted: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours everywhere, from colours times weights (h, w, 3), and weights (h, w, 1) in [0, 1]."""
    colours = weighted / weight
    height, width = weight.shape[:2]
    if max(height, width) == 1:
        return np.asarray(colours, np.float32)
    half = (-(-height // 2), -(-width // 2))
    coarse = _pulled(resize(weighted, half), resize(weight[..., 0], half)[..., None])
    # What is known stays; what is not comes from the next coarser picture.
    known = np.minimum(weight * 4, 1)
    return np.asarray(colours * known + resize(coarse, (height, width)) * (1 - known), np.float32)


def fit(picture: Image, size: Size, how: str) -> Image:
    """A background picture at a size, never distorted.

    Args:
        picture: (h, w, 3) uint8.
        size: of the result.
        how: `cover` fills it and cuts off what is too much; `contain` shows all of it, before a
            blurred copy of itself; `tile` repeats it in its own size from the top left.

    Raises:
        UsageError: another word.
    """
    if how == "cover":
        return cover(picture, size)
    if how == "tile":
        down, across = (-(-want // had) for want, had in zip(size, picture.shape, strict=False))
        tiles = np.tile(picture[: size[0], : size[1]], (down, across, 1))
        return np.ascontiguousarray(tiles[: size[0], : size[1]])
    if how != "contain":
        raise UsageError(f"unknown fit '{how}'; expected one of {', '.join(FITS)}")
    scale = min(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    result = blur(cover(picture, size), 2 * _DEFAULT_BLUR * max(size))
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    result[top : top + height, left : left + width] = resize(picture, (height, width))
    return result


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

"""One picture, finished: read, matte, straight colours, background.

In: a path, bytes or an image array. Out: pixels, ready to be shown or encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, check_image, to_bytes
from humatte.catalog import DEFAULT, load
from humatte.composite import Background, lay_over, over, parse_background, with_alpha
from humatte.foreground import estimate_foreground
from humatte.image_io import Kept, Picture, read
from humatte.matting import has_person, matte
from humatte.network import Network


@dataclass(frozen=True)
class CutOut:
    """A finished picture.

    `pixels` is (H, W, 4) straight RGBA, (H, W, 3) over a background, or (H, W) alpha alone, uint8.
    """

    pixels: NDArray[np.uint8]
    alpha: Alpha
    kept: Kept
    person_found: bool


def cutout(
    source: str | PathLike[str] | bytes | Image,
    *,
    background: str = "none",
    alpha_only: bool = False,
    model: str | Network = DEFAULT,
) -> NDArray[np.uint8]:
    """Cuts the person out of a picture.

    Args:
        source: a path, a file's bytes, or an image (H, W, 3) uint8 RGB.
        background: `none` (transparent), `blur[:radius]`, `gray`, a colour name, `#rrggbb`, or the
            path of a picture.
        alpha_only: give the matte instead of a picture.
        model: a network's name, an .onnx file, or an open network.

    Returns:
        uint8: (H, W, 4) straight RGBA for `none`, (H, W, 3) over a background, (H, W) for
        `alpha_only`.

    Raises:
        UsageError: unknown background or network, or a wrong array.
        PictureError: an unreadable picture.
    """
    network = model if isinstance(model, Network) else load(model)
    if isinstance(source, np.ndarray):
        picture = Picture(check_image(source), None, Kept())
    else:
        picture = read(source if isinstance(source, bytes) else Path(source))
    return cut_out(picture, network, parse_background(background), alpha_only).pixels


def cut_out(
    picture: Picture, network: Network, background: Background, alpha_only: bool = False
) -> CutOut:
    """Cuts the person out of a picture that is already read.

    Where the picture has an alpha of its own, the two multiply.
    """
    image = picture.image
    seen = image
    if picture.alpha is not None:
        # Under transparency a file may hold anything; the network sees it over white.
        seen = over(image, picture.alpha, np.full((1, 1, 3), 255, np.uint8))
    alpha = matte(seen, network)
    if picture.alpha is not None:
        alpha = alpha * picture.alpha
    pixels = _finish(image, alpha, background, alpha_only)
    return CutOut(pixels, alpha, picture.kept, has_person(alpha))


def _finish(
    image: Image, alpha: Alpha, background: Background, alpha_only: bool
) -> NDArray[np.uint8]:
    if alpha_only:
        return to_bytes(alpha)
    foreground = estimate_foreground(image, alpha)
    if background.none:
        return with_alpha(foreground, alpha)
    return lay_over(foreground, alpha, background, image)

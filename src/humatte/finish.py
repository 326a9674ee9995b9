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
from humatte.composite import WHITE, Background, backdrop, over, parse_background, with_alpha
from humatte.foreground import estimate_foreground
from humatte.image_io import Kept, Picture, read
from humatte.matting import REFINEMENT, Refinement, has_person, matte
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
    refine: Refinement = REFINEMENT,
) -> NDArray[np.uint8]:
    """Cuts the person out of a picture.

    Args:
        source: a path, a file's bytes, or an image (H, W, 3) uint8 RGB.
        background: `none` (transparent), `blur[:radius]`, `gray`, a colour name, `#rrggbb`, or the
            path of a picture.
        alpha_only: give the matte instead of a picture.
        model: a network's name, an .onnx file, or an open network.
        refine: `off`, `fast` or `detail`, how the matte becomes as large as the picture
            (`humatte.matte`).

    Returns:
        uint8, in the picture's own colour profile: (H, W, 4) straight RGBA for `none`, (H, W, 3)
        over a background, (H, W) for `alpha_only`.

    Raises:
        UsageError: unknown background, network or refinement, or a wrong array.
        PictureError: an unreadable picture.
    """
    network = model if isinstance(model, Network) else load(model)
    if isinstance(source, np.ndarray):
        picture = Picture(check_image(source), None, Kept())
    else:
        picture = read(source if isinstance(source, bytes) else Path(source))
    return cut_out(picture, network, parse_background(background), alpha_only, refine).pixels


def cut_out(
    picture: Picture,
    network: Network,
    background: Background,
    alpha_only: bool = False,
    refine: Refinement = REFINEMENT,
) -> CutOut:
    """Cuts the person out of a picture that is already read.

    Where the picture has an alpha of its own, the two multiply.
    """
    image = picture.image
    # Under transparency a file may hold anything: network, blur and gray see it over white.
    own = picture.alpha
    seen = image if own is None else over(image, own, WHITE)
    found = matte(seen, network, refine)
    alpha = found if own is None else found * own
    person = has_person(alpha)
    if alpha_only:
        return CutOut(to_bytes(alpha), alpha, picture.kept, person)
    # The picture's colours are straight where its own alpha is soft; only where the network's
    # matte is soft is the old background mixed in.
    foreground = estimate_foreground(image, found)
    if background.none:
        return CutOut(with_alpha(foreground, alpha), alpha, picture.kept, person)
    behind = backdrop(background, seen, alpha, picture.kept.icc)
    return CutOut(over(foreground, alpha, behind), alpha, picture.kept, person)

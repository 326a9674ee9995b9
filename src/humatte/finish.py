"""One picture, finished: read, matte, straight colours, background.

In: a path, bytes or an image array. Out: pixels, ready to be shown or encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from humatte.arrays import Alpha, Colours, check_colours, to_integers
from humatte.catalog import DEFAULT, load
from humatte.colour import premultiply
from humatte.composite import (
    WHITE,
    Background,
    as_deep,
    backdrop,
    over,
    parse_background,
    with_alpha,
)
from humatte.deep import rounded
from humatte.errors import UsageError
from humatte.foreground import estimate_foreground
from humatte.image_io import Kept, Picture, read
from humatte.matting import has_person, matte
from humatte.network import Network


@dataclass(frozen=True)
class CutOut:
    """A finished picture.

    `pixels` is (H, W, 4) straight RGBA, (H, W, 3) over a background, or (H, W) alpha alone; uint16
    where the picture is `deep`, else uint8.
    """

    pixels: Colours
    alpha: Alpha
    kept: Kept
    person_found: bool


def cutout(
    source: str | PathLike[str] | bytes | Colours,
    *,
    background: str = "none",
    alpha_only: bool = False,
    premultiplied: bool = False,
    model: str | Network = DEFAULT,
) -> Colours:
    """Cuts the person out of a picture.

    Args:
        source: a path, a file's bytes, or an image (H, W, 3) uint8 or uint16 RGB.
        background: `none` (transparent), `blur[:radius]`, `gray`, a colour name, `#rrggbb`, or the
            path of a picture.
        alpha_only: give the matte instead of a picture.
        premultiplied: give colours multiplied by alpha.
        model: a network's name, an .onnx file, or an open network.

    Returns:
        uint8, or uint16 of a picture with 16 bits a channel, in its own colour profile: (H, W, 4)
        straight RGBA for `none`, (H, W, 3) over a background, (H, W) for `alpha_only`. Pixels that
        a byte would hold as opaque have exactly the picture's values.

    Raises:
        UsageError: unknown background or network, a wrong array, or premultiplied with a result
            that is not transparent.
        PictureError: an unreadable picture.
    """
    behind = parse_background(background)
    if premultiplied and (alpha_only or not behind.none):
        raise UsageError(
            "premultiplied needs a transparent result; leave alpha_only and background"
        )
    network = model if isinstance(model, Network) else load(model)
    if isinstance(source, np.ndarray):
        picture = _of_array(source)
    else:
        picture = read(source if isinstance(source, bytes) else Path(source), keep_deep=True)
    pixels = cut_out(picture, network, behind, alpha_only).pixels
    return premultiply(pixels) if premultiplied else pixels


def _of_array(colours: Colours) -> Picture:
    if check_colours(colours).dtype == np.uint8:
        return Picture(colours, None, Kept())
    return Picture(rounded(colours), None, Kept(), colours)


def cut_out(
    picture: Picture, network: Network, background: Background, alpha_only: bool = False
) -> CutOut:
    """Cuts the person out of a picture that is already read.

    Where the picture has an alpha of its own, the two multiply. The network sees 8 bits, the result
    is made of 16 where the picture is `deep`.
    """
    image: Colours = picture.image
    # Under transparency a file may hold anything: network, blur and gray see it over white.
    own = picture.alpha
    found = matte(image if own is None else over(image, own, WHITE), network)
    image = image if picture.deep is None else picture.deep
    alpha = found if own is None else found * own
    person = has_person(alpha)
    if alpha_only:
        return CutOut(to_integers(alpha, image.dtype), alpha, picture.kept, person)
    # The picture's colours are straight where its own alpha is soft; only where the network's
    # matte is soft is the old background mixed in.
    foreground = estimate_foreground(image, found)
    if background.none:
        return CutOut(with_alpha(foreground, alpha), alpha, picture.kept, person)
    seen = image if own is None else over(image, own, as_deep(WHITE, image.dtype))
    behind = backdrop(background, seen, alpha, picture.kept.icc)
    return CutOut(over(foreground, alpha, behind), alpha, picture.kept, person)

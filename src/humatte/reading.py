"""A picture read as large as its result needs, and no larger.

In: a file, what is asked of its result, the network. Out: the picture and, where the network has
seen it already, its matte. A JPEG of which a small result is wanted is decoded at a half, a quarter
or an eighth of its size: most of a large photo's time and memory is that of its pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from humatte.arrays import Alpha, Size
from humatte.detail import SCALE
from humatte.effects import Room
from humatte.framing import Subject, frame_of
from humatte.hints import NO_HINTS, Hints
from humatte.image_io import Picture, read
from humatte.matting import Refinement
from humatte.network import Network
from humatte.options import Options
from humatte.parts import Cuts
from humatte.paths import is_regular
from humatte.refine import FULL_WEIGHT
from humatte.second_look import boxes_of_small_people

# What is reduced once more hardly shows how it was decoded: with so many times the pixels that are
# needed, mattes of 12-megapixel photos differ by 0.02 to 0.12 of 255 on the mean, with half as many
# by 0.15 to 0.37.
_SPARE = 1.5


class Reading(NamedTuple):
    """A picture, and the network's small matte of it if it was asked for that already."""

    picture: Picture
    first: Alpha | None = None


def read_for(
    source: Path | bytes,
    network: Network,
    options: Options,
    hints: Hints = NO_HINTS,
    *,
    keep_deep: bool = False,
    whole: bool = False,
) -> Reading:
    """Reads a picture for a result, at a reduced size where that shows in nothing.

    Crops, chosen places and hints are in the file's own pixels: then all of them are read. So they
    are where somebody small is in the picture, whom the network would see with fewer pixels.

    Args:
        source: a file's path, or its bytes.
        network: the one that will make the matte.
        options: what is asked of the result.
        hints: about the matte.
        keep_deep: as of `image_io.read`.
        whole: all of it in any case.

    Raises:
        UsageError: a size that cannot be made.
        PictureError: as `image_io.read`.
    """
    least = _least_side(network, options)
    again = isinstance(source, bytes) or is_regular(source)  # a pipe can be read once
    if whole or least is None or hints.given() or not again:
        return Reading(read(source, keep_deep=keep_deep))
    picture = read(source, keep_deep=keep_deep, least_side=least)
    if picture.full is None or options.refine == "off":
        return Reading(picture)
    first = network.small(picture.image)
    size = (picture.image.shape[0], picture.image.shape[1])
    wanted = _closest_side(network, options.refine)
    if any(max(box.size) < wanted for box in boxes_of_small_people(first, size)):
        return Reading(read(source, keep_deep=keep_deep))
    return Reading(picture, first)


def _least_side(network: Network, options: Options) -> Callable[[Size], int] | None:
    """The long side that is needed of a picture of a size; None where it is all of them."""
    asked = options.framing
    placed = options.person is not None and bool(options.person.place)
    if asked.size is None or asked.crop or options.id_photo or placed:
        return None
    for_matte = _closest_side(network, options.refine)
    if options.refine != "off":
        for_matte *= FULL_WEIGHT

    def least(size: Size) -> int:
        frame = frame_of(Subject(size, None, Cuts(*[False] * 4)), asked, Room(), inside=False)
        return round(_SPARE * max(*frame.inner, for_matte))

    return least


def _closest_side(network: Network, refine: Refinement) -> float:
    """The long side of a picture as the network sees it at its closest, in pixels."""
    return network.facts.best_long_side * (SCALE if refine == "detail" else 1)

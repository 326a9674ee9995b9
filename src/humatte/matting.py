"""The main path: a picture in, its matte out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast, get_args

import numpy as np

from humatte.arrays import Alpha, Image, check_image, resize
from humatte.detail import look_closer
from humatte.errors import UsageError
from humatte.metrics import LEAST_PERSON, PERSON_THRESHOLD
from humatte.network import Network
from humatte.refine import sharpen
from humatte.second_look import boxes_of_small_people, put_in

Refinement = Literal["off", "fast", "detail"]
REFINEMENT: Refinement = "detail"
"""What users get unless they choose; benchmarks/refine.py says what each gives and costs."""


def matte(
    image: Image, network: Network, refine: Refinement = REFINEMENT, first: Alpha | None = None
) -> Alpha:
    """The matte (H, W) float32 in [0, 1] of an image (H, W, 3) uint8 RGB.

    An empty scene gives an empty matte: nothing is stretched.

    Args:
        image: of any size.
        network: an open network.
        refine: how the network's matte, a few hundred pixels large, becomes as large as the image.
            `off`: enlarged bilinearly. `fast`: edges drawn after the picture, and people who fill
            little of it looked at again. `detail`: edges also looked at again, from closer by.
        first: what `network.small` gave for the image, if it was asked; but for `off`.

    Raises:
        UsageError: anything but an image (H, W, 3) uint8, or an unknown refinement.
    """
    check_image(image)
    if refinement(refine) == "off":
        return network(image)
    return matte_through(image, network, refine, _as_it_is, first)


def matte_through(
    image: Image,
    network: Network,
    refine: Refinement,
    change: Callable[[Alpha], Alpha],
    first: Alpha | None = None,
) -> Alpha:
    """As `matte`, but for a change of the small matte before it is drawn at the image's size.

    Args:
        image: (H, W, 3) uint8 RGB.
        network: an open network.
        refine: a known refinement.
        change: takes and gives (h, w) float32 in [0, 1]: the network's matte of the whole image, of
            `detail` after the closer look. Second looks at small people are not changed by it.
        first: as in `matte`.
    """
    small = network.small(image) if first is None else first
    if refine == "off":
        return np.clip(resize(change(small), (image.shape[0], image.shape[1])), 0, 1)
    alpha = _at_full_size(image, small, network, refine, change)
    for box in boxes_of_small_people(small, (image.shape[0], image.shape[1])):
        part = image[box.slices]
        put_in(alpha, _at_full_size(part, network.small(part), network, refine, _as_it_is), box)
    return alpha


def refinement(name: str) -> Refinement:
    """The refinement of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in get_args(Refinement):
        raise UsageError(f"unknown refinement '{name}'; expected off, fast or detail")
    return cast(Refinement, name)


def _at_full_size(
    image: Image,
    small: Alpha,
    network: Network,
    refine: Refinement,
    change: Callable[[Alpha], Alpha],
) -> Alpha:
    if refine == "detail":
        small = look_closer(image, small, network)
    return sharpen(image, change(small))


def _as_it_is(small: Alpha) -> Alpha:
    return small


def has_person(alpha: Alpha) -> bool:
    """Whether a matte holds a person: at least 0.2 % of its pixels are at 0.5 or more."""
    inside = np.count_nonzero(alpha >= PERSON_THRESHOLD)
    return bool(inside >= LEAST_PERSON * alpha.size)

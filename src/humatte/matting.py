"""The main path: a picture in, its matte out."""

from __future__ import annotations

import numpy as np

from humatte.arrays import Alpha, Image, check_image
from humatte.metrics import LEAST_PERSON, PERSON_THRESHOLD
from humatte.network import Network


def matte(image: Image, network: Network) -> Alpha:
    """The matte (H, W) float32 in [0, 1] of an image (H, W, 3) uint8 RGB.

    An empty scene gives an empty matte: nothing is stretched.

    Raises:
        UsageError: anything but an image (H, W, 3) uint8.
    """
    return network(check_image(image))


def has_person(alpha: Alpha) -> bool:
    """Whether a matte holds a person: at least 0.2 % of its pixels are at 0.5 or more."""
    inside = np.count_nonzero(alpha >= PERSON_THRESHOLD)
    return bool(inside >= LEAST_PERSON * alpha.size)

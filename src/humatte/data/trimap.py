"""Trimaps: where a matte is sure of the person, sure of the background, and unsure.

In: a matte, soft or hard. Out: a trimap (H, W) uint8 of 0 (background), 128 (unsure), 255 (person).
The picture's edge is no edge of the person: one who is cut off by it stays sure up to the frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Size, check_alpha
from humatte.errors import UsageError

Trimap = NDArray[np.uint8]
Kernel = Literal["ellipse", "rectangle", "cross"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)

BACKGROUND, UNSURE, PERSON = 0, 128, 255
SURE_WITHIN = 0.02
"""Alpha this close to 0 or 1 is sure: what compression and rounding leave of an exact 0 or 1."""


def trimap_of(
    alpha: Alpha, reach_px: int, kernel: Kernel = "ellipse", inward_px: int | None = None
) -> Trimap:
    """The trimap of a matte: what is not nearly 0 or 1 is unsure, and so is what lies near it.

    Where sure person and sure background meet without anything soft between them, as in a hard
    mask, the edge itself is what grows.

    Args:
        alpha: (H, W) float32 in [0, 1], soft or hard.
        reach_px: how far the unsure band reaches, in pixels; 0 = only what is soft.
        kernel: the shape that reaches: a disc of that radius, a square or a cross of that arm.
        inward_px: how far it reaches into the person, if not as far as into the background.

    Returns:
        (H, W) uint8: `BACKGROUND` 0, `UNSURE` 128, `PERSON` 255. Beyond the picture's edge nothing
        is assumed: the edge adds no unsure pixel.

    Raises:
        UsageError: not an alpha, a negative reach, an unknown kernel.
    """
    check_alpha(alpha)
    inward = reach_px if inward_px is None else inward_px
    if min(reach_px, inward) < 0:
        raise UsageError(f"a trimap's reach is {min(reach_px, inward)} pixels; expected 0 or more")
    # In bytes: 0 to 5 and 250 to 255 are sure.
    person = _eroded(alpha >= np.float32(1 - SURE_WITHIN), inward, kernel)
    background = _eroded(alpha <= np.float32(SURE_WITHIN), reach_px, kernel)
    trimap = np.full(alpha.shape, UNSURE, np.uint8)
    trimap[person] = PERSON
    trimap[background] = BACKGROUND
    return trimap


def _eroded(inside: NDArray[np.bool_], reach_px: int, kernel: Kernel) -> NDArray[np.bool_]:
    """What lies farther than the reach from everything outside, within the picture."""
    if kernel not in KERNELS:
        raise UsageError(f"no kernel '{kernel}'; expected one of {', '.join(KERNELS)}")
    pixels = inside.astype(np.uint8)
    if reach_px == 0 or not pixels.size or pixels.all():
        return inside
    if kernel == "ellipse":
        # Exact, and as fast for 80 pixels as for 2, where eroding with a disc is not.
        distance = cv2.distanceTransform(pixels, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Squared distances are whole numbers: half a unit keeps rounding out of the comparison.
        return np.asarray(np.square(distance) > reach_px**2 + 0.5)
    side = 2 * reach_px + 1
    if kernel == "rectangle":
        return np.asarray(_erode(pixels, (side, side))) > 0
    return np.asarray(_erode(pixels, (side, 1)) & _erode(pixels, (1, side))) > 0


def _erode(pixels: NDArray[np.uint8], sides: tuple[int, int]) -> NDArray[np.uint8]:
    # cv2's default border counts as inside: the picture's edge erodes nothing.
    return np.asarray(cv2.erode(pixels, cv2.getStructuringElement(cv2.MORPH_RECT, sides)))


def permille_px(size: Size, permille: float) -> int:
    """Thousandths of a picture's long side, in whole pixels; at least 1."""
    return max(1, round(max(size) * permille / 1000))


@dataclass(frozen=True)
class Reach:
    """How far an unsure band reaches: in pixels, or in thousandths of the picture's long side."""

    pixels: int = 0
    permille: float | None = None

    def px(self, size: Size) -> int:
        """The reach in a picture of this size, in pixels."""
        return self.pixels if self.permille is None else permille_px(size, self.permille)

    def __str__(self) -> str:
        return f"{self.pixels}px" if self.permille is None else f"{self.permille:g}permille"


_REACH = re.compile(r"(\d+(?:\.\d+)?)\s*(px|%|permille|‰|)")
_PERMILLE = {"%": 10.0, "permille": 1.0, "‰": 1.0}


def parse_reach(text: str) -> Reach:
    """Understands `12` and `12px` (pixels), `20permille`, `20‰` and `2%` (of the long side).

    Raises:
        UsageError: anything else, parts of pixels, or more than the whole picture.
    """
    found = _REACH.fullmatch(text.strip().lower())
    if found:
        number, unit = float(found[1]), found[2]
        if unit in _PERMILLE and 0 < number * _PERMILLE[unit] <= 1000:
            return Reach(permille=number * _PERMILLE[unit])
        if unit not in _PERMILLE and number == int(number) < 2**15:
            return Reach(pixels=int(number))
    raise UsageError(
        f"cannot understand the size '{text}'; expected pixels, as 12, or thousandths of the "
        "long side, as 20permille"
    )


@dataclass(frozen=True)
class Band:
    """How a trimap's unsure band is made: its reach, its shape, its reach into the person."""

    reach: Reach = Reach(permille=10)
    kernel: Kernel = "ellipse"
    inward: Reach | None = None

    def of(self, alpha: Alpha) -> Trimap:
        """The trimap of an alpha (H, W) float32."""
        size = (alpha.shape[0], alpha.shape[1])
        inward = self.inward.px(size) if self.inward else None
        return trimap_of(alpha, self.reach.px(size), self.kernel, inward)

    def settings(self) -> dict[str, str]:
        """What the results depend on."""
        inward = str(self.inward or self.reach)
        return {"size": str(self.reach), "inward": inward, "kernel": self.kernel}


def parse_band(size: str, kernel: str, inward: str | None = None) -> Band:
    """A band from what a user typed.

    Raises:
        UsageError: a size or kernel that is not known.
    """
    found = next((known for known in KERNELS if known == kernel), None)
    if not found:
        raise UsageError(f"no kernel '{kernel}'; expected one of {', '.join(KERNELS)}")
    return Band(parse_reach(size), found, parse_reach(inward) if inward else None)

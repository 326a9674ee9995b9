"""A shadow and an outline: layers between the person and what is behind them.

In: straight colours and their matte, at the result's size. Out: the same with the layers under
them, for transparent and opaque results alike. A pixel whose alpha is 1 keeps its colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, resize
from humatte.errors import UsageError
from humatte.lengths import (
    Colour,
    Length,
    need_colour,
    parse_length,
    parse_pairs,
    parse_share,
)
from humatte.metrics import PERSON_THRESHOLD

_NEAR = Length(1.5, percent=True)
_SHADOW_KEYS = ("x", "y", "blur", "opacity", "colour")
_VISIBLE_SIGMAS = 2.5  # a Gaussian is taken to end there
_STRIP_ROWS = 256  # rows handled at once: keeps temporaries small whatever the picture's size


class Room(NamedTuple):
    """How far layers reach beyond the person, in pixels."""

    top: float = 0.0
    left: float = 0.0
    bottom: float = 0.0
    right: float = 0.0

    def scaled(self, factor: float) -> Room:
        """The same in other pixels."""
        return Room(*(side * factor for side in self))


@dataclass(frozen=True)
class Shadow:
    """A soft copy of the person's shape. Percentages are of the person's longer side."""

    x: Length = _NEAR
    """How far to the right."""
    y: Length = _NEAR
    """How far down."""
    blur: Length = _NEAR
    """The Gaussian's standard deviation."""
    opacity: float = 0.5
    colour: Colour = (0, 0, 0)


@dataclass(frozen=True)
class Outline:
    """A sticker's rim around the person. Percentages are of the person's longer side."""

    width: Length
    colour: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Effects:
    """The layers under the person: the outline, and below it the shadow of both."""

    outline: Outline | None = None
    shadow: Shadow | None = None

    @property
    def any(self) -> bool:
        """Whether there is a layer at all."""
        return self.outline is not None or self.shadow is not None

    def room(self, person_px: float) -> Room:
        """How far the layers reach beyond a person whose longer side is `person_px`."""
        rim = self.outline.width.px(person_px) if self.outline else 0.0
        if self.shadow is None:
            return Room(rim, rim, rim, rim)
        x, y = self.shadow.x.px(person_px), self.shadow.y.px(person_px)
        soft = _VISIBLE_SIGMAS * self.shadow.blur.px(person_px)
        sides = (soft - y, soft - x, soft + y, soft + x)
        return Room(*(max(rim, rim + side) for side in sides))


def parse_shadow(text: str) -> Shadow:
    """Understands x=…,y=…,blur=…,opacity=…,colour=…, each optional; lengths in pixels or percent.

    Raises:
        UsageError: anything else.
    """
    found = parse_pairs(text, "shadow", _SHADOW_KEYS)
    values: dict[str, Any] = {
        key: parse_length(found[key], f"shadow {key}", signed=key != "blur")
        for key in ("x", "y", "blur")
        if key in found
    }
    if "opacity" in found:
        values["opacity"] = parse_share(found["opacity"], "shadow opacity")
    if "colour" in found:
        values["colour"] = need_colour(found["colour"], "shadow colour")
    return Shadow(**values)


def parse_outline(text: str) -> Outline:
    """Understands WIDTH and WIDTH:COLOUR.

    Raises:
        UsageError: anything else, or no width.
    """
    width, _, colour = text.partition(":")
    length = parse_length(width, "outline")
    if not length.value:
        raise UsageError("outline: a width of 0; leave --outline out, or give pixels, as 8")
    return Outline(length, need_colour(colour, "outline")) if colour else Outline(length)


def outline_alpha(alpha: Alpha, width_px: float) -> Alpha:
    """Where a rim of `width_px` around the matte's half is, the person's place included.

    (H, W) float32: 1 inside, falling to 0 over one pixel. The rim keeps off the frame's edge
    nowhere: a person whom the frame cuts off has none there.
    """
    outside = (alpha < PERSON_THRESHOLD).astype(np.uint8)
    if outside.all():
        return np.zeros_like(alpha)
    # From the centres of pixels inside; the person ends half a pixel beyond these.
    away = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    away = cv2.GaussianBlur(away, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(width_px + 1 - away, 0, 1), np.float32)


def shadow_alpha(alpha: Alpha, shadow: Shadow, person_px: float) -> Alpha:
    """How much of the light a shadow takes, (H, W) float32 in [0, its opacity]."""
    sigma = shadow.blur.px(person_px)
    height, width = alpha.shape
    # A large blur is smooth: done at a reduced size, it takes no longer than a small one.
    factor = max(1, int(sigma / 4))
    small = resize(alpha, (max(1, height // factor), max(1, width // factor)))
    scale = (small.shape[1] / width, small.shape[0] / height)
    move = np.array([[1, 0, shadow.x.px(person_px)], [0, 1, shadow.y.px(person_px)]], np.float64)
    move[:, 2] *= scale
    # Whom the frame cuts off goes on beyond it.
    moved = cv2.warpAffine(
        small, move, (small.shape[1], small.shape[0]), borderMode=cv2.BORDER_REPLICATE
    )
    if sigma > 0:
        moved = cv2.GaussianBlur(moved, (0, 0), sigma * scale[0], borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(resize(np.asarray(moved), (height, width)), 0, 1) * shadow.opacity)


def under(
    foreground: NDArray[Any], alpha: Alpha, colour: NDArray[Any], layer: Alpha
) -> tuple[NDArray[Any], Alpha]:
    """A person with a layer of one colour below them: straight colours and alpha of both.

    Args:
        foreground: (H, W, 3), uint8 or uint16, straight.
        alpha: (H, W) float32.
        colour: (3,) uint8.
        layer: (H, W) float32, the layer's own alpha.

    Returns:
        New arrays: alpha a + (1 - a) l, colours (a F + (1 - a) l C) / alpha. Both are as before
        where the layer is 0 or alpha is 1.

    Source: T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984, the operator over.
    """
    colours, total = foreground.copy(), alpha.copy()
    plain = colour.astype(np.float32) * (np.iinfo(foreground.dtype).max // 255)
    for top in range(0, len(alpha), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        share = (1 - alpha[rows]) * layer[rows]
        seen = share > 0
        own, added = alpha[rows][seen][:, None], share[seen][:, None]
        mixed = (own * foreground[rows][seen] + added * plain) / (own + added)
        colours[rows][seen] = np.rint(mixed).astype(foreground.dtype)
        total[rows][seen] = np.minimum(own + added, 1)[:, 0]
    return colours, total

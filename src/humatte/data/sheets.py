"""Contact sheets: a matte is judged by eye as well as by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from humatte.arrays import Alpha, Image, resize, to_bytes
from humatte.composite import over
from humatte.prepare import fitted_size

MAGENTA = np.array([[[255, 0, 255]]], np.uint8)  # a colour that people do not wear or have
_CAPTION_PX = 16


@dataclass(frozen=True)
class Tile:
    """A picture and the mattes to show it with, left to right."""

    caption: str
    image: Image
    alphas: Sequence[Alpha]


def contact_sheet(
    tiles: Sequence[Tile], columns: int, cell_px: int = 160, gray: bool = False
) -> Image:
    """Draws tiles in rows: each is the picture, then the picture on magenta for every matte.

    Args:
        tiles: all with as many mattes.
        columns: tiles in a row.
        cell_px: the long side of each picture.
        gray: whether each matte itself stands before the picture on magenta.
    """
    if not tiles:
        return np.full((cell_px, cell_px, 3), 255, np.uint8)
    drawn = [_draw(tile, cell_px, gray) for tile in tiles]
    while len(drawn) % columns:
        drawn.append(np.full_like(drawn[0], 255))
    rows = [np.hstack(drawn[i : i + columns]) for i in range(0, len(drawn), columns)]
    return np.vstack(rows)


def cells(tile: Tile, cell_px: int, gray: bool = False) -> list[Image]:
    """A tile's pictures, left to right, all of one size whose long side is `cell_px`."""
    size = fitted_size((tile.image.shape[0], tile.image.shape[1]), cell_px)
    image = resize(tile.image, size)
    shown = [image]
    for alpha in tile.alphas:
        small = resize(alpha, size)
        shown += [np.repeat(to_bytes(small)[..., None], 3, axis=2)] if gray else []
        shown.append(over(image, small, MAGENTA))
    return shown


def _draw(tile: Tile, cell_px: int, gray: bool) -> Image:
    shown = cells(tile, cell_px, gray)
    sheet = np.full((cell_px + _CAPTION_PX, cell_px * len(shown) + 4, 3), 255, np.uint8)
    for position, picture in enumerate(shown):
        height, width = picture.shape[:2]
        left = position * cell_px
        sheet[_CAPTION_PX : _CAPTION_PX + height, left : left + width] = picture
    black, place = (0, 0, 0), (2, _CAPTION_PX - 4)
    # OpenCV draws ASCII only, and a question mark for every byte of anything else.
    words = tile.caption.encode("ascii", "replace").decode()
    cv2.putText(sheet, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, black, 1, cv2.LINE_AA)
    return sheet

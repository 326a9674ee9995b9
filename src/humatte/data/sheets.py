"""Contact sheets: a matte is judged by eye as well as by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from humatte.arrays import Alpha, Image, resize
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


def contact_sheet(tiles: Sequence[Tile], columns: int, cell_px: int = 160) -> Image:
    """Draws tiles in rows: each is the picture, then the picture on magenta for every matte."""
    if not tiles:
        return np.full((cell_px, cell_px, 3), 255, np.uint8)
    drawn = [_draw(tile, cell_px) for tile in tiles]
    while len(drawn) % columns:
        drawn.append(np.full_like(drawn[0], 255))
    rows = [np.hstack(drawn[i : i + columns]) for i in range(0, len(drawn), columns)]
    return np.vstack(rows)


def _draw(tile: Tile, cell_px: int) -> Image:
    size = fitted_size((tile.image.shape[0], tile.image.shape[1]), cell_px)
    image = resize(tile.image, size)
    pictures = [image, *(over(image, resize(alpha, size), MAGENTA) for alpha in tile.alphas)]
    sheet = np.full((cell_px + _CAPTION_PX, cell_px * len(pictures) + 4, 3), 255, np.uint8)
    for position, picture in enumerate(pictures):
        left = position * cell_px
        sheet[_CAPTION_PX : _CAPTION_PX + size[0], left : left + size[1]] = picture
    black, place = (0, 0, 0), (2, _CAPTION_PX - 4)
    cv2.putText(sheet, tile.caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, black, 1, cv2.LINE_AA)
    return sheet

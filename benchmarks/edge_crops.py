"""Crops at 100 %, before and after: how refinement and straight colours treat real edges.

    python benchmarks/edge_crops.py PHOTO… -o crops.png [--model NAME] [--side 200] [--each 1]

Of every photo the windows that hold the longest outline, apart from each other: the photo; the
matte only enlarged, over green, with its own colours; then `fast` and `detail` with straight
colours.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from humatte.arrays import Alpha, Image
from humatte.catalog import DEFAULT, load
from humatte.composite import over
from humatte.foreground import estimate_foreground
from humatte.image_io import Kept, encode, read, write
from humatte.matting import matte
from humatte.metrics import PERSON_THRESHOLD

GREEN = np.array([[[0, 177, 64]]], np.uint8)
COLUMNS = 3  # photos in a row of the sheet


def main() -> None:
    """Draws the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--side", type=int, default=200)
    parser.add_argument("--each", type=int, default=1)
    options = parser.parse_args()
    network, strips = load(options.model), []
    for path in options.photos:
        image = read(path).image
        mattes = [matte(image, network, refine) for refine in ("off", "fast", "detail")]
        shown = [image, over(image, mattes[0], GREEN)]
        shown += [over(estimate_foreground(image, alpha), alpha, GREEN) for alpha in mattes[1:]]
        for window in outlines(mattes[0], options.side, options.each):
            strips.append(np.hstack([fitted(picture[window], options.side) for picture in shown]))
    blank = np.full_like(strips[0], 255)
    strips += [blank] * (-len(strips) % COLUMNS)
    rows = [np.hstack(strips[i : i + COLUMNS]) for i in range(0, len(strips), COLUMNS)]
    write(encode(np.vstack(rows), "PNG", Kept()), options.out)


def outlines(alpha: Alpha, side: int, count: int) -> list[tuple[slice, slice]]:
    """Windows that hold the longest outline, none over another's middle."""
    person = (alpha >= PERSON_THRESHOLD).astype(np.uint8)
    rim = (person - cv2.erode(person, np.ones((3, 3), np.uint8))).astype(np.float32)
    held = cv2.boxFilter(rim, -1, (side, side), normalize=False)
    found = []
    for _ in range(count):
        row, column = np.unravel_index(int(held.argmax()), held.shape)
        top, left = (
            int(np.clip(centre - side // 2, 0, max(0, length - side)))
            for centre, length in zip((row, column), held.shape, strict=True)
        )
        window = (slice(top, top + side), slice(left, left + side))
        found.append(window)
        held[window] = 0
    return found


def fitted(crop: Image, side: int) -> Image:
    """A crop on a square of its own, pixel for pixel, with a white line around."""
    square = np.full((side + 2, side + 2, 3), 255, np.uint8)
    square[: crop.shape[0], : crop.shape[1]] = crop
    return square


if __name__ == "__main__":
    main()

"""Where pictures and their mattes lie on disk.

In: folders and list files. Out: pairs of paths, and their decoded pixels. Broken pairs are named,
never skipped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from humatte.arrays import Image, resize
from humatte.errors import DataError
from humatte.prepare import fitted_size

PICTURE_SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Pair:
    """One training picture: a file with the photo and, if there is a person, one with the matte."""

    name: str
    image: Path
    alpha: Path | None


def find_pairs(folder: Path, list_file: str) -> list[Pair]:
    """The pairs that a list file names: FOLDER/image/NAME.* with FOLDER/alpha/NAME.png.

    Raises:
        DataError: no list, an empty list, or names without a file; the first ones are listed.
    """
    path = folder / list_file
    if not path.is_file():
        raise DataError(f"{path}: no such list; expected one picture name a line")
    names = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    images = _files_by_stem(folder / "image")
    alphas = _files_by_stem(folder / "alpha")
    missing = [name for name in names if name not in images or name not in alphas]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"{path}: {len(missing)} of {len(names)} names have no file in image/ and alpha/: "
            f"{shown}; remove them from the list"
        )
    if not names:
        raise DataError(f"{path}: the list is empty")
    return [Pair(name, images[name], alphas[name]) for name in names]


def find_backgrounds(folder: Path) -> list[Pair]:
    """Every picture in a folder, as pairs without a person. Empty if there is no such folder."""
    return [Pair(stem, path, None) for stem, path in sorted(_files_by_stem(folder).items())]


def people_folder(data: Path, people: str) -> Path:
    """DATA/people if it is there, else DATA itself.

    Raises:
        DataError: neither holds image/ and alpha/.
    """
    for folder in (data / people, data):
        if (folder / "image").is_dir() and (folder / "alpha").is_dir():
            return folder
    raise DataError(f"{data}: expected folders image/ and alpha/ in it or in its {people}/")


def _files_by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in folder.iterdir() if path.suffix in PICTURE_SUFFIXES}


def read_pair(pair: Pair, long_side: int) -> tuple[Image, NDArray[np.uint8]]:
    """The photo and its matte as bytes (all 0 without one), at most `long_side` pixels long.

    Raises:
        DataError: an unreadable file, or a matte of another size than its photo.
    """
    try:
        with PillowImage.open(pair.image) as file:
            image = np.asarray(file.convert("RGB"))
        alpha: NDArray[np.uint8]
        if pair.alpha is None:
            alpha = np.zeros(image.shape[:2], np.uint8)
        else:
            with PillowImage.open(pair.alpha) as file:
                alpha = np.asarray(file.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{pair.name}: unreadable: {error}") from None
    if alpha.shape != image.shape[:2]:
        raise DataError(
            f"{pair.name}: the matte is {alpha.shape[1]}x{alpha.shape[0]}, "
            f"the photo {image.shape[1]}x{image.shape[0]}"
        )
    if max(alpha.shape) > long_side:
        size = fitted_size((alpha.shape[0], alpha.shape[1]), long_side)
        image, alpha = resize(image, size), resize(alpha, size)
    return image, alpha

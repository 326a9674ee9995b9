"""What a person says of the matte: here they are, here they are not, here it is undecided.

In: a network's matte, and pictures that somebody painted. Out: the matte, corrected. Where no hint
speaks, it is the network's.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Size, resize, to_float
from humatte.errors import UsageError
from humatte.image_io import read

Source = str | PathLike[str] | bytes | NDArray[Any]

KINDS = ("keep", "drop", "trimap", "mask")
_SURE = 5 / 255  # of a trimap: as near to black or white as a JPEG's black and white are
_GROWN = 0.02  # of the long side: how far beyond a rough mask the person may go
_SAME_SHAPE = 0.01  # sides may be rounded so far from the photo's proportions


@dataclass(frozen=True)
class Hints:
    """Pictures about a matte, (h, w) float32 in [0, 1]; None where there is none."""

    keep: Alpha | None = None
    """White: this belongs to the person."""
    drop: Alpha | None = None
    """White: this does not."""
    trimap: Alpha | None = None
    """White: the person; black: the background; between: the network decides."""
    mask: Alpha | None = None
    """White: roughly where the person is; nothing outside it, grown by 2 % of the long side."""

    def given(self) -> list[str]:
        """The names of those that there are."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]


NO_HINTS = Hints()


def read_hints(
    keep: Source | None = None,
    drop: Source | None = None,
    trimap: Source | None = None,
    mask: Source | None = None,
) -> Hints:
    """Hints from files, their bytes, or arrays (H, W) of uint8, bool or float in [0, 1].

    Raises:
        UsageError: an array that is none of that.
        PictureError: a file that cannot be read.
    """
    sources = dict(zip(KINDS, (keep, drop, trimap, mask), strict=True))
    return Hints(**{k: None if s is None else _read(s, k) for k, s in sources.items()})


def _read(source: Source, kind: str) -> Alpha:
    """The brightness of a hint; where its picture is transparent, black."""
    if isinstance(source, np.ndarray):
        return _array(source, kind)
    picture = read(source if isinstance(source, bytes) else Path(fspath(source)))
    gray = to_float(np.asarray(cv2.cvtColor(picture.image, cv2.COLOR_RGB2GRAY)))
    return gray if picture.alpha is None else gray * picture.alpha


def _array(values: NDArray[Any], kind: str) -> Alpha:
    if values.ndim == 2 and values.size:
        if values.dtype in (np.uint8, np.uint16):
            return to_float(values)
        if values.dtype == np.bool_:
            return values.astype(np.float32)
        if values.dtype.kind == "f" and values.min() >= 0 and values.max() <= 1:
            return values.astype(np.float32)
    raise UsageError(
        f"{kind}: found an array {values.shape} {values.dtype}; expected (H, W) of uint8, bool, or "
        "float in [0, 1]"
    )


def guided(alpha: Alpha, hints: Hints) -> Alpha:
    """A matte (H, W), corrected by hints: first the mask, then the trimap, then drop, then keep.

    What comes later wins: where keep and drop are both white, the person is kept.

    Raises:
        UsageError: a hint of other proportions than the picture.
    """
    size = (alpha.shape[0], alpha.shape[1])
    if hints.mask is not None:
        alpha = alpha * _around(_fitted(hints.mask, size, "mask"))
    if hints.trimap is not None:
        trimap = _fitted(hints.trimap, size, "trimap", exact=True)
        alpha = np.where(trimap >= 1 - _SURE, np.float32(1), alpha)
        alpha = np.where(trimap <= _SURE, np.float32(0), alpha)
    if hints.drop is not None:
        alpha = np.minimum(alpha, 1 - _fitted(hints.drop, size, "drop"))
    if hints.keep is not None:
        alpha = np.maximum(alpha, _fitted(hints.keep, size, "keep"))
    return alpha


def _fitted(hint: Alpha, size: Size, kind: str, *, exact: bool = False) -> Alpha:
    """A hint at the picture's size; `exact` keeps its values unmixed, as a trimap needs."""
    if hint.shape == size:
        return hint
    rows, columns = size[0] / hint.shape[0], size[1] / hint.shape[1]
    # A hint made at a small size has sides rounded to whole pixels.
    rounding = 0.5 * max(1 / side for side in (*hint.shape, *size))
    if abs(rows / columns - 1) > _SAME_SHAPE + 2 * rounding:
        raise UsageError(
            f"{kind}: found {hint.shape[1]}x{hint.shape[0]} for a picture of {size[1]}x{size[0]}; "
            "expected the same size, or the same proportions"
        )
    if exact:
        return np.asarray(
            cv2.resize(hint, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
        )
    return np.asarray(np.clip(resize(hint, size), 0, 1))


def _around(mask: Alpha) -> Alpha:
    """1 on a rough mask and half of the way that it is grown, then falling to 0."""
    inside = mask >= 0.5
    if not inside.any():
        return np.zeros_like(mask)
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    reach = max(2.0, _GROWN * max(mask.shape))
    return np.asarray(np.clip(2 - 2 * away / reach, 0, 1), np.float32)

"""Pictures drawn by code, with exactly known alpha."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent


def disc(height: int, width: int, radius: float, soft: float = 2.0) -> np.ndarray:
    """Alpha (H, W) float32 of a disc in the middle with an edge `soft` pixels wide."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    return np.clip((radius - distance) / soft + 0.5, 0, 1).astype(np.float32)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """An image (H, W, 3) of random bytes."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def gradient(height: int, width: int) -> np.ndarray:
    """An image (H, W, 3) in which every place has its own colour."""
    rows = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    columns = np.linspace(0, 255, width, dtype=np.uint8)[None]
    planes = np.broadcast_arrays(rows, columns, np.uint8(90))
    return np.ascontiguousarray(np.stack(planes, axis=2))


def opened(source: Path | bytes) -> Image.Image:
    """A picture, decoded, its file closed again."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        picture.load()
        return picture

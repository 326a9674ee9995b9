"""Draws docs/result.jpg, the README's picture: the example photo and what can be made of it.

Run: python scripts/draw_result.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import humatte

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "astronaut.jpg"


def checkers(size: int, cell: int = 16) -> np.ndarray:
    """What picture editors show behind transparency."""
    odd = (np.indices((size, size)) // cell).sum(axis=0) % 2
    return np.where(odd, 255, 205).astype(np.uint8)[..., None].repeat(3, axis=2)


def main() -> None:
    """Writes the picture."""
    with Image.open(PHOTO) as opened:
        photo = np.asarray(opened.convert("RGB"))
    rgba = humatte.cutout(PHOTO)
    share = rgba[..., 3:].astype(np.float32) / 255
    shown = (rgba[..., :3] * share + checkers(photo.shape[0]) * (1 - share)).astype(np.uint8)
    panels = [photo, shown]
    panels += [humatte.cutout(PHOTO, background=spec) for spec in ("blur:9", "gray", "#7aa6c2")]
    sheet = Image.fromarray(np.hstack(panels))
    sheet = sheet.resize((sheet.width * 5 // 8, sheet.height * 5 // 8), Image.Resampling.LANCZOS)
    sheet.save(ROOT / "docs" / "result.jpg", quality=88)


if __name__ == "__main__":
    main()

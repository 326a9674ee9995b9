"""Time and size of a 12-megapixel RGBA cut-out as PNG, for each of zlib's levels and strategies.

Run: python benchmarks/png_settings.py
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from process import draw_photo

import humatte

STRATEGIES = {0: "default", 1: "filtered", 2: "huffman", 3: "run length", 4: "fixed"}


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        draw_photo(Path(folder) / "photo.jpg")
        picture = Image.fromarray(humatte.cutout(Path(folder) / "photo.jpg"))
    settings = [(level, kind) for level in (1, 6) for kind in STRATEGIES]
    for level, kind in settings:
        seconds = []
        for _ in range(3):
            buffer = io.BytesIO()
            started = time.perf_counter()
            picture.save(buffer, "PNG", compress_level=level, compress_type=kind)
            seconds.append(time.perf_counter() - started)
        size = len(buffer.getvalue()) / 1e6
        print(f"level {level}, {STRATEGIES[kind]:10}  {np.median(seconds):.2f} s  {size:.1f} MB")


if __name__ == "__main__":
    main()

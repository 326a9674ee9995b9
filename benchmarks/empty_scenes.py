"""What the network finds where nobody is: photos from scikit-image, and a folder if one is given.

Run: python benchmarks/empty_scenes.py [--model NAME] [--folder DIR] [--count 200]
Prints the mean alpha of each photo of scikit-image, and mean, p95 and worst over the folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import skimage.data

import humatte
from humatte.image_io import READABLE_SUFFIXES, read

NAMES = "brick grass gravel page moon text coffee chelsea coins rocket hubble_deep_field retina"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="night")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    network = humatte.load(options.model)
    for name in NAMES.split():
        image = getattr(skimage.data, name)()
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        print(f"{name:18} mean alpha {network(image).mean():.4f}")
    if options.folder:
        chosen = spread(options.folder, options.count)
        means = np.array([network(read(path).image).mean() for path in chosen])
        print(f"{len(means)} of {options.folder}: mean {means.mean():.4f}, ", end="")
        print(f"p95 {np.percentile(means, 95):.4f}, worst {means.max():.4f}, ", end="")
        print(f"{(means >= 0.02).sum()} at 0.02 or more")


def spread(folder: Path, count: int) -> list[Path]:
    """So many pictures of a folder, evenly over their names."""
    files = sorted(path for path in folder.iterdir() if path.suffix in READABLE_SUFFIXES)
    return [files[i] for i in np.linspace(0, len(files) - 1, min(count, len(files))).astype(int)]


if __name__ == "__main__":
    main()

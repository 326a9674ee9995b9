"""How well the reported confidence tells good mattes from bad ones, where the true ones are known.

Run: python benchmarks/confidence.py --data DIR [--list val.txt] [--every 3] [--model night]
DIR holds people/image/NAME.*, people/alpha/NAME.png and people/LIST, as for `humatte evaluate`.
Prints, by steps of confidence, how many pictures there are, their mean MAD and person IoU.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from PIL import Image

import humatte
from humatte.arrays import to_float
from humatte.image_io import read
from humatte.metrics import PERSON_THRESHOLD, mad
from humatte.report import confidence

STEPS = (0.0, 0.8, 0.9, 0.95, 1.01)


def scores(network: humatte.Network, folder: Path, name: str) -> tuple[float, float, float]:
    """Confidence, MAD and person IoU of one picture."""
    (picture,) = (folder / "image").glob(f"{name}.*")
    with Image.open(folder / "alpha" / f"{name}.png") as opened:
        truth = to_float(np.asarray(opened.convert("L")))
    alpha = network(read(picture).image)
    found, there = alpha >= PERSON_THRESHOLD, truth >= PERSON_THRESHOLD
    iou = (found & there).sum() / max(1, (found | there).sum())
    return confidence(alpha), mad(alpha, truth), float(iou)


def ranks(values: np.ndarray) -> np.ndarray:
    """The place of each value when sorted."""
    return values.argsort().argsort()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--model", default="night")
    options = parser.parse_args()
    folder = options.data / "people"
    names = (folder / options.list).read_text("utf-8").split()[:: options.every]
    network = humatte.load(options.model)
    rows = np.array([scores(network, folder, name) for name in names])
    print("confidence | pictures | MAD | person IoU")
    for low, high in itertools.pairwise(STEPS):
        chosen = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        if len(chosen):
            _, error, iou = chosen.mean(axis=0)
            print(f"{low:.2f} to {min(high, 1):.2f} | {len(chosen)} | {error:.4f} | {iou:.3f}")
    order = np.corrcoef(ranks(rows[:, 0]), ranks(rows[:, 2]))[0, 1]
    print(f"rank correlation with the IoU: {order:.2f} ({len(rows)} pictures)")


if __name__ == "__main__":
    main()

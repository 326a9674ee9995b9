"""Straight foreground colours, those of video too: error and time beside pymatting's estimate.

Run: python benchmarks/colours.py [--data DIR] [--list val.txt] [--count 16] [--sheets DIR]

Drawn cases have exactly known colours and alpha: a textured shape with hair-like strands, and one
with a wide soft edge, over strong backgrounds, at several sizes. Real cases, of a set given by
--data: a person's colours, as estimated in their own photo, over another background, and estimated
again from there. The first estimate is once ours and once pymatting's: each favours itself.

Errors are in levels of 255 where 0 < alpha < 1: of the colours, weighted by alpha, and of the
composite over a new colour, its mean and its 99th percentile. Seconds are the best of three runs
of each, in turn. --sheets writes crops over black, white, green and magenta, to look at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from pymatting import estimate_foreground_ml

from humatte.arrays import resize, to_bytes, to_float
from humatte.composite import over
from humatte.data.layouts import find_backgrounds, find_set
from humatte.data.pairs import read_pair
from humatte.foreground import estimate_foreground, quick_foreground

Estimate = Callable[[np.ndarray, np.ndarray], np.ndarray]
Case = tuple[np.ndarray, np.ndarray, np.ndarray]
"""An image, its alpha, its true foreground."""

COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255)}
COLOURS |= {"green": (0, 177, 64), "magenta": (255, 0, 255)}


def multi_level(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """pymatting's estimate, its default settings."""
    return to_bytes(np.clip(estimate_foreground_ml(to_float(image), alpha), 0, 1))


ESTIMATES: dict[str, Estimate] = {"ours": estimate_foreground, "multi-level": multi_level}
QUICK: dict[str, Estimate] = {"video's": quick_foreground}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--sizes", nargs="+", type=int, default=[480, 1200, 2400, 4000])
    parser.add_argument("--sheets", type=Path)
    options = parser.parse_args()
    multi_level(np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 0.5, np.float32))  # compiles it
    print(f"{'case':34} {'':12} {'colours':>8} {'composed':>9} {'p99':>6} {'seconds':>8}")
    for long_side in options.sizes:
        for kind in ("strands", "soft edge"):
            for ground in ("green", "pattern"):
                case = drawn(kind, ground, (long_side * 3 // 4, long_side))
                compare(f"{kind} over {ground}, {long_side}", [case])
    if options.data:
        people = read_people(options.data, options.list, options.count)
        for name, estimate in ESTIMATES.items():
            for scale in (1, 4):
                cases = [again(*person, estimate, scale) for person in people]
                compare(f"people by {name}, x{scale}", cases)
        if options.sheets:
            draw_sheets(people, options.sheets)


def compare(name: str, cases: list[Case]) -> None:
    """Prints one line for each estimate."""
    for label, estimate in (ESTIMATES | QUICK).items():
        rows = [(*errors(case, estimate(*case[:2])), seconds(estimate, case)) for case in cases]
        colours, composed, worst, time_s = np.mean(rows, axis=0)
        print(f"{name:34} {label:12} {colours:8.2f} {composed:9.2f} {worst:6.1f} {time_s:8.3f}")


def errors(case: Case, found: np.ndarray) -> tuple[float, float, float]:
    """Of the colours, weighted by alpha; of a composite over a new colour: mean and p99."""
    _, alpha, truth = case
    soft = (alpha > 0) & (alpha < 1)
    weight = alpha[soft]
    off = np.abs(found[soft].astype(float) - truth[soft]).mean(axis=1)
    return (
        float((off * weight).sum() / weight.sum()),
        float((off * weight).mean()),
        float(np.percentile(off * weight, 99)),
    )


def seconds(estimate: Estimate, case: Case) -> float:
    """The best of three runs."""
    best = np.inf
    for _ in range(3):
        started = time.perf_counter()
        estimate(*case[:2])
        best = min(best, time.perf_counter() - started)
    return best


def drawn(kind: str, ground: str, size: tuple[int, int]) -> Case:
    """A shape with 400 strands or a wide soft edge, over plain green or a bold pattern."""
    rng = np.random.default_rng(0)
    person = texture(size, np.array([(70, 48, 36), (150, 96, 70), (40, 60, 120)]), rng)
    background = np.full((*size, 3), (20, 210, 40), np.uint8)
    if ground == "pattern":
        background = texture(size, np.array([(250, 40, 30), (30, 60, 250), (255, 240, 60)]), rng)
    alpha = strands(size, rng) if kind == "strands" else soft_shape(size)
    return over(person, alpha, background), alpha, person


def texture(size: tuple[int, int], palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Patches of some colours, about 40 in each direction, with fine grain."""
    cells = palette[rng.integers(0, len(palette), (30, 40))].astype(np.uint8)
    patches = cv2.resize(cells, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(patches + rng.normal(0, 6, (*size, 1)), 0, 255).astype(np.uint8)


def strands(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Alpha of an ellipse with curly strands of half a pixel to two pixels (at 480 pixels)."""
    factor = 2 if max(size) > 2000 else 4
    height, width = factor * size[0], factor * size[1]
    unit = width / 480
    mask = np.zeros((height, width), np.uint8)
    middle, radii = (width // 2, height // 2), (width // 5, height // 3)
    cv2.ellipse(mask, middle, radii, 0, 0, 360, 255, -1)
    for angle in rng.uniform(0, 2 * np.pi, 400):
        way = np.array([np.cos(angle), np.sin(angle)])
        points = [np.array(middle) + 0.97 * way * radii]
        for _ in range(6):
            way = way + rng.normal(0, 0.35, 2)
            way /= np.linalg.norm(way)
            points.append(points[-1] + way * rng.uniform(2, 6) * unit)
        thick = max(1, round(rng.uniform(0.5, 2) * min(unit, 3 * factor)))
        cv2.polylines(mask, [np.rint(points).astype(np.int32)], False, 255, thick, cv2.LINE_AA)
    return to_float(resize(mask, size))


def soft_shape(size: tuple[int, int]) -> np.ndarray:
    """Alpha of an ellipse whose edge is 4 % of the long side wide."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    distance = np.hypot((y / size[0] - 0.5) * 3, (x / size[1] - 0.5) * 4) * max(size) / 4
    return np.clip((max(size) / 4 - distance) / (0.04 * max(size)) + 0.5, 0, 1)


Person = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A photo, its matte, and another background of the same size."""


def read_people(data: Path, list_file: str, count: int) -> list[Person]:
    """People, evenly taken from a list, each with a background."""
    pairs = find_set(data, "people", list_file)
    scenes = find_backgrounds(data / "background")
    people = []
    for number in np.linspace(0, len(pairs) - 1, count).astype(int):
        image, alpha = read_pair(pairs[number])
        scene, _ = read_pair(scenes[int(number) * 7 % len(scenes)])
        people.append((image, to_float(alpha), resize(scene, alpha.shape)))
    return people


def again(
    image: np.ndarray, alpha: np.ndarray, scene: np.ndarray, estimate: Estimate, scale: int
) -> Case:
    """The person over another background, enlarged; the truth is an estimate in the old photo."""
    size = (alpha.shape[0] * scale, alpha.shape[1] * scale)
    truth, scene = resize(estimate(image, alpha), size), resize(scene, size)
    alpha = np.clip(resize(alpha, size), 0, 1)
    return over(truth, alpha, scene), alpha, truth


def draw_sheets(people: list[Person], folder: Path) -> None:
    """PNGs: the photo, then each estimate over four colours."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, person in enumerate(people):
        laid, alpha, truth = again(*person, multi_level, 1)
        rows = []
        for found in (laid, *(estimate(laid, alpha) for estimate in ESTIMATES.values()), truth):
            colours = [np.array([[colour]], np.uint8) for colour in COLOURS.values()]
            rows.append(np.hstack([laid, *(over(found, alpha, colour) for colour in colours)]))
        cv2.imwrite(str(folder / f"{number:02d}.png"), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()

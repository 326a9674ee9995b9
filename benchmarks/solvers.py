"""How good, fast and large `humatte data alpha` is, and what restoring a small matte keeps.

Run: python benchmarks/solvers.py --data DIR [--list val.txt] [--count 16] [--solve-at 480 640 960]

DIR holds people with mattes, and background/. Masks are made of the mattes: exact ones (0 or 255,
at one half), and coarse ones, as drawn by hand, from the matte at a small fraction of its size.
Trimaps are made of the masks, mattes of the trimaps; these are compared with the mattes that all
came from, and so are the masks themselves, with their edge blurred by one pixel. Photos' own
mattes have errors too; shapes with drawn hair have none.

Mattes are also reduced and restored in three ways: bilinear, the guided filter as published, and
`humatte.refine`. Time and memory come first, each in a fresh process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from humatte.arrays import resize, to_float
from humatte.composite import over
from humatte.data.alpha import METHODS, Method, Solver, load_solvers, solve_alpha, unsolvable
from humatte.data.layouts import find_backgrounds, find_set
from humatte.data.pairs import Pair, read_pair
from humatte.data.trimap import UNSURE, permille_px, trimap_of
from humatte.refine import _slopes, refine


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--solve-at", nargs="+", type=int, default=[480, 640, 960])
    options = parser.parse_args()
    pairs = find_set(options.data, "people", options.list)
    chosen = [pairs[i] for i in np.linspace(0, len(pairs) - 1, options.count).astype(int)]
    for solve_at in options.solve_at:
        for method in METHODS:
            measure(chosen[:6], method, solve_at)
    photos = [known(pair) for pair in chosen]
    scenes = find_backgrounds(options.data / "background")[: len(chosen)]
    hair = [drawn_hair(read_pair(scene, 480)[0], seed) for seed, scene in enumerate(scenes)]
    for coarse, bands in ((1, (5, 10, 20)), (12, (10, 20)), (24, (10, 20))):
        for permille in bands:
            compare_methods("photos", photos, coarse, permille)
    for permille in (10, 20, 30):
        compare_methods("drawn hair", hair, 12, permille)
    compare_restoring(photos)


Known = tuple[np.ndarray, np.ndarray]


def known(pair: Pair) -> Known:
    image, alpha = read_pair(pair, 10_000)
    return image, to_float(alpha)


def drawn_hair(scene: np.ndarray, seed: int) -> Known:
    """A brown shape with 400 strands of half a pixel to two pixels, drawn four times as large."""
    rng = np.random.default_rng(seed)
    height, width = 4 * scene.shape[0], 4 * scene.shape[1]
    mask = np.zeros((height, width), np.uint8)
    middle, radii = (width // 2, height // 2), (width // 5, height // 3)
    cv2.ellipse(mask, middle, radii, 0, 0, 360, 255, -1)
    for angle in rng.uniform(0, 2 * np.pi, 400):
        way = np.array([np.cos(angle), np.sin(angle)])
        points = [np.array(middle) + 0.97 * way * radii]
        for _ in range(6):
            way = way + rng.normal(0, 0.35, 2)
            way /= np.linalg.norm(way)
            points.append(points[-1] + way * rng.uniform(8, 24))
        line = [np.rint(points).astype(np.int32)]
        cv2.polylines(mask, line, False, 255, int(rng.integers(2, 9)), cv2.LINE_AA)
    alpha = to_float(resize(mask, scene.shape[:2]))
    hair = np.clip(np.array((70, 48, 36)) + rng.normal(0, 9, scene.shape), 0, 255)
    return over(hair.astype(np.uint8), alpha, scene), alpha


def compare_methods(what: str, pictures: list[Known], coarse: int, permille: float) -> None:
    errors: dict[str, list[float]] = {}
    for image, alpha in pictures:
        size = max(1, alpha.shape[0] // coarse), max(1, alpha.shape[1] // coarse)
        blocks = resize(np.clip(resize(alpha, size), 0, 1), alpha.shape)
        mask = (blocks > 0.5).astype(np.float32)
        trimap = trimap_of(mask, permille_px(alpha.shape, permille))
        if unsolvable(trimap):
            continue
        found = {method: solve_alpha(image, trimap, Solver(method)) for method in METHODS}
        found["mask alone"] = cv2.GaussianBlur(mask, (0, 0), 1)
        for name, matte in found.items():
            errors.setdefault(name, []).append(1000 * np.abs(matte - alpha).mean())
    shown = ", ".join(f"{name} {np.mean(values):.1f}" for name, values in errors.items())
    print(f"{what}, mask from 1/{coarse}, band {permille} permille: MAD x1000 {shown}", flush=True)


def compare_restoring(pictures: list[Known]) -> None:
    for factor in (2, 4):
        errors: dict[str, list[float]] = {}
        for image, alpha in pictures:
            size = alpha.shape[0] // factor, alpha.shape[1] // factor
            small = np.clip(resize(alpha, size), 0, 1)
            band = trimap_of(alpha, factor) == UNSURE
            for name, restored in {
                "bilinear": resize(small, alpha.shape),
                "guided": guided(image, small),
                "refine": refine(image, small),
            }.items():
                errors.setdefault(name, []).append(np.abs(restored - alpha)[band].mean())
        shown = ", ".join(f"{name} {np.mean(values):.4f}" for name, values in errors.items())
        print(f"restored from 1/{factor}: MAD where soft: {shown}")


def guided(image: np.ndarray, small: np.ndarray, radius: int = 1, epsilon: float = 1e-4):
    """The fast guided filter as published: slopes and offsets are both means over the windows."""
    guide = to_float(resize(image, small.shape)).astype(np.float64)
    side = (2 * radius + 1,) * 2
    everywhere = np.ones(small.shape, bool)
    slopes = _slopes(guide, small, radius, epsilon, everywhere).reshape(guide.shape)
    offset = cv2.blur(small.astype(np.float64), side, borderType=cv2.BORDER_REFLECT)
    offset -= (slopes * cv2.blur(guide, side, borderType=cv2.BORDER_REFLECT)).sum(axis=2)
    lines = cv2.blur(np.dstack([slopes, offset]), side, borderType=cv2.BORDER_REFLECT)
    lines = cv2.resize(lines, (image.shape[1], image.shape[0]))
    return np.clip((lines[..., :3] * to_float(image)).sum(axis=2) + lines[..., 3], 0, 1)


def measure(pairs: list[Pair], method: Method, solve_at: int) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        seconds, peak = pool.submit(timed, pairs, method, solve_at).result()
    middle = np.median(seconds)
    print(f"solved at {solve_at}: {method} {middle:.1f} processor seconds, {peak / 1e6:.0f} MB")


def timed(pairs: list[Pair], method: Method, solve_at: int) -> tuple[list[float], int]:
    """Processor seconds of each matte, its picture enlarged to the size, and the peak memory."""
    load_solvers()
    seconds = []
    for pair in pairs:
        image, alpha = known(pair)
        scale = solve_at / max(alpha.shape)
        size = (round(alpha.shape[0] * scale), round(alpha.shape[1] * scale))
        image, alpha = resize(image, size), np.clip(resize(alpha, size), 0, 1)
        trimap = trimap_of((alpha > 0.5).astype(np.float32), permille_px(size, 10))
        start = time.process_time()
        solve_alpha(image, trimap, Solver(method, solve_at))
        seconds.append(time.process_time() - start)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()

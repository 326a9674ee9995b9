"""How good, fast and large `humatte data alpha` is, and what restoring a small matte keeps.

Run: python benchmarks/solvers.py --data DIR [--list val.txt] [--count 24] [--solve-at 480 640 960]

DIR holds people with mattes. Masks are made of the mattes (0 or 255, at one half), trimaps of the
masks, mattes of the trimaps; these are compared with the mattes they came from. That says how much
of a soft edge comes back, not which is the better one: a set's own mattes have errors too. Beside
the three methods stands the mask with its edge blurred by one pixel.

Then mattes of the set are reduced, and restored in three ways: bilinear, a plain guided filter,
and `humatte.refine`.

Last, time and memory by the size that is solved at, each in a fresh process.
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
from humatte.data.alpha import METHODS, Method, Solver, load_solvers, solve_alpha
from humatte.data.layouts import find_set
from humatte.data.pairs import Pair, read_pair
from humatte.data.trimap import UNSURE, Reach, parse_reach, trimap_of
from humatte.refine import _slopes, refine


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--sizes", nargs="+", default=["5permille", "10permille", "20permille"])
    parser.add_argument("--solve-at", nargs="+", type=int, default=[480, 640, 960])
    options = parser.parse_args()
    pairs = find_set(options.data, "people", options.list)
    chosen = [pairs[i] for i in np.linspace(0, len(pairs) - 1, options.count).astype(int)]
    for size in options.sizes:
        compare_methods(chosen, parse_reach(size))
    compare_restoring(chosen)
    for solve_at in options.solve_at:
        for method in METHODS:
            measure(chosen[:6], method, solve_at)


def known(pair: Pair, long_side: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    image, alpha = read_pair(pair, long_side)
    return image, to_float(alpha)


def compare_methods(pairs: list[Pair], reach: Reach) -> None:
    errors: dict[str, list[tuple[float, float]]] = {}
    for pair in pairs:
        image, alpha = known(pair)
        mask = (alpha > 0.5).astype(np.float32)
        trimap = trimap_of(mask, reach.px(alpha.shape))
        found = {method: solve_alpha(image, trimap, Solver(method)) for method in METHODS}
        blurred = cv2.GaussianBlur(mask, (0, 0), 1)
        found["mask, blurred"] = np.where(trimap == UNSURE, blurred, mask)
        for name, matte in found.items():
            error = np.abs(matte - alpha)
            errors.setdefault(name, []).append((error[trimap == UNSURE].mean(), error.mean()))
    for name, values in errors.items():
        band, whole = np.mean(values, axis=0)
        print(f"band {reach!s:12} {name:14} MAD in it {band:.4f}, whole x1000 {1000 * whole:.2f}")


def compare_restoring(pairs: list[Pair]) -> None:
    for factor in (2, 4):
        errors: dict[str, list[float]] = {}
        for pair in pairs:
            image, alpha = known(pair)
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
    print(
        f"solved at {solve_at}: {method:4} {np.median(seconds):5.1f} s a matte, {peak / 1e6:.0f} MB"
    )


def timed(pairs: list[Pair], method: Method, solve_at: int) -> tuple[list[float], int]:
    """Seconds of each matte, its picture enlarged to the size, and the peak memory used."""
    load_solvers()
    seconds = []
    for pair in pairs:
        image, alpha = known(pair)
        scale = solve_at / max(alpha.shape)
        size = (round(alpha.shape[0] * scale), round(alpha.shape[1] * scale))
        image, alpha = resize(image, size), np.clip(resize(alpha, size), 0, 1)
        trimap = trimap_of((alpha > 0.5).astype(np.float32), Reach(permille=10).px(size))
        start = time.perf_counter()
        solve_alpha(image, trimap, Solver(method, solve_at))
        seconds.append(time.perf_counter() - start)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()

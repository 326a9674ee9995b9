"""What `--refine off|fast|detail` costs and gives: time, memory, and errors at edges.

Run: python benchmarks/refine.py [--data DIR] [--list val.txt] [--count 60] [--model NAME] [--quick]

Time: medians at 12 megapixels, by stage, and in brackets what the processor worked, over all its
cores: on a busy machine the one to trust. Memory: the peak of a process that makes the matte, and
of one that makes the whole cut-out, at 50 and 100 megapixels. Each mode has its own process.

Drawn pictures of 12 megapixels, whose alpha is known exactly, show what the filter does with a
matte as networks make them: 384 pixels long, blurred by one of them. With --data, networks are run
on photos: as they are; seen at 192 pixels, as a photo 2.5 times the network's size is seen; and in
fours, side by side. Errors are in the unsure band: MAD, gradient (thousands), and the whole MAD.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from PIL import Image

from humatte import metrics
from humatte.arrays import resize, to_float
from humatte.catalog import DEFAULT, load
from humatte.composite import over
from humatte.data.layouts import find_set
from humatte.data.pairs import read_pair
from humatte.detail import look_closer
from humatte.evaluate import band_of
from humatte.finish import cutout
from humatte.matting import matte
from humatte.refine import refine, sharpen

ASTRONAUT = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
MODES = ("off", "fast", "detail")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="errors only: no time, no memory")
    options = parser.parse_args()
    if not options.quick:
        for mode in MODES:
            print(f"12 megapixels, {mode}: {alone(times, mode, options.model, options.repeat)}")
        for sides in ((6123, 8165), (8660, 11547)):
            for mode in MODES:
                peaks = [alone(peak, mode, options.model, sides, whole) for whole in (False, True)]
                print(
                    f"{sides[0] * sides[1] / 1e6:.0f} megapixels, {mode}: peak {peaks[0]} MB for "
                    f"the matte, {peaks[1]} MB for the cut-out",
                    flush=True,
                )
    compare("drawn, 12 megapixels, 384-pixel matte", drawn(), small_ways)
    if options.data:
        pairs = find_set(options.data, "people", options.list)
        pairs = [pairs[i] for i in np.linspace(0, len(pairs) - 1, options.count).astype(int)]
        photos = [(image, to_float(alpha)) for image, alpha in map(read_pair, pairs)]
        network = load(options.model)
        compare("photos as they are", photos, lambda *known: modes(network, *known))
        low = seen_at(network, 192)
        compare("photos seen at 192 pixels", photos, lambda *known: modes(low, *known))
        compare("photos in fours", fours(photos), lambda *known: modes(network, *known))


def alone(job: Callable[..., str], *words: object) -> str:
    """What a job in a fresh process answers."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(job, *words).result()


def photo(height: int, width: int) -> np.ndarray:
    """A picture of the given size with one person in it."""
    with Image.open(ASTRONAUT) as small:
        person = np.asarray(small)[: 512 * height // max(height, width)]
    return resize(person, (height, width))


def times(mode: str, model: str, repeat: int) -> str:
    image, network = photo(3000, 4000), load(model)
    spent: dict[str, list[tuple[float, float]]] = {}

    def timed(name: str, job: Callable[..., np.ndarray], *words: object) -> np.ndarray:
        started, busy = time.perf_counter(), time.process_time()
        answer = job(*words)
        row = time.perf_counter() - started, time.process_time() - busy
        spent.setdefault(name, []).append(row)
        return answer

    for _ in range(repeat):
        small = timed("network", network.small, image)
        if mode == "detail":
            small = timed("closer look", look_closer, image, small, network)
        if mode != "off":
            timed("sharpen", sharpen, image, small)
        timed("matte in all", matte, image, network, mode)
        timed("cut-out in all", partial(cutout, model=network, refine=mode), image)
    middle = {name: np.median(rows, axis=0) for name, rows in spent.items()}
    return ", ".join(f"{name} {wall:.2f} s ({cpu:.2f})" for name, (wall, cpu) in middle.items())


def peak(mode: str, model: str, sides: tuple[int, int], whole: bool) -> str:
    image, network = photo(*sides), load(model)
    if whole:
        cutout(image, model=network, refine=mode)  # type: ignore[arg-type]
    else:
        matte(image, network, mode)  # type: ignore[arg-type]
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}"


Known = tuple[np.ndarray, np.ndarray]


def drawn(height: int = 3000, width: int = 4000) -> Iterator[Known]:
    """Hair, discs and letters, fine-grained and cloudy colours before and behind them."""
    for number, draw in enumerate((hair, discs, letters)):
        mask = np.zeros((2 * height, 2 * width), np.uint8)
        draw(mask)
        alpha = to_float(resize(mask, (height, width)))
        fore = cloudy(height, width, (70, 48, 36), 6, 2 * number)
        yield over(fore, alpha, cloudy(height, width, (170, 180, 190), 14, 2 * number + 1)), alpha


def hair(mask: np.ndarray) -> None:
    height, width = mask.shape
    rng = np.random.default_rng(0)
    middle, radii = np.array((width // 2, int(height * 0.6))), np.array((width // 6, height // 3))
    cv2.ellipse(mask, middle.tolist(), radii.tolist(), 0, 0, 360, 255, -1)
    for angle in rng.uniform(np.pi, 2 * np.pi, 700):
        way = np.array((np.cos(angle), np.sin(angle)))
        points = [middle + 0.97 * way * radii]
        for _ in range(8):
            way = way + rng.normal(0, 0.3, 2)
            way /= np.linalg.norm(way)
            points.append(points[-1] + way * rng.uniform(0.008, 0.02) * height)
        line = [np.rint(points).astype(np.int32)]
        cv2.polylines(mask, line, False, 255, int(rng.integers(2, 12)), cv2.LINE_AA)


def discs(mask: np.ndarray) -> None:
    height, width = mask.shape
    for x, y, radius in ((0.35, 0.5, 0.25), (0.75, 0.4, 0.12), (0.75, 0.75, 0.06)):
        cv2.circle(mask, (int(x * width), int(y * height)), int(radius * height), 255, -1)


def letters(mask: np.ndarray) -> None:
    height, width = mask.shape
    for row, (text, size) in enumerate((("humatte", 6), ("cut out", 4), ("fine edges", 2.5))):
        place = (int(0.08 * width), int((0.3 + 0.25 * row) * height))
        scale, thick = size * height / 2000, round(size * height / 1000)
        cv2.putText(mask, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)


def cloudy(height: int, width: int, colour: tuple[int, ...], depth: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), colour, np.float32)
    for cell in (4, 16, 64, 256, 1024):
        coarse = rng.normal(0, depth, (height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8)


def small_ways(image: np.ndarray, alpha: np.ndarray) -> dict[str, np.ndarray]:
    size = tuple(round(side * 384 / max(alpha.shape)) for side in alpha.shape)
    blurred = cv2.GaussianBlur(resize(alpha, size), (0, 0), 1)
    small = np.clip((blurred - 0.02) / 0.96, 0, 1).astype(np.float32)
    return {
        "bilinear": np.clip(resize(small, alpha.shape), 0, 1),
        "refine (for exact mattes)": refine(image, small),
        "sharpen": sharpen(image, small),
    }


def modes(network: object, image: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
    return {mode: matte(image, network, mode) for mode in MODES}  # type: ignore[arg-type]


def seen_at(network: object, long_side: int) -> object:
    """A network that sees pictures, and tiles of them, at the given size."""

    def small(image: np.ndarray, side: int | None = None) -> np.ndarray:
        return network.small(image, side or long_side)  # type: ignore[attr-defined]

    class Seen(SimpleNamespace):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            return np.clip(resize(small(image), image.shape[:2]), 0, 1)

    return Seen(small=small, facts=SimpleNamespace(best_long_side=long_side))


def fours(photos: list[Known]) -> Iterator[Known]:
    for number in range(0, len(photos) - 3, 4):
        group = photos[number : number + 4]
        height, width = (min(image.shape[axis] for image, _ in group) for axis in (0, 1))
        cut = [[part[:height, :width] for part in known] for known in group]
        rows = [[np.hstack([cut[i][k], cut[i + 1][k]]) for i in (0, 2)] for k in (0, 1)]
        yield np.vstack(rows[0]), np.vstack(rows[1])


def compare(
    what: str,
    pictures: Iterator[Known] | list[Known],
    ways: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]],
) -> None:
    errors: dict[str, list[tuple[float, ...]]] = {}
    for image, truth in pictures:
        band = band_of(truth)
        for name, found in ways(image, truth).items():
            gradient = metrics.gradient_error(found, truth, band)
            row = metrics.mad(found, truth, band), gradient, metrics.mad(found, truth)
            errors.setdefault(name, []).append(row)
    print(f"{what} ({len(next(iter(errors.values())))}), {os.cpu_count()} cores")
    first: np.ndarray | None = None
    for name, rows in errors.items():
        mean = np.mean(rows, axis=0)
        first = mean if first is None else first
        shown = ", ".join(
            f"{label} {value:.4f} ({value / base:.2f})"
            for label, value, base in zip(
                ("MAD in the band", "gradient", "MAD"), mean, first, strict=True
            )
        )
        print(f"  {name:26} {shown}", flush=True)


if __name__ == "__main__":
    main()

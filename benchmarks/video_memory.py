"""Peak memory of copying drawn 1080p clips of two lengths through reader and writer: the same.

    python benchmarks/video_memory.py [--seconds 10 60] [--formats mp4 webm]

Each copy runs in a process of its own, with sound; peaks are of the whole process.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from humatte import video_io
from humatte.clip import Frame
from humatte.video_writer import Settings

HEIGHT, WIDTH, RATE = 1080, 1920, 25


def draw(path: Path, seconds: int) -> None:
    """A bar that moves over a gradient, with a tone, as a phone would store it."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, WIDTH, dtype=np.uint8)
    image[..., 1] = np.linspace(0, 255, HEIGHT, dtype=np.uint8)[:, None]
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = file.add_stream("aac", rate=48000)
        for number in range(seconds * RATE):
            shown = image.copy()
            left = number * 7 % (WIDTH - 200)
            shown[:, left : left + 200] = 255
            file.mux(picture.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
            at = np.arange(number * 1920, number * 1920 + 1920) / 48000
            wave = np.tile(np.sin(2 * np.pi * 440 * at) / 4, (2, 1)).astype(np.float32)
            block = av.AudioFrame.from_ndarray(wave, "fltp", "stereo")
            block.sample_rate, block.pts, block.time_base = 48000, number * 1920, Fraction(1, 48000)
            file.mux(sound.encode(block))
        file.mux(picture.encode(None))
        file.mux(sound.encode(None))


def copy(source: Path, target: Path) -> None:
    """Copies a clip; prints peak in MB, frames, seconds."""
    began = time.perf_counter()
    reader = video_io.read(source)
    alpha = np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))
    opaque = target.suffix == ".mp4"
    count = 0
    with video_io.write(target, Settings.of(reader.clip), tracks=reader.tracks()) as out:
        for frame in reader:
            count += 1
            matte = None if opaque else alpha
            out.write(Frame(frame.rgb, frame.pts, frame.time_base, matte, frame.duration))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} {count} {time.perf_counter() - began:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--formats", nargs="+", default=["mp4", "mov"])
    parser.add_argument("--copy", type=Path, nargs=2)
    chosen = parser.parse_args()
    if chosen.copy:
        copy(*chosen.copy)
        return
    print(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}, {platform.machine()}")
    with tempfile.TemporaryDirectory() as folder:
        for seconds in chosen.seconds:
            source = Path(folder, f"{seconds}.mp4")
            draw(source, seconds)
            for name in chosen.formats:
                target = Path(folder, f"out.{name}")
                command = [sys.executable, __file__, "--copy", str(source), str(target)]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                peak, count, took = said.split()
                rate = int(count) / float(took)
                size = target.stat().st_size / 2**20
                print(
                    f"{seconds:4} s to {name:5} peak {peak:>5} MB, {rate:5.1f} fps, {size:.0f} MB"
                )
                target.unlink()
            source.unlink()


if __name__ == "__main__":
    main()

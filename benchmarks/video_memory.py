"""Peak memory of drawn clips of several lengths, copied or cut out: the same for all of them.

    python benchmarks/video_memory.py [--seconds 10 60] [--formats mp4 mov] [--lines 1080]
    python benchmarks/video_memory.py --way cutout --seconds 60 600 --formats mov [-- --refine off]

`copy` goes through reader and writer alone, `cutout` is the command itself; what follows `--` are
options of it. Each clip has its own process, with sound; peaks are of the whole process. Ends with
an error if the longest clip takes more than a tenth more memory than the shortest. Short runs:
`--way cutout --seconds 2 6 --lines 360`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
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

SOUND_HZ = 48000
HUMATTE = [sys.executable, "-m", "humatte"]
GROWTH = 1.1


def draw(path: Path, seconds: int, height: int, fps: int) -> None:
    """A bar that moves over a gradient, with a tone, as a phone would store it."""
    width = height * 16 // 9 // 2 * 2
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    image[..., 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        sound = file.add_stream("aac", rate=SOUND_HZ)
        beat = SOUND_HZ // fps
        for number in range(seconds * fps):
            shown = image.copy()
            left = number * 7 % (width - 200)
            shown[:, left : left + 200] = 255
            file.mux(picture.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
            at = np.arange(number * beat, (number + 1) * beat) / SOUND_HZ
            wave = np.tile(np.sin(2 * np.pi * 440 * at) / 4, (2, 1)).astype(np.float32)
            block = av.AudioFrame.from_ndarray(wave, "fltp", "stereo")
            block.sample_rate, block.pts, block.time_base = (
                SOUND_HZ,
                number * beat,
                Fraction(1, SOUND_HZ),
            )
            file.mux(sound.encode(block))
        file.mux(picture.encode(None))
        file.mux(sound.encode(None))


def copy(source: Path, target: Path) -> None:
    """Copies a clip."""
    reader = video_io.read(source)
    height, width = reader.clip.size
    alpha = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    opaque = target.suffix == ".mp4"
    with video_io.write(target, Settings.of(reader.clip), tracks=reader.tracks()) as out:
        for frame in reader:
            matte = None if opaque else alpha
            out.write(Frame(frame.rgb, frame.pts, frame.time_base, matte, frame.duration))


def measure(command: list[str]) -> tuple[float, float]:
    """Peak memory in MB and seconds of a process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed with {process.returncode}")
    return usage.ru_maxrss / 1024, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--formats", nargs="+", default=["mp4", "mov"])
    parser.add_argument("--lines", type=int, default=1080)
    parser.add_argument("--fps", type=int, default=25, help="of the drawn clips")
    parser.add_argument("--way", choices=["copy", "cutout"], default="copy")
    parser.add_argument("--copy", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("options", nargs="*", help="of the command")
    chosen = parser.parse_args()
    if chosen.copy:
        copy(*chosen.copy)
        return
    print(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}, {platform.machine()}")
    peaks: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seconds in chosen.seconds:
            source = Path(folder, f"{seconds}.mp4")
            # In a process of its own: a child's peak memory starts at its parent's.
            spawned = multiprocessing.get_context("spawn")
            drawing = spawned.Process(target=draw, args=(source, seconds, chosen.lines, chosen.fps))
            drawing.start()
            drawing.join()
            for name in chosen.formats:
                target = Path(folder, f"out.{name}")
                command = [sys.executable, __file__, "--copy", str(source), str(target)]
                if chosen.way == "cutout":
                    command = [*HUMATTE, "cutout", str(source), "-o", str(target)]
                    command += ["-b", "green"] if name == "mp4" else []
                    command += chosen.options
                peak, took = measure(command)
                peaks.setdefault(name, []).append(peak)
                rate, size = seconds * chosen.fps / took, target.stat().st_size / 2**20
                print(
                    f"{seconds:4} s to {name:5} peak {peak:>5.0f} MB, {rate:5.1f} fps, "
                    f"{size:.0f} MB",
                    flush=True,
                )
                target.unlink()
            source.unlink()
    for name, found in peaks.items():
        if found[-1] > GROWTH * found[0]:
            raise SystemExit(f"{name}: memory grows with the clip: {found} MB")


if __name__ == "__main__":
    main()

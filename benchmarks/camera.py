"""What `humatte camera` does with a frame of 1280x720: milliseconds by stage.

Run: python benchmarks/camera.py [--model NAME] [--repeat 15] [--size 1280x720] [--seconds 10]

For each stage the median of the time that passed, and in brackets of what the processor worked,
over all its cores: on a busy machine the one to trust. The window is measured where there is a
screen. Last, the whole of it on a clip of 30 frames a second: frames shown and latency, with a view
that shows nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from humatte import video_io
from humatte.arrays import resize
from humatte.camera import Newest
from humatte.camera_feed import open_feed
from humatte.camera_keep import Keeper, _frame
from humatte.camera_look import Look, Made
from humatte.camera_loop import Loop, Meter
from humatte.camera_view import Command, Window
from humatte.catalog import DEFAULT, load
from humatte.clip import Frame
from humatte.errors import HumatteError
from humatte.foreground import quick_foreground
from humatte.refine import sharpen
from humatte.steady import VideoMatte
from humatte.video_writer import Settings

ASTRONAUT = Path(__file__).parent.parent / "examples" / "astronaut.jpg"


class Clock:
    """A view that shows nothing, and quits after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def show(self, made: Made, line: str) -> None:
        pass

    def commands(self) -> list[Command]:
        return [Command.QUIT] if time.monotonic() > self._end else []

    def close(self) -> None:
        pass


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    frames = [scene(height, width, number) for number in range(10)]
    network = load(options.model)
    print(f"{width}x{height}, {options.model}, median of {options.repeat}: ms (processor ms)")
    stages(frames, network, options.repeat)
    recording(frames, network, options.repeat)
    print(f"live, {options.seconds:g} s of 30 frames a second: {live(frames, network, options)}")


def scene(height: int, width: int, number: int) -> np.ndarray:
    """A person who moves to the right before stripes."""
    with Image.open(ASTRONAUT) as picture:
        person = resize(np.asarray(picture.convert("RGB")), (height, height))
    image = np.full((height, width, 3), (120, 140, 120), np.uint8)
    image[:, ::40] = 90
    left = min(width - height, (width - height) // 2 + 4 * number)
    image[:, left : left + height] = person
    return image


def stages(frames: list[np.ndarray], network, repeat: int) -> None:
    image = frames[0]
    small, matte = network.small(image), VideoMatte(network, refine="fast")
    alpha = matte(image)
    looks = {spec: Look(lambda _: alpha, [spec]) for spec in ("none", "teal", "gray", "blur")}
    looks["picture"] = Look(lambda _: alpha, [str(ASTRONAUT)])
    whole = Look(matte, ["blur"], mirror=True)
    told(repeat, "network", lambda: network.small(image))
    told(repeat, "edges", lambda: sharpen(image, small))
    told(repeat, "matte, with both", lambda: matte(image))
    told(repeat, "colours", lambda: quick_foreground(image, alpha))
    for name, look in looks.items():
        told(repeat, f"colours and {name}", lambda look=look: look(image))
    turn = iter(range(10**9))
    told(repeat, "all, over blur", lambda: whole(frames[next(turn) % len(frames)]))
    try:
        window = Window("humatte: benchmark", (image.shape[0], image.shape[1]))
    except HumatteError as error:
        print(f"window: {error}")
        return
    made = looks["blur"](image), looks["none"](image)
    told(repeat, "window", lambda: window.show(made[0], "30.0 frames/s"))
    told(repeat, "window, over checks", lambda: window.show(made[1], "30.0 frames/s"))
    window.close()


def recording(frames: list[np.ndarray], network, repeat: int) -> None:
    """What the recorder's thread does with a frame."""
    matte = VideoMatte(network, refine="fast")
    for spec, suffix in (("blur", ".mp4"), ("none", ".webm")):
        made = [Look(matte, [spec])(frame) for frame in frames]
        with tempfile.TemporaryDirectory() as folder:
            out = video_io.write(Path(folder, "a" + suffix), Settings(origin=None))
            turn = iter(range(10**9))

            def step(made=made, out=out, turn=turn) -> None:
                number = next(turn)
                out.write(_frame(made[number % len(made)], number * 3000))

            with out:
                told(repeat, f"recorded as {suffix[1:]}, over {spec}", step)


def told(repeat: int, name: str, work: Callable[[], object]) -> None:
    """Prints the median time of some work."""
    work()
    passed, worked = [], []
    for _ in range(repeat):
        begin, cpu = time.perf_counter(), time.process_time()
        work()
        passed.append(time.perf_counter() - begin)
        worked.append(time.process_time() - cpu)
    print(f"{name}: {np.median(passed) * 1000:.1f} ({np.median(worked) * 1000:.1f})", flush=True)


def live(frames: list[np.ndarray], network, options: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        with video_io.write(path, Settings(rate=Fraction(30))) as out:
            for number, frame in enumerate(frames):
                out.write(Frame(frame, number, Fraction(1, 30), None, 1))
        look, meter = Look(VideoMatte(network, refine="fast"), ["blur"]), Meter()
        with Newest(open_feed(str(path), loop=True)) as newest:
            view = Clock(options.seconds)
            Loop(newest, look, [view], Keeper(Path(folder)), print, meter).run()
            return " ".join(meter.summary(newest.count))


if __name__ == "__main__":
    main()

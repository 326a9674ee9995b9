"""A clip as background: looped by its own times, at its own speed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_video import TICK, film, frames

from humatte import video_io
from humatte.arrays import resize
from humatte.clip import Frame
from humatte.video_behind import Behind
from humatte.video_writer import Settings

MS = Fraction(1, 1000)
SHADES = (10, 60, 110, 160)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four shades, the first 40 ms long, the others 20; they begin at 3 seconds."""
    path = tmp_path_factory.mktemp("behind") / "frames"
    with video_io.write(path, Settings(origin=Fraction(0))) as out:
        for shade, pts in zip(SHADES, (3000, 3040, 3060, 3080), strict=True):
            out.write(Frame(np.full((4, 6, 3), shade, np.uint8), pts, MS, None, 20))
    return path


def test_every_moment_has_its_frame(loop: Path) -> None:
    behind = Behind(loop, (8, 12), "cover")
    for moment in (0, 39, 40, 59, 60, 99, 100, 139, 141, 199, 200, 1245, 1262, 99990):
        place = moment % 100
        number = 0 if place < 40 else (place - 20) // 20
        image = behind.at(moment * MS)
        assert image.shape == (8, 12, 3)
        assert (image == SHADES[number]).all(), moment


def test_far_moments_cost_one_round(loop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Behind(loop, (4, 6), "cover")
    made = []
    frame = video_io.Reader._frame
    monkeypatch.setattr(video_io.Reader, "_frame", lambda *words: made.append(1) or frame(*words))
    behind.at(Fraction(100_000))
    assert len(made) <= 12


def test_transparency_shows_white(tmp_path: Path) -> None:
    with video_io.write(tmp_path / "a.apng", Settings()) as out:
        clear = np.zeros((4, 4), np.float32)
        for pts in (0, 20):
            out.write(Frame(np.full((4, 4, 3), 9, np.uint8), pts, MS, clear, 20))
    assert (Behind(tmp_path / "a.apng", (4, 4), "cover").at(Fraction(0)) == 255).all()


def test_pixels_that_are_not_square_distort_nothing(tmp_path: Path) -> None:
    """Two by one on both sides: all that is in front lies before all that is behind."""
    path = film(tmp_path / "wide.mp4", frames([0, 1001], TICK), aspect=Fraction(2))
    whole = next(iter(video_io.read(path))).rgb.astype(int)
    seen = Behind(path, (48, 128), "cover").at(Fraction(0))
    assert np.abs(resize(seen, (48, 64)) - whole).mean() < 2
    stored = Behind(path, (48, 64), "cover", Fraction(2)).at(Fraction(0))
    assert stored.shape == (48, 64, 3)
    assert np.abs(stored - whole).mean() < 2

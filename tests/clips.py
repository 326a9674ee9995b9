"""What the tests of `humatte cutout` on clips share: drawn clips, and a network that sees a bar."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from drawn_video import TICK, film, frames, tone

from humatte import video_io
from humatte.catalog import load
from humatte.clip import Frame

VARIED = [3003, 4004, 5005, 8008, 9009, 10010, 11011, 14014, 15015, 16016]
"""Times of a variable rate that begin late, in ticks."""


class BarNetwork:
    """Stands in for a network: what lacks blue is the person, as the bar of `drawn_video.colours`.

    Args:
        stop_at: the number of the call at which Ctrl-C comes; None = never.
    """

    runtime, device = "onnxruntime", "cpu"
    facts = load("night").facts

    def __init__(self, stop_at: int | None = None) -> None:
        self.calls, self.stop_at = 0, stop_at

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls == self.stop_at:
            signal.raise_signal(signal.SIGINT)
        return np.clip((135 - image[..., 2].astype(np.float32)) / 70, 0, 1)

    small = __call__


def clip(path: Path, *, size: tuple[int, int] = (48, 64), **how: object) -> Path:
    """A clip of `VARIED` times with a second of AAC sound."""
    sounds = [("aac", tone(0.6), 0)]
    return film(path, frames(VARIED, TICK, size), **{"sounds": sounds, **how})


def shown(path: Path) -> list[Frame]:
    """All frames of a clip."""
    return list(video_io.read(path))


def times(found: Sequence[Frame]) -> list[object]:
    """When they are shown, from the first on."""
    return [frame.time - found[0].time for frame in found]

"""How fast this machine cuts out a clip: frames a second, and the work of each stage.

In: a clip, networks and how they run. Out: a result for each, measured in a process of its own, on
the path that `humatte cutout` takes: reading, network and writing at the same time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humatte.arrays import Size
from humatte.bench import Timed, check, in_a_process
from humatte.catalog import DEFAULT, find
from humatte.errors import VideoError
from humatte.machine import peak_bytes
from humatte.network import Network
from humatte.runtimes import ANYHOW, Running
from humatte.video_cutout import Run, cut_clip
from humatte.video_kinds import KINDS
from humatte.video_options import ClipWords, parse_clip_options
from humatte.video_plan import ClipJob

CLIP_STAGES = ("read", "matte", "finish", "write")
_OPAQUE = "green"  # behind people in formats without transparency


@dataclass(frozen=True)
class ClipTask:
    """One thing to measure."""

    clip: Path
    model: str = DEFAULT
    running: Running = ANYHOW
    rounds: int = 3
    kind: str = "webm"
    """What is written, of `humatte.video_kinds.KINDS`."""
    refine: str | None = None
    """None: as clips have it."""


@dataclass(frozen=True)
class ClipResult(Timed):
    """What was measured; `stages` has every round's seconds a frame, by stage and in `total`.

    Stages work at the same time: on several cores they add up to more than the total.
    """

    task: ClipTask
    runtime: str
    device: str
    size: Size
    frames: int
    stages: dict[str, list[float]]
    peak_mb: float | None

    @property
    def frames_per_s(self) -> float:
        """From the file to the file, the median of the rounds."""
        return 1 / self.quantile("total", 0.5)

    def to_json(self) -> dict[str, Any]:
        """Everything, and what follows from it."""
        entry = asdict(self) | {"p50_p95_s": self.quantiles(), "frames_per_s": self.frames_per_s}
        entry["task"] |= {"clip": str(self.task.clip), "running": self.task.running._asdict()}
        return entry


def measure_clips_apart(tasks: Sequence[ClipTask]) -> Iterator[ClipResult]:
    """Each task's result, from a process of its own, one after the other.

    Raises:
        HumatteError: what cannot be run, or read.
    """
    for task in tasks:
        check(task.model, task.rounds)
    for task in tasks:
        yield in_a_process(measure_clip, task)


def measure_clip(task: ClipTask) -> ClipResult:
    """Measures in this process; what is written is thrown away.

    Raises:
        HumatteError: the clip cannot be read or holds no frame, the network cannot be run.
    """
    network = Network(find(task.model), task.running)
    side = network.facts.best_long_side
    network.run(np.zeros((1, 3, side, side), np.float32))  # the first pass makes its plans
    background = None if KINDS[task.kind].transparent else _OPAQUE
    options = parse_clip_options(ClipWords(), background=background, refine=task.refine)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        job = ClipJob(task.clip, Path(folder) / f"out.{task.kind}", task.kind)
        for _ in range(task.rounds):
            outcomes.append(cut_clip(Run(job, options, network)))
    frames, peak = outcomes[0].frames, peak_bytes()
    if not frames:
        raise VideoError(f"{task.clip}: holds no frame to measure")
    return ClipResult(
        task=task,
        runtime=network.runtime,
        device=network.device,
        size=outcomes[0].size,
        frames=frames,
        stages={
            stage: [outcome.seconds[stage] / frames for outcome in outcomes]
            for stage in (*CLIP_STAGES, "total")
        },
        peak_mb=peak / 1e6 if peak else None,
    )

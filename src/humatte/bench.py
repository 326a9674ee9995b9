"""How fast this machine cuts out: seconds by stage, memory, the share of its arithmetic used.

In: networks and how they run. Out: a result for each, measured in a process of its own, so that
one's memory and threads are not the other's. The picture is the user's, or a drawn portrait.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from humatte.arrays import Alpha, Batch, Image, Size, resize, to_bytes
from humatte.catalog import DEFAULT, find
from humatte.composite import over, with_alpha
from humatte.errors import UsageError
from humatte.foreground import estimate_foreground
from humatte.image_io import encode, read
from humatte.machine import peak_bytes
from humatte.macs import macs_of
from humatte.matting import REFINEMENT, Refinement, matte
from humatte.network import Network
from humatte.runtimes import ANYHOW, Running

Made = TypeVar("Made")

STAGES = ("decode", "fit", "network", "restore", "refine", "colours", "encode")
DRAWN_SIZE = (3000, 4000)
_WARM_UP = 2
_GEMM_SIDE, _GEMM_ROUNDS = 1536, 6


@dataclass(frozen=True)
class Task:
    """One thing to measure."""

    model: str = DEFAULT
    running: Running = ANYHOW
    picture: Path | None = None
    """None: a drawn portrait."""
    size: Size = DRAWN_SIZE
    """Of the drawn one."""
    rounds: int = 9
    format_name: str = "PNG"
    """Pillow's word for it."""
    refine: Refinement = REFINEMENT


class Timed:
    """What came of several rounds, by stage and in `total`, in seconds."""

    stages: dict[str, list[float]]

    def quantile(self, stage: str, share: float) -> float:
        """Seconds that this share of the rounds stayed below: 0.5 is the median."""
        return float(np.quantile(self.stages[stage], share))

    def quantiles(self) -> dict[str, dict[str, float]]:
        """The median, and what 95 % stay below, of every stage."""
        return {
            stage: {"p50": self.quantile(stage, 0.5), "p95": self.quantile(stage, 0.95)}
            for stage in self.stages
        }


@dataclass(frozen=True)
class Result(Timed):
    """What was measured. Seconds; `stages` has every round's, by stage and in `total`."""

    task: Task
    runtime: str
    device: str
    size: Size
    stages: dict[str, list[float]]
    passes: float
    """How often the network ran, a picture."""
    open_s: float
    """Opening the network, its first pass included."""
    pass_s: list[float]
    """One pass at the network's own size, squared, alone."""
    peak_mb: float | None
    macs: float | None
    """Of such a pass: multiplications with addition; None where they run at another rate than a
    product of matrices of float32 on the processor: on accelerators, in bfloat16, in 8 bits."""
    machine_macs_per_s: float

    @property
    def share_of_peak(self) -> float | None:
        """What the network reaches of the machine's own product of matrices; None if not known."""
        if self.macs is None:
            return None
        return self.macs / statistics.median(self.pass_s) / self.machine_macs_per_s

    def to_json(self) -> dict[str, Any]:
        """Everything, and what follows from it."""
        entry = asdict(self) | {"p50_p95_s": self.quantiles()}
        entry |= {"share_of_peak": self.share_of_peak}
        entry["task"] |= {"picture": str(self.task.picture) if self.task.picture else None}
        entry["task"] |= {"running": self.task.running._asdict()}
        return entry | {"pictures_per_s": 1 / self.quantile("total", 0.5)}


def measure_apart(tasks: Sequence[Task]) -> Iterator[Result]:
    """Each task's result, from a process of its own, one after the other.

    Raises:
        HumatteError: what cannot be run, or read.
    """
    for task in tasks:
        check(task.model, task.rounds)
    for task in tasks:
        # Drawn elsewhere: a process's peak memory would be the drawing's.
        drawn = None if task.picture else in_a_process(portrait, task.size)
        with _blas_threads(task.running.threads):
            yield in_a_process(measure, task, drawn)


def in_a_process(work: Callable[..., Made], *given: object) -> Made:
    """What the work makes of what is given, in a process of its own that ends with it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def check(model: str, rounds: int) -> None:
    """Says what is wrong before anything is measured.

    Raises:
        NetworkError: no such network.
        UsageError: less than one round.
    """
    find(model)
    if rounds < 1:
        raise UsageError(f"--rounds {rounds}; expected at least 1")


_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class _blas_threads:
    """The number of threads for the product of matrices; read when a process begins."""

    def __init__(self, threads: int | None) -> None:
        self._wanted = {} if threads is None else dict.fromkeys(_BLAS, str(threads))

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._wanted}
        os.environ.update(self._wanted)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def measure(task: Task, drawn: bytes | None = None) -> Result:
    """Measures in this process.

    Args:
        task: what.
        drawn: the file's bytes where the task has no picture.
    """
    data = task.picture.read_bytes() if task.picture else drawn or portrait(task.size)
    began = time.perf_counter()
    network = _Watched(find(task.model), task.running, keyed=task.picture is None)
    side = network.facts.best_long_side
    batch = np.random.default_rng(0).random((1, 3, side, side), np.float32)
    Network.run(network, batch)
    opened = time.perf_counter() - began
    rounds = [_cut_out(data, network, task) for _ in range(task.rounds + _WARM_UP)][_WARM_UP:]
    stages = {stage: [times[stage] for times, _ in rounds] for stage in (*STAGES, "total")}
    peak = peak_bytes()  # before what follows, which is not the work's
    passes = [_seconds(lambda: Network.run(network, batch)) for _ in range(task.rounds + _WARM_UP)]
    return Result(
        task=task,
        runtime=network.runtime,
        device=network.device,
        size=_size_of(data),
        stages=stages,
        passes=statistics.mean(count for _, count in rounds),
        open_s=opened,
        pass_s=passes[_WARM_UP:],
        peak_mb=peak / 1e6 if peak else None,
        macs=macs_of(find(task.model), batch) if _comparable(network, task) else None,
        machine_macs_per_s=matrix_product_macs_per_s(),
    )


def _comparable(network: Network, task: Task) -> bool:
    return network.device == "cpu" and task.running.precision == "fp32"


class _Watched(Network):
    """A network that notes how long its passes take.

    Of a drawn portrait it gives the true matte, which is in the portrait's colours, after the pass:
    a network may not take it for a person, and every machine is to do the same work.
    """

    def __init__(self, path: Path, running: Running, *, keyed: bool) -> None:
        super().__init__(path, running)
        self._keyed = keyed
        self.begin()

    def begin(self) -> None:
        """Forgets the picture before."""
        self.network_s = self.look_s = 0.0
        self.passes = 0
        self.first: Alpha | None = None

    def run(self, batch: Batch) -> Batch:
        began = time.perf_counter()
        alpha = super().run(batch)
        self.network_s += time.perf_counter() - began
        self.passes += 1
        if not self._keyed:
            return alpha
        return np.clip(batch[:, :1] - batch[:, 2:] + np.float32(0.5), 0, 1)

    def small(self, image: Image, long_side: int | None = None) -> Alpha:
        began = time.perf_counter()
        alpha = super().small(image, long_side)
        self.look_s += time.perf_counter() - began
        self.first = alpha if self.first is None else self.first
        return alpha


def _cut_out(data: bytes, network: _Watched, task: Task) -> tuple[dict[str, float], int]:
    """Seconds of every stage of one cut-out, in the order of `finish.cut_out`, and its passes."""
    network.begin()
    marks = [time.perf_counter()]
    picture = read(data)
    marks.append(time.perf_counter())
    alpha = matte(picture.image, network, task.refine)
    marks.append(time.perf_counter())
    foreground = estimate_foreground(picture.image, alpha)
    if task.format_name == "JPEG":
        pixels = over(foreground, alpha, np.full_like(foreground, 255))
    else:
        pixels = with_alpha(foreground, alpha)
    marks.append(time.perf_counter())
    encode(pixels, task.format_name, picture.kept)
    marks.append(time.perf_counter())
    decoded, matted, coloured, encoded = np.diff(marks).tolist()
    drawn = matted - network.look_s  # the network's matte at the picture's size, with its edges
    restored = drawn if task.refine == "off" else min(drawn, _enlarging(network, alpha))
    return {
        "decode": decoded,
        "fit": network.look_s - network.network_s,
        "network": network.network_s,
        "restore": restored,
        "refine": drawn - restored,
        "colours": coloured,
        "encode": encoded,
        "total": marks[-1] - marks[0],
    }, network.passes


def _enlarging(network: _Watched, alpha: Alpha) -> float:
    """Seconds that the network's first matte takes to become as large as this one, bilinearly."""
    first = network.first
    assert first is not None
    return _seconds(lambda: np.clip(resize(first, (alpha.shape[0], alpha.shape[1])), 0, 1))


def portrait(size: Size) -> bytes:
    """A JPEG of head and shoulders before a wall, with grain: red is the person, blue the wall.

    Args:
        size: (H, W) of it.
    """
    from PIL import Image as PillowImage

    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = (y + 0.5) / height, (x + 0.5 - width / 2) / height
    head = np.hypot(x / 0.16, (y - 0.36) / 0.22)
    shoulders = np.hypot(x / 0.38, (y - 1.02) / 0.44)
    soft = 0.02  # of the height, about a hair's breadth in a portrait
    alpha = np.clip((1 - np.minimum(head, shoulders)) / soft + 0.5, 0, 1)[..., None]
    grain = np.random.default_rng(0).normal(0, 0.02, (height, width, 1)).astype(np.float32)
    person = np.array([0.85, 0.6, 0.35], np.float32) + 0.05 * np.sin(40 * y)[..., None]
    wall = np.array([0.25, 0.5, 0.75], np.float32) + 0.1 * (y - 0.5)[..., None]
    image = to_bytes(np.clip(alpha * person + (1 - alpha) * wall + grain, 0, 1))
    file = io.BytesIO()
    PillowImage.fromarray(image).save(file, "JPEG", quality=92)
    return file.getvalue()


def _size_of(data: bytes) -> Size:
    image = read(data).image
    return image.shape[0], image.shape[1]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def matrix_product_macs_per_s() -> float:
    """What the machine reaches in a product of large matrices of float32: the best of some."""
    matrix = np.random.default_rng(0).random((_GEMM_SIDE, _GEMM_SIDE), np.float32)
    best = min(_seconds(lambda: matrix @ matrix) for _ in range(_GEMM_ROUNDS))
    return _GEMM_SIDE**3 / best

"""`humatte data alpha`: the mattes of pictures that have a trimap or a mask.

In: a set, or one picture with its trimap or mask. Out: a matte (PNG) for each, beside what was left
out and why. What is there already is left alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from humatte.arrays import to_bytes
from humatte.console import say
from humatte.data.alpha import Solver, load_solvers, solve_alpha, unsolvable
from humatte.data.claim import SKIPPED, claim, expect_new
from humatte.data.layouts import files_by_stem
from humatte.data.pairs import read_matte
from humatte.data.trimap import BACKGROUND, PERSON, UNSURE, Band, Trimap
from humatte.data.trimap_files import read_mask
from humatte.data.work import Report, Skip, work_through
from humatte.errors import DataError, UsageError
from humatte.files import is_folder
from humatte.image_io import Kept, encode, read, write
from humatte.machine import peak_bytes
from humatte.paths import is_dir, is_file

GUIDES = ("trimap", "mask", "alpha")
"""Folders of a set, the first that is there is taken; the last two are made into trimaps."""
_SURE_BYTES = 5  # lossy files blur 0 and 255 by so much


@dataclass(frozen=True)
class Task:
    """One picture, its guide, and the matte to write. A missing one is None, and skipped."""

    name: str
    image: Path | None
    guide: Path | None
    target: Path


class Cost(NamedTuple):
    """What one matte took."""

    seconds: float
    peak_bytes: int
    """The most memory that its process has held so far; 0 where the system does not say."""


def make_alphas(
    inputs: Sequence[Path], out: str, solver: Solver, band: Band, guide: str | None, jobs: int = 1
) -> bool:
    """Makes the matte of every picture that has a trimap or a mask.

    Args:
        inputs: a set (`image/` with `trimap/`, `mask/` or `alpha/`), or a picture and its guide.
        out: the file or folder to write to; finished ones of a set are left alone.
        solver: which equations, at which size.
        band: how masks are made into trimaps.
        guide: which of `GUIDES` to take; None = the first that is there; for files, by content.
        jobs: how many processes.

    Returns:
        Whether none failed. What was left out of a set is in `skipped.csv` in the output folder.

    Raises:
        HumatteError: wrong use, or nothing to work on.
    """
    if guide not in (None, *GUIDES):
        raise UsageError(f"no guide '{guide}'; expected one of {', '.join(GUIDES)}")
    load_solvers()  # before other processes start, so that they find them compiled
    skipped: Path | None
    if len(inputs) == 1 and is_dir(inputs[0]):
        tasks, guide = _tasks_of_set(inputs[0], Path(out), guide)
        settings = solver.settings() | {"guide": guide}
        settings |= band.settings() if guide != "trimap" else {}
        claim(Path(out), settings, [task.target for task in tasks])
        skipped = Path(out) / SKIPPED
    else:
        tasks = [_task_of_files(inputs, out)]
        expect_new(tasks[0].target)
        skipped = None
    do = partial(make_alpha, solver=solver, band=band, guide=guide)
    report = work_through("mattes", tasks, do, _name, _is_there, jobs)
    _tell_cost(report)
    return report.tell("mattes", skipped)


def make_alpha(task: Task, solver: Solver, band: Band, guide: str | None) -> Cost:
    """Reads a picture and its guide, solves the matte and writes it.

    Raises:
        Skip: the picture or its guide is missing, or nothing in the trimap is sure.
        HumatteError: a file cannot be used, or the matte not be solved or written.
    """
    if not task.image or not task.guide:
        raise Skip(f"{task.name}: no {'picture' if task.guide else 'trimap or mask'}")
    start = time.perf_counter()
    image = read(task.image).image
    trimap = _trimap(task.guide, band, guide)
    if trimap.shape != image.shape[:2]:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (trimap.shape, image.shape)]
        raise DataError(f"{task.name}: {task.guide} is {sizes[0]}, the picture {sizes[1]}")
    why = unsolvable(trimap)
    if why and (trimap == UNSURE).any():
        raise Skip(f"{task.name}: {why}")
    try:
        alpha = solve_alpha(image, trimap, solver)
    except DataError as error:
        raise DataError(f"{task.name}: {error}") from error
    write(encode(to_bytes(alpha), "PNG", Kept()), task.target)
    return Cost(time.perf_counter() - start, peak_bytes())


def _trimap(path: Path, band: Band, guide: str | None) -> Trimap:
    """The trimap in a file, or that of the mask in it."""
    values = read_matte(path)
    sure = (values <= _SURE_BYTES) | (values >= 255 - _SURE_BYTES)
    gray = np.abs(values.astype(np.int16) - UNSURE) <= _SURE_BYTES
    # Without being told: a trimap has some 128, and nothing else between 0 and 255.
    if guide == "trimap" or (guide is None and gray.any() and (sure | gray).all()):
        trimap = np.full(values.shape, UNSURE, np.uint8)
        trimap[values <= _SURE_BYTES] = BACKGROUND
        trimap[values >= 255 - _SURE_BYTES] = PERSON
        return trimap
    return band.of(read_mask(path))


def _tasks_of_set(folder: Path, out: Path, guide: str | None) -> tuple[list[Task], str]:
    found = [part for part in GUIDES if is_dir(folder / part) and guide in (None, part)]
    if not is_dir(folder / "image") or not found:
        wanted = f"{guide}/" if guide else "trimap/, mask/ or alpha/"
        raise DataError(f"{folder}: expected a set with image/ and {wanted}")
    own = {(folder / part).resolve() for part in ("", "image", found[0])}
    if out.resolve() in own or is_file(out) or out.suffix.lower() == ".png":
        raise UsageError(
            f"{out}: not a folder for new mattes; choose another -o, as {folder / 'alpha'}"
        )
    images, guides = files_by_stem(folder / "image"), files_by_stem(folder / found[0])
    tasks = [
        Task(name, images.get(name), guides.get(name), out / f"{name}.png")
        for name in sorted({*images, *guides})
    ]
    if not tasks:
        raise DataError(f"{folder}: no pictures in image/ and {found[0]}/")
    say(f"guided by {folder / found[0]}")
    return tasks, found[0]


def _task_of_files(inputs: Sequence[Path], out: str) -> Task:
    if len(inputs) != 2:
        raise UsageError(
            f"found {len(inputs)} inputs; expected a set (a folder), or a picture and its trimap"
        )
    missing = next((path for path in inputs if not is_file(path)), None)
    if missing:
        raise DataError(f"{missing}: no such file; expected a picture and its trimap or mask")
    target = Path(out) / f"{inputs[0].stem}.png" if is_folder(out) else Path(out)
    if target.suffix.lower() != ".png":
        raise UsageError(f"{out}: a matte is written as .png, which loses nothing; rename it")
    if target.resolve() in {path.resolve() for path in inputs}:
        raise UsageError(f"{target}: the output is an input; choose another -o")
    return Task(str(inputs[0]), inputs[0], inputs[1], target)


def _tell_cost(report: Report) -> None:
    costs: list[Cost] = report.answers
    if costs:
        seconds = statistics.median(cost.seconds for cost in costs)
        peak = max(cost.peak_bytes for cost in costs) / 1e6
        memory = f", at most {peak:.0f} MB in a process" if peak else ""
        say(f"{seconds:.1f} s a matte (median){memory}")


def _name(task: Task) -> str:
    return task.name


def _is_there(task: Task) -> bool:
    return task.target.exists()

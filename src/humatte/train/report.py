"""What a run writes for people: progress, metrics.csv, curves.png, TensorBoard events.

In: loss terms per step, scores per epoch. Every file is whole at every moment: rows are appended,
the picture is renamed into place.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from humatte.image_io import write

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_KEPT = "epoch.json"  # the sums of an epoch that was stopped
_LOG_EVERY_STEPS = 20
_DRAW_EVERY_SECONDS = 10.0


@dataclass
class _Epoch:
    """What the steps of an epoch add up to."""

    sums: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    pictures: int = 0
    waited: float = 0.0
    rate: float = 0.0

    def add(self, terms: dict[str, float], rate: float, pictures: int, waited: float) -> None:
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.steps += 1
        self.pictures += pictures
        self.waited += waited
        self.rate = rate

    def means(self) -> dict[str, float]:
        return {name: total / self.steps for name, total in self.sums.items()}


class Report:
    """Collects a run's numbers. A context manager: closing it flushes the event file."""

    def __init__(self, folder: Path, active: bool = True) -> None:
        """Writes into `folder`, which exists; nothing at all unless `active`."""
        self.folder = folder
        self.console = Console(stderr=True, quiet=not active)
        self.rows = _read_rows(folder / "metrics.csv")
        self._writes = active
        self._resumed: int | None = None
        self._drawn = -math.inf
        self._epoch = _Epoch()

    @cached_property
    def _events(self) -> SummaryWriter | None:
        """TensorBoard's file; steps past the one that a run goes on from are taken back."""
        if not self._writes:
            return None
        # The import takes seconds and is only needed while training.
        from torch.utils.tensorboard import SummaryWriter

        purge = None if self._resumed is None else self._resumed + 1
        return SummaryWriter(str(self.folder / "tensorboard"), purge_step=purge)

    def __enter__(self) -> Report:
        """Nothing to open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Draws the curves a last time and closes the event file."""
        if self._writes and self.rows:
            self._draw()
        if "_events" in vars(self) and self._events:  # a run that failed early has none
            self._events.close()

    def _draw(self) -> None:
        draw_curves(self.rows, self.folder / "curves.png")
        self._drawn = time.monotonic()

    def cut_after(self, step: int) -> None:
        """Forgets rows past a step: a resumed run writes them again. The epoch's sums are found."""
        self.rows = [row for row in self.rows if int(row["step"]) <= step]
        self._resumed = step
        kept = self.folder / _KEPT
        if kept.is_file():
            values = json.loads(kept.read_text("utf-8"))
            if values.pop("step") == step:
                self._epoch = _Epoch(**values)

    def keep(self, step: int) -> None:
        """Writes the sums of an epoch that is stopped after this step, for `cut_after`."""
        if self._writes:
            text = json.dumps({"step": step, **vars(self._epoch)})
            write(text.encode(), self.folder / _KEPT)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int, int], None]]:
        """A progress bar; yields a function of (done, total)."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def say(self, line: str) -> None:
        """Says a line to whoever sits before the terminal."""
        with suppress(OSError):  # the terminal may be what has gone
            self.console.print(line)

    def step(
        self, step: int, terms: dict[str, float], rate: float, pictures: int, waited: float
    ) -> None:
        """Takes one step's loss terms."""
        self._epoch.add(terms, rate, pictures, waited)
        if self._events and step % _LOG_EVERY_STEPS == 0:
            for name, value in terms.items():
                self._events.add_scalar(f"train/{name.removeprefix('train_')}", value, step)
            self._events.add_scalar("train/lr", rate, step)

    def end_epoch(self, epoch: int, step: int, seconds: float, scores: dict[str, float]) -> None:
        """Adds a row, draws the curves, and says one line."""
        spent = seconds - (float(self.rows[-1]["seconds"]) if self.rows else 0.0)
        row: dict[str, Any] = {
            "epoch": epoch,
            "step": step,
            "seconds": round(seconds, 1),
            "lr": f"{self._epoch.rate:.3g}",
            "pictures": self._epoch.pictures,
            "waiting_for_data": round(self._epoch.waited / max(spent, 1e-9), 4),
        }
        row |= {name: round(mean, 6) for name, mean in self._epoch.means().items()}
        row |= {name: round(value, 6) for name, value in scores.items()}
        self.rows.append({name: str(value) for name, value in row.items()})
        if self._events:
            for name, value in scores.items():
                curve = f"validation/{name.removeprefix('validation_')}"
                self._events.add_scalar(curve, value, step)
        _write_rows(self.rows, self.folder / "metrics.csv")
        if time.monotonic() - self._drawn > _DRAW_EVERY_SECONDS:
            self._draw()
        self.console.print("  ".join(f"{name} {value}" for name, value in row.items()))
        self._epoch = _Epoch()


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]


def _write_rows(rows: list[dict[str, str]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    write(text.getvalue().encode(), path)


def draw_curves(rows: list[dict[str, str]], path: Path) -> None:
    """Draws losses and scores of both lists over the steps as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = (("loss", "validation_loss"), ("person_iou", "miou", "train_miou"), ("mad",))
    for axes, names in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for name in names:
            points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
            if points:
                axes.plot(*zip(*points, strict=True), marker=".", label=name)
        axes.set_xlabel("step")
        axes.set_title(", ".join(names))
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_png(drawn)  # type: ignore[no-untyped-call]
    write(drawn.getvalue(), path)

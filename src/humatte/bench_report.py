"""What `humatte bench` says: a table, a line about the machine, JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from humatte.bench import STAGES, Result, Task, measure_apart
from humatte.bench_clip import CLIP_STAGES, ClipResult, ClipTask, measure_clips_apart
from humatte.console import progress, tell
from humatte.image_io import write
from humatte.machine import machine_facts, machine_line

Measured = TypeVar("Measured", Result, ClipResult)

_NAME, _CELL = 34, 9


def run(tasks: Sequence[Task], target: Path | None, *, to_stdout: bool) -> None:
    """Measures, says a line each as it comes, and writes what was asked for.

    Raises:
        HumatteError: what cannot be run, read or written.
    """
    _say(_followed(measure_apart(tasks), len(tasks)), text, target, to_stdout)


def run_clips(tasks: Sequence[ClipTask], target: Path | None, *, to_stdout: bool) -> None:
    """As `run`, of clips."""
    _say(_followed(measure_clips_apart(tasks), len(tasks)), clips_text, target, to_stdout)


def _followed(measured: Iterable[Measured], count: int) -> list[Measured]:
    results = []
    with progress("measuring", count) as advance:
        for result in measured:
            results.append(result)
            advance()
    return results


def _say(
    results: Sequence[Measured],
    table: Callable[[Sequence[Measured]], str],
    target: Path | None,
    to_stdout: bool,
) -> None:
    if not to_stdout:
        tell(table(results))
    if to_stdout or target:
        entries = [result.to_json() for result in results]
        data = json.dumps({"machine": machine_facts(), "results": entries}, indent=2)
        if target:
            write(data.encode(), target)
        else:
            tell(data)


def text(results: Sequence[Result]) -> str:
    """The table: milliseconds, the median and below it what 95 % stay below."""
    columns = (*STAGES, "total", "a second", "peak MB", "passes")
    lines = [machine_line(), _row("milliseconds: median / 95 %", columns)]
    for result in results:
        height, width = result.size
        stages = (*STAGES, "total")
        low, high = (
            [f"{1000 * result.quantile(stage, share):.1f}" for stage in stages]
            for share in (0.5, 0.95)
        )
        peak = "" if result.peak_mb is None else f"{result.peak_mb:.0f}"
        rate = f"{1 / result.quantile('total', 0.5):.2f}"
        lines.append(_row(name_of(result), [*low, rate, peak, f"{result.passes:.1f}"]))
        lines.append(_row(f"  {width}x{height} to {result.task.format_name}", high))
        lines.append(f"  {network_line(result)}")
    return "\n".join(lines)


def clips_text(results: Sequence[ClipResult]) -> str:
    """The table of clips: milliseconds a frame, medians of the rounds; frames a second."""
    stages = (*CLIP_STAGES, "total")
    columns = (*stages, "frames/s", "peak MB")
    lines = [machine_line(), _row("milliseconds a frame: median", columns)]
    for result in results:
        times = [f"{1000 * result.quantile(stage, 0.5):.1f}" for stage in stages]
        peak = "" if result.peak_mb is None else f"{result.peak_mb:.0f}"
        lines.append(_row(name_of(result), [*times, f"{result.frames_per_s:.2f}", peak]))
        height, width = result.size
        lines.append(f"  {result.frames} frames of {width}x{height} to {result.task.kind}")
    return "\n".join(lines)


def name_of(result: Result | ClipResult) -> str:
    """The network and what computed it."""
    running = result.task.running
    threads = "" if running.threads is None else f", {running.threads} threads"
    precision = "" if running.precision == "fp32" else f" {running.precision}"
    model = Path(result.task.model).stem
    return f"{model}, {result.runtime} {result.device}{precision}{threads}"


def network_line(result: Result) -> str:
    """One pass alone, and what share of the machine's arithmetic it reaches."""
    median = statistics.median(result.pass_s)
    line = f"one pass {1000 * median:.1f} ms, opened in {result.open_s:.2f} s"
    share = result.share_of_peak
    if share is None or result.macs is None:
        return line
    rate, peak = result.macs / median / 1e9, result.machine_macs_per_s / 1e9
    return (
        f"{line}; {result.macs / 1e6:.0f} million multiplications, {rate:.0f} of the {peak:.0f} "
        f"thousand million a second of this machine's product of matrices: {share:.0%}"
    )


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:{_NAME}}" + "".join(f"{cell:>{_CELL}}" for cell in cells)

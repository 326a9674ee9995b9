"""`humatte cutout` of clips: one after the other; progress, notices, failures, reports.

A bad clip does not stop the others. What is written is whole.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import humatte
from humatte.catalog import DEFAULT, find, load
from humatte.console import progress, say
from humatte.errors import UsageError, one_line
from humatte.hint_files import NO_FILES, HintFiles
from humatte.hints import Hints, read_hints
from humatte.network import Network
from humatte.paths import guard_outputs, is_dir, make_folder
from humatte.report import STDOUT, Reporter
from humatte.runtimes import ANYHOW, Running
from humatte.video_cutout import Outcome, Run, cut_clip
from humatte.video_io import PICTURES
from humatte.video_options import ClipOptions
from humatte.video_pictures import Numbered, numbered
from humatte.video_plan import ClipJob
from humatte.video_segments import check_resumable, folder_of
from humatte.video_unfinished import is_done, mark, mark_of, own_frames, state, state_of, unmark


@dataclass(frozen=True)
class ClipRequest:
    """What the user asked for, of clips.

    Args:
        options: what the results show.
        words: all options as typed, by name: a run that is resumed must have the same.
        background: as typed: where it is a file, that must not be overwritten.
        model: the network as typed.
        running: what computes it.
        hints: files, each for all frames.
        report: as typed.
        skip_existing: leave results that are there.
    """

    options: ClipOptions
    words: dict[str, Any]
    background: str | None = None
    model: str | None = None
    running: Running = ANYHOW
    hints: HintFiles = NO_FILES
    report: str | None = None
    skip_existing: bool = False

    def guarded(self) -> list[Path]:
        """Files that are read besides the clips."""
        behind = self.options.behind is not None or self.options.look.background.picture is not None
        named = [Path(self.background)] if self.background and behind else []
        return [*named, *self.hints.typed.values(), find(self.model or DEFAULT)]


def check_clips(jobs: Sequence[ClipJob], request: ClipRequest) -> None:
    """Finds out before the work whether it can be done.

    Raises:
        UsageError: an output over an input, into a folder that is in use, or onto a terminal;
            hints in a folder; --resume of what cannot be.
    """
    for kind, path in request.hints.typed.items():
        if is_dir(path):
            raise UsageError(
                f"--{kind} {path}: a folder; a clip takes one picture, for all of its frames"
            )
    pictures = [numbered(job.source) for job in jobs]
    inputs = [n.folder if n else job.source for n, job in zip(pictures, jobs, strict=True)]
    for job in jobs:
        if job.target is None:
            _check_stdout(request)
        if request.options.raw and job.target is not None:
            raise UsageError(f"--raw is for stdout; give -o - instead of -o {job.target}")
        if request.options.resume:
            check_resumable(job.outputs())
    outputs = [output for job in jobs for output in job.outputs()]
    for path, kind in outputs:
        if kind == PICTURES:
            _check_folder(path, inputs, request)
        make_folder(path.parent)
    files = [path for path, kind in outputs if kind != PICTURES]
    guard_outputs(files, [*inputs, *request.guarded()])


def _check_stdout(request: ClipRequest) -> None:
    if request.options.raw is None:
        raise UsageError(
            "a clip on stdout needs --raw rgba (bare frames; rgb with a background, gray for the "
            "matte), or give -o FILE"
        )
    if sys.stdout.isatty():
        raise UsageError("frames are not written to a terminal; redirect stdout, or give -o FILE")
    if request.report == STDOUT:
        raise UsageError("stdout carries the frames; write the report to a file: --report FILE")


def _check_folder(path: Path, inputs: Sequence[Path], request: ClipRequest) -> None:
    """A thousand frames among other files would be hard to get rid of."""
    if any(os.path.realpath(path) == os.path.realpath(own) for own in inputs):
        raise UsageError(f"{path}: the frames of the input lie there; choose another folder")
    pictures = numbered(path) or Numbered(path, "%06d.png")
    if not is_dir(pictures.folder):
        return
    others = list(path.iterdir()) if is_dir(path) else pictures.found()
    resumed = request.options.resume and folder_of(path).exists()
    resumed = resumed or bool(own_frames(path))
    if others and not request.skip_existing and not resumed:
        raise UsageError(
            f"{path}: is not empty, and every frame would become a file there; give a new folder, "
            "another name as f_%06d.png in it, or a clip's as out.webm"
        )


def run_clips(
    jobs: Sequence[ClipJob], request: ClipRequest, reporter: Reporter, *, several: bool
) -> bool:
    """Cuts out clips; returns whether every one of them succeeded.

    Args:
        jobs: checked by `check_clips`.
        request: what to do with each.
        reporter: is told of each; whoever opened it closes it.
        several: whether a failure is said, and the rest goes on, or raised.

    Raises:
        HumatteError: the only clip failed.
        KeyboardInterrupt: after Ctrl-C, once what was made is whole.
    """
    network = load(request.model or DEFAULT, *request.running)
    hints = read_hints(**request.hints.typed)
    done = 0
    for job in jobs:
        try:
            interrupted = _one(job, request, network, hints, reporter)
            done += 1
            if interrupted:
                raise KeyboardInterrupt
        except Exception as error:
            reporter.failed(str(job.source), error)
            if not several:
                raise
            reason = one_line(error)
            own = str(job.source) in reason
            say(f"failed: {reason if own else f'{job.source}: {reason}'}")
    return done == len(jobs)


def _one(
    job: ClipJob, request: ClipRequest, network: Network, hints: Hints, reporter: Reporter
) -> bool:
    """Cuts out a clip; returns whether Ctrl-C came when all of its frames were made."""
    if request.skip_existing and is_done(job.outputs()):
        reporter.skipped(str(job.source), job.target or Path("-"))
        if job.target:
            say(f"{job.target}: skipped (already there)")
        return False
    for folder in [path for path, kind in job.outputs() if kind == PICTURES]:
        for path in own_frames(folder):
            path.unlink()
    run = Run(job, request.options, network, hints, _order(job, request))
    name = job.source.name or str(job.source)
    state: dict[str, Any] = {}

    def tick(outcome: Outcome) -> None:
        """The bar is drawn once the clip's length is known."""
        if not state:
            state["outcome"] = outcome
            total = expected_frames(outcome)
            state["advance"] = opened.enter_context(progress(name, total, rate="frames"))
        state["advance"]()

    before = state_of(job.outputs())
    try:
        with contextlib.ExitStack() as opened:
            outcome = cut_clip(run, tick)
    except KeyboardInterrupt:
        if request.options.resume:
            _say_kept(job)
        elif "outcome" in state and state_of(job.outputs()) != before:
            _say_shorter(job)
        raise
    for path, _ in job.outputs():
        unmark(path)
    for line in outcome.notices:
        say(f"note: {line}")
    if not outcome.with_person and outcome.frames + outcome.resumed:
        say(f"warning: {job.source}: no person found (the mattes are empty or almost so)")
    _say_done(job, outcome)
    reporter.add(str(job.source), _facts(job, outcome, network, hints))
    return outcome.interrupted


def expected_frames(outcome: Outcome) -> int | None:
    """How many frames there will be, as far as the file tells."""
    clip = outcome.clip
    if clip.frames:
        total = clip.frames
    elif clip.duration and clip.rate:
        total = round(clip.duration * clip.rate)  # `every` is in the rate already
    else:
        return None
    return max(1, total - outcome.resumed)


def _order(job: ClipJob, request: ClipRequest) -> dict[str, Any]:
    """What makes a result what it is: only the same can be gone on with."""
    files = [job.source, *request.guarded()]
    return {
        "humatte": humatte.__version__,
        "inputs": {str(path.absolute()): state(path) for path in files},
        "hints": {kind: str(path.absolute()) for kind, path in request.hints.typed.items()},
        "outputs": [[str(path.absolute()), kind] for path, kind in job.outputs()],
        "options": {k: str(v) for k, v in sorted(request.words.items()) if v not in (None, False)},
    }


def _say_kept(job: ClipJob) -> None:
    if job.target and folder_of(job.target).exists():
        say("the segments so far are kept; the same command goes on from there")


def _say_shorter(job: ClipJob) -> None:
    """A later run must not take it for finished."""
    for path, _ in job.outputs():
        mark(path)
    if job.target:
        say(
            f"{job.target}: shorter than the clip: it ends where it was interrupted, which "
            f"{mark_of(job.target).name} beside it tells --skip-existing"
        )


def _say_done(job: ClipJob, outcome: Outcome) -> None:
    seconds = outcome.seconds["total"]
    resumed = f", {outcome.resumed} were there already" if outcome.resumed else ""
    say(
        f"{job.source}: {outcome.frames} frames in {seconds:.1f} s "
        f"({outcome.frames / seconds:.1f} a second){resumed}"
    )


def _facts(job: ClipJob, outcome: Outcome, network: Network, hints: Hints) -> dict[str, Any]:
    """What is reported of a finished clip (docs/video.md names the fields)."""
    clip, frames = outcome.clip, max(1, outcome.frames + outcome.resumed)
    return {
        "result": None if job.target is None else str(job.target),
        "mask": None if job.mask is None else str(job.mask),
        "size": list(clip.size[::-1]),
        "result_size": list(outcome.size[::-1]),
        "frames": outcome.frames + outcome.resumed,
        "resumed": outcome.resumed,
        "frames_a_second": _number(clip.rate),
        "duration": _number(clip.duration),
        "person_found": outcome.with_person > 0,
        "frames_with_person": outcome.with_person,
        "share": round(outcome.share / frames, 6),
        "hints": hints.given(),
        "warnings": outcome.notices,
        "network": network.facts.name,
        "device": network.device,
        "runtime": network.runtime,
        "seconds": {name: round(value, 4) for name, value in outcome.seconds.items()},
        "humatte": humatte.__version__,
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), 4)

"""`humatte cutout`: many pictures, or one from stdin; progress, warnings, failures.

A bad picture does not stop the others. What is written is whole.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from humatte.arrays import to_integers
from humatte.catalog import DEFAULT, find
from humatte.console import progress, say, to_stdout
from humatte.errors import UsageError, one_line
from humatte.files import Job, Plan, is_folder, plan, refuse_overwriting
from humatte.hint_files import NO_FILES, HintFiles, Matched
from humatte.image_io import (
    DEEP_FORMATS,
    WRITABLE_FORMATS,
    check_channels,
    encode,
    megapixels,
    output_format,
    write,
)
from humatte.options import PLAIN, Options
from humatte.paths import guard_outputs, make_folder
from humatte.pipeline import Room, cores, overlapped
from humatte.report import STDOUT, Reporter, facts
from humatte.runtimes import ANYHOW, Running

if TYPE_CHECKING:
    from humatte.finish import CutOut
    from humatte.network import Network

# Pictures under way hold about 25 bytes for each of their pixels, the encoded file included.
_MEGAPIXELS_AT_ONCE = 60.0


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    options: Options = PLAIN
    background: str | None = None
    """As typed: where it is a file, that must not be overwritten."""
    model: str | None = None
    running: Running = ANYHOW
    format_name: str | None = None
    skip_existing: bool = False
    hints: HintFiles = NO_FILES
    mask_out: str | None = None
    report: str | None = None
    jobs: int | None = None
    """Pictures worked on at once; None: as many as there are cores."""

    def check(self, out: str | None) -> None:
        """Finds out whether the options make sense together.

        Raises:
            UsageError: they contradict each other.
        """
        if self.mask_out == "-":
            raise UsageError(
                "--mask-out is not written to stdout; name a file, or use --alpha -o - for the "
                "matte alone"
            )
        suffix = Path(out).suffix.lower().lstrip(".") if out else ""
        if self.format_name and suffix in WRITABLE_FORMATS and not is_folder(out):
            wanted = output_format(None, self.format_name)
            if WRITABLE_FORMATS[suffix] != wanted:
                raise UsageError(f"{out} is not {self.format_name}; leave --format out, or rename")

    def guarded(self) -> list[Path]:
        """Files that the command reads besides its inputs and their hints."""
        background = (
            [Path(self.background or "")] if self.options.background.picture is not None else []
        )
        return [*background, find(self.model or DEFAULT)]


def run_files(
    inputs: Sequence[str],
    out: str | None,
    request: Request,
    reporter: Reporter | None = None,
    taken: Sequence[Path] = (),
) -> bool:
    """Cuts out files and folders; returns whether every one of them succeeded.

    Args:
        inputs: paths, folders and patterns.
        out: a file or a folder as typed, or None for beside the input.
        request: what to do with each.
        reporter: one that others report to as well; None = one of its own.
        taken: files among them that are worked on elsewhere.

    Raises:
        HumatteError: nothing could be tried at all, or the only picture failed.
    """
    request.check(out)
    # An unknown network is refused here, before any picture is touched.
    work = plan(inputs, out, request.format_name, request.guarded(), request.mask_out, taken)
    for job in work.jobs:
        check_channels(job.format_name, request.options.transparent)
    hints = request.hints.match([job.source for job in work.jobs])
    kept = [*(job.source for job in work.jobs), *request.guarded(), *hints.all_files()]
    refuse_overwriting(work.jobs, hints.all_files())
    reporter = reporter or Reporter(request.report)
    reporter.guard([*kept, *(path for job in work.jobs for path in job.outputs())])
    cut = _Cutter(request, hints, reporter)
    with contextlib.closing(reporter):
        if len(work.jobs) > 1 or work.unreadable or taken:
            return _run_many(work, cut)
        (job,) = work.jobs
        if cut.is_done(job):
            reporter.skipped(str(job.source), job.target)
        else:
            for path in job.outputs():
                make_folder(path.parent)
            with cut.noted(job.source):
                cut.done(cut.file(job), job.source)
    _say_left_out(work)
    return True


def run_stream(source: str, out: str | None, request: Request) -> None:
    """Cuts out one picture from stdin and/or to stdout.

    Raises:
        HumatteError: the picture failed, or stdout is a terminal or broken.
    """
    target, mask = _stream_files(out, request)
    format_name = output_format(target, request.format_name)
    check_channels(format_name, request.options.transparent)
    name = Path("stdin" if source == "-" else source)
    hints = request.hints.match([name])
    inputs = [*request.guarded(), *hints.all_files(), *([] if source == "-" else [name])]
    outputs = [path for path in (target, mask) if path]
    for path in outputs:
        make_folder(path.parent)
    guard_outputs(outputs, inputs)
    reporter = Reporter(request.report, [*inputs, *outputs])
    cut = _Cutter(request, hints, reporter)
    with contextlib.closing(reporter):
        if target and cut.is_done(Job(name, target, format_name, mask)):
            reporter.skipped(str(name), target)
            return
        data = sys.stdin.buffer.read() if source == "-" else name
        with cut.noted(name):
            result = cut.encoded(data, name, format_name, mask)
            if target:
                write(result.data, target)
            else:
                to_stdout(result.data)
            if mask:
                write(result.mask, mask)
            cut.done(cut.outcome(result, target, mask), name)


def _stream_files(out: str | None, request: Request) -> tuple[Path | None, Path | None]:
    """The result's file, or None for stdout, and the matte's, or None for none.

    Raises:
        UsageError: they contradict each other, or cannot be what they are called.
    """
    target = None if out in (None, "-") else Path(str(out))
    if target is None and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal; give -o FILE or redirect stdout")
    if is_folder(out):
        raise UsageError(f"{out}: a folder; a picture from stdin needs a file name as -o")
    if target is None and request.report == STDOUT:
        raise UsageError("stdout carries the picture; write the report to a file: --report FILE")
    if request.mask_out and is_folder(request.mask_out):
        raise UsageError(f"--mask-out {request.mask_out}: a folder; one picture needs a file name")
    request.check(None if out == "-" else out)
    mask = Path(request.mask_out) if request.mask_out else None
    if mask:
        output_format(mask, None)  # refuses what cannot be written
    return target, mask


@dataclass(frozen=True)
class _Encoded:
    """A finished picture's bytes, its matte's if that is asked for, and what is known of it."""

    data: bytes
    mask: bytes
    cut: CutOut
    hints: list[str]
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Outcome:
    """What came of a picture that was written."""

    warnings: list[str]
    facts: dict[str, Any]


class _Cutter:
    """Reads, cuts out, encodes and writes; opens the network when the first picture needs it."""

    def __init__(self, request: Request, hints: Matched, reporter: Reporter) -> None:
        self.request, self.hints, self.reporter = request, hints, reporter
        self.threads: int | None = None

    def _network(self) -> Network:
        from humatte.catalog import load

        running = self.request.running
        if running.threads is None:
            running = running._replace(threads=self.threads)
        return load(self.request.model or DEFAULT, *running)

    def is_done(self, job: Job) -> bool:
        """Whether a picture's results are there already, and are to be left."""
        return self.request.skip_existing and all(path.exists() for path in job.outputs())

    def encoded(
        self, source: Path | bytes, name: Path, format_name: str, mask: Path | None
    ) -> _Encoded:
        """The finished file of one picture, and its matte's."""
        from humatte.finish import cut_out
        from humatte.reading import read_for

        started = time.perf_counter()
        options, hints = self.request.options, self.hints.read(name)
        network, deep = self._network(), format_name in DEEP_FORMATS
        whole = self.reporter.wanted  # which tells places in the file's pixels
        ready = time.perf_counter()
        reading = read_for(source, network, options, hints, keep_deep=deep, whole=whole)
        opened = time.perf_counter()
        result = cut_out(reading.picture, network, options, hints, reading.first)
        del reading  # encoding a large one needs its memory
        finished = time.perf_counter()
        data = encode(result.pixels, format_name, result.kept, premultiplied=options.premultiplied)
        matte = encode_matte(result, mask) if mask else b""
        ended = time.perf_counter()
        seconds = {"read": opened - ready, "encode": ended - finished, "total": ended - started}
        return _Encoded(data, matte, result, hints.given(), result.seconds | seconds)

    def file(self, job: Job) -> _Outcome:
        """Writes the finished file of one picture. May run in several threads at once."""
        result = self.encoded(job.source, job.source, job.format_name, job.mask)
        write(result.data, job.target)
        if job.mask:
            write(result.mask, job.mask)
        return self.outcome(result, job.target, job.mask)

    def outcome(self, result: _Encoded, target: Path | None, mask: Path | None) -> _Outcome:
        """What is to be said and reported of a picture, without its pixels."""
        warnings = list(result.cut.warnings)
        if not result.cut.person_found:
            warnings.insert(0, "no person found (the matte is empty or almost so)")
        if not self.reporter.wanted:
            return _Outcome(warnings, {})
        files = {"result": _text(target), "mask": _text(mask)}
        found = facts(result.cut, self._network(), result.hints, result.seconds)
        return _Outcome(warnings, files | found)

    @contextlib.contextmanager
    def noted(self, name: Path) -> Iterator[None]:
        """Reports a failure, and lets it go on."""
        try:
            yield
        except Exception as error:
            self.reporter.failed(str(name), error)
            raise

    def done(self, outcome: _Outcome, name: Path) -> None:
        """Says and reports what came of a picture."""
        for warning in outcome.warnings:
            say(f"warning: {name}: {warning}")
        self.reporter.add(str(name), outcome.facts)


def encode_matte(result: CutOut, path: Path) -> bytes:
    """The matte's file, with as many bits as the result where the format can."""
    format_name = output_format(path, None)
    dtype = result.pixels.dtype if format_name in DEEP_FORMATS else np.uint8
    return encode(to_integers(result.alpha, dtype), format_name, result.kept)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _run_many(work: Plan, cut: _Cutter) -> bool:
    for line in work.unreadable:
        say(f"failed: {line}")
    for folder in {path.parent for job in work.jobs for path in job.outputs()}:
        make_folder(folder)
    todo = []
    for job in work.jobs:
        if cut.is_done(job):
            cut.reporter.skipped(str(job.source), job.target)
        else:
            todo.append(job)
    started, done = time.perf_counter(), 0
    with progress("cutting out", len(todo)) as advance:
        for job, future in _under_way(todo, cut):
            done += _settled(cut, job, future)
            advance()
    _say_total(work, cut, len(todo), done, time.perf_counter() - started)
    return done == len(todo) and not work.unreadable


def _under_way(jobs: Sequence[Job], cut: _Cutter) -> Iterator[tuple[Job, Future[_Outcome]]]:
    """Pictures that are read, cut out and written, several at once."""
    workers = min(cut.request.jobs or cores(), len(jobs)) or 1
    room = Room(_MEGAPIXELS_AT_ONCE)
    cut.threads = max(1, cores() // workers)

    def work(job: Job) -> _Outcome:
        with room.for_one(max(megapixels(job.source), cut.request.options.megapixels)):
            return cut.file(job)

    return overlapped(work, jobs, workers)


def _settled(cut: _Cutter, job: Job, future: Future[_Outcome]) -> bool:
    """Whether one of many succeeded; whatever happened is said, and does not stop the others."""
    try:
        with cut.noted(job.source):
            cut.done(future.result(), job.source)
    except Exception as error:
        reason = one_line(error)
        say(f"failed: {reason if str(job.source) in reason else f'{job.source}: {reason}'}")
        return False
    return True


def _say_total(work: Plan, cut: _Cutter, tried: int, done: int, seconds: float) -> None:
    failed, skipped = tried - done + len(work.unreadable), len(work.jobs) - tried
    parts = [f"{done} cut out"]
    parts += [f"{skipped} skipped (already there)"] if skipped else []
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{tried / seconds:.1f} pictures a second"] if tried else []
    say(", ".join(parts))
    for kind in cut.request.hints.typed:
        if without := cut.hints.without(kind):
            say(f"{without} of {len(work.jobs)} pictures had no hint for --{kind}")
    _say_left_out(work)


def _say_left_out(work: Plan) -> None:
    if work.left_out:
        kinds = ", ".join(kind for kind, _ in work.left_out.most_common(5))
        say(f"{work.left_out.total()} other files left out ({kinds})")

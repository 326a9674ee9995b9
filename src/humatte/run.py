"""`humatte cutout`: many pictures, or one from stdin; progress, warnings, failures.

A bad picture does not stop the others. What is written is whole.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from humatte.catalog import DEFAULT, find
from humatte.composite import Background, parse_background
from humatte.console import progress, say
from humatte.errors import OutputError, UsageError, one_line
from humatte.files import Job, Plan, is_folder, plan
from humatte.image_io import WRITABLE_FORMATS, check_channels, encode, output_format, read, write
from humatte.matting import REFINEMENT, Refinement, refinement

if TYPE_CHECKING:
    from humatte.network import Network


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    model: str | None = None
    background: str | None = None
    alpha_only: bool = False
    format_name: str | None = None
    skip_existing: bool = False
    refine: str | None = None

    def check(self, out: str | None) -> Background:
        """The parsed background, once the options make sense together.

        Raises:
            UsageError: options that contradict each other, or an unknown background or refinement.
        """
        self.refinement()
        if self.alpha_only and self.background:
            raise UsageError("--alpha writes the matte alone; leave --background out")
        suffix = Path(out).suffix.lower().lstrip(".") if out else ""
        if self.format_name and suffix in WRITABLE_FORMATS and not is_folder(out):
            wanted = output_format(None, self.format_name)
            if WRITABLE_FORMATS[suffix] != wanted:
                raise UsageError(f"{out} is not {self.format_name}; leave --format out, or rename")
        return parse_background(self.background or "none")

    def refinement(self) -> Refinement:
        """How mattes become as large as their pictures."""
        return refinement(self.refine or REFINEMENT)


def run_files(inputs: Sequence[str], out: str | None, request: Request) -> bool:
    """Cuts out files and folders; returns whether every one of them succeeded.

    Args:
        inputs: paths, folders and patterns.
        out: a file or a folder as typed, or None for beside the input.
        request: what to do with each.

    Raises:
        HumatteError: nothing could be tried at all, or the only picture failed.
    """
    background = request.check(out)
    cut = _Cutter(request, background)
    work = plan(inputs, out, request.format_name, cut.guarded())
    for job in work.jobs:
        check_channels(job.format_name, background.none and not request.alpha_only)
    if len(work.jobs) > 1 or work.unreadable:
        return _run_many(work, cut, request.skip_existing)
    (job,) = work.jobs
    if not (request.skip_existing and job.target.exists()):
        _check_folder(job.target.parent)
        cut.file(job)
    _say_left_out(work)
    return True


def run_stream(source: str, out: str | None, request: Request) -> None:
    """Cuts out one picture from stdin and/or to stdout.

    Raises:
        HumatteError: the picture failed, or stdout is a terminal or broken.
    """
    target = None if out in (None, "-") else Path(str(out))
    if target is None and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal; give -o FILE or redirect stdout")
    if is_folder(out):
        raise UsageError(f"{out}: a folder; a picture from stdin needs a file name as -o")
    background = request.check(None if out == "-" else out)
    format_name = output_format(target, request.format_name)
    check_channels(format_name, background.none and not request.alpha_only)
    if request.skip_existing and target and target.exists():
        return
    data = sys.stdin.buffer.read() if source == "-" else Path(source)
    result = _Cutter(request, background).encoded(data, format_name)
    if target:
        write(result.data, target)
    else:
        _to_stdout(result.data)
    result.warn("stdin" if source == "-" else source)


def _to_stdout(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would fail once more, with a trace, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"stdout cannot be written ({error.strerror})") from error


@dataclass(frozen=True)
class _Encoded:
    """A finished file's bytes, and whether it shows a person."""

    data: bytes
    person_found: bool

    def warn(self, name: str) -> None:
        if not self.person_found:
            say(f"warning: {name}: no person found (the matte is empty or almost so)")


class _Cutter:
    """Opens the network once, when the first picture needs it."""

    def __init__(self, request: Request, background: Background) -> None:
        self.request, self.background = request, background
        # An unknown name is refused here, before any picture is touched.
        self.network_file = find(request.model or DEFAULT)

    def guarded(self) -> list[Path]:
        """Files that the command reads besides its inputs."""
        files = [Path(self.request.background or "")] if self.background.picture is not None else []
        return [*files, self.network_file]

    def _network(self) -> Network:
        from humatte.catalog import load

        return load(self.request.model or DEFAULT)

    def encoded(self, source: Path | bytes, format_name: str) -> _Encoded:
        """The finished file of one picture."""
        from humatte.finish import cut_out

        picture, asked = read(source), self.request
        result = cut_out(
            picture, self._network(), self.background, asked.alpha_only, asked.refinement()
        )
        return _Encoded(encode(result.pixels, format_name, result.kept), result.person_found)

    def file(self, job: Job) -> None:
        """Writes the finished file of one picture; warns when it shows no person."""
        result = self.encoded(job.source, job.format_name)
        write(result.data, job.target)
        result.warn(str(job.source))


def _check_folder(folder: Path) -> None:
    """Finds out before the work, not after it, that nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        allowed = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made a folder to be written to ({error.strerror}); "
            "choose another -o"
        ) from error
    if not allowed:
        raise OutputError(f"{folder}: may not be written to; choose another -o")


def _run_many(work: Plan, cut: _Cutter, skip_existing: bool) -> bool:
    failed, skipped = len(work.unreadable), 0
    for line in work.unreadable:
        say(f"failed: {line}")
    for folder in {job.target.parent for job in work.jobs}:
        _check_folder(folder)
    with progress("cutting out", len(work.jobs)) as advance:
        for job in work.jobs:
            if skip_existing and job.target.exists():
                skipped += 1
            elif not _attempt(cut, job):
                failed += 1
            advance()
    done = len(work.jobs) + len(work.unreadable) - failed - skipped
    parts = [f"{done} cut out"]
    parts += [f"{skipped} skipped (already there)"] if skipped else []
    parts += [f"{failed} failed"] if failed else []
    say(", ".join(parts))
    _say_left_out(work)
    return failed == 0


def _attempt(cut: _Cutter, job: Job) -> bool:
    """Cuts out one of many; whatever happens to it is said, and does not stop the others."""
    try:
        cut.file(job)
    except Exception as error:
        reason = one_line(error)
        say(f"failed: {reason if str(job.source) in reason else f'{job.source}: {reason}'}")
        return False
    return True


def _say_left_out(work: Plan) -> None:
    if work.left_out:
        kinds = ", ".join(kind for kind, _ in work.left_out.most_common(5))
        say(f"{work.left_out.total()} other files left out ({kinds})")

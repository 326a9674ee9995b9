"""`humatte cutout`: many pictures, or one from stdin; progress, warnings, failures.

A bad picture does not stop the others. What is written is whole.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from humatte.composite import Background, parse_background
from humatte.errors import OutputError, PictureError, UsageError, one_line
from humatte.files import Job, plan
from humatte.image_io import check_channels, encode, output_format, read, write

if TYPE_CHECKING:
    from humatte.network import Network


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    model: str | None = None
    background: str = "none"
    alpha_only: bool = False
    format_name: str | None = None
    skip_existing: bool = False


def run_files(inputs: Sequence[str], out: str | None, request: Request) -> bool:
    """Cuts out files and folders; returns whether every one of them succeeded.

    Args:
        inputs: paths, folders and patterns.
        out: a file or a folder as typed, or None for beside the input.
        request: what to do with each.

    Raises:
        HumatteError: nothing could be tried at all, or the only picture failed.
    """
    background = parse_background(request.background)
    jobs = plan(inputs, out, request.format_name)
    for job in jobs:
        check_channels(job.format_name, background.none and not request.alpha_only)
    cut = _Cutter(request, background)
    if len(jobs) > 1:
        return _run_many(jobs, cut, request.skip_existing)
    if not (request.skip_existing and jobs[0].target.exists()):
        cut.file(jobs[0])
    return True


def run_stream(source: str, out: str | None, request: Request) -> None:
    """Cuts out one picture from stdin and/or to stdout.

    Raises:
        HumatteError: the picture failed, or stdout is a terminal.
    """
    target = None if out in (None, "-") else Path(str(out))
    if target is None and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal; give -o FILE or redirect stdout")
    background = parse_background(request.background)
    format_name = output_format(target, request.format_name)
    check_channels(format_name, background.none and not request.alpha_only)
    data = sys.stdin.buffer.read() if source == "-" else Path(source)
    result = _Cutter(request, background).encoded(data, format_name)
    if target is None:
        sys.stdout.buffer.write(result.data)
        sys.stdout.buffer.flush()
    else:
        write(result.data, target)
    result.warn("stdin" if source == "-" else source)


@dataclass(frozen=True)
class _Encoded:
    """A finished file's bytes, and whether it shows a person."""

    data: bytes
    person_found: bool

    def warn(self, name: str) -> None:
        if not self.person_found:
            _say(f"warning: {name}: no person found (the matte is empty)")


class _Cutter:
    """Opens the network once, when the first picture needs it."""

    def __init__(self, request: Request, background: Background) -> None:
        from humatte.catalog import DEFAULT, find, load

        self.request, self.background = request, background
        name = request.model or DEFAULT
        find(name)  # an unknown name is refused before any picture is touched
        self._load: Callable[[], Network] = lambda: load(name)

    def encoded(self, source: Path | bytes, format_name: str) -> _Encoded:
        """The finished file of one picture."""
        from humatte.finish import cut_out

        picture = read(source)
        result = cut_out(picture, self._load(), self.background, self.request.alpha_only)
        return _Encoded(encode(result.pixels, format_name, result.kept), result.person_found)

    def file(self, job: Job) -> None:
        """Writes the finished file of one picture; warns when it shows no person."""
        result = self.encoded(job.source, job.format_name)
        write(result.data, job.target)
        result.warn(str(job.source))


def _run_many(jobs: Sequence[Job], cut: _Cutter, skip_existing: bool) -> bool:
    failed, skipped = 0, 0
    with progress("cutting out", len(jobs)) as advance:
        for job in jobs:
            if skip_existing and job.target.exists():
                skipped += 1
            else:
                try:
                    cut.file(job)
                except (PictureError, OutputError) as error:
                    failed += 1
                    _say(f"failed: {one_line(error)}")
            advance()
    parts = [f"{len(jobs) - failed - skipped} cut out"]
    parts += [f"{skipped} skipped (already there)"] if skipped else []
    parts += [f"{failed} failed"] if failed else []
    _say(", ".join(parts))
    return failed == 0


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, advanced by calling what it yields; none in logs."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _say(line: str) -> None:
    sys.stderr.write(f"humatte: {line}\n")

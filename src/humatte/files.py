"""Which pictures to read, and where each result goes.

In: the paths, folders and patterns a user typed, and -o. Out: a list of jobs without two results
in one place, and without a result over an input. Reads no picture.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from humatte.errors import PictureError, UsageError
from humatte.image_io import READABLE_SUFFIXES, output_format

# Output extension for each of Pillow's format names.
_EXTENSIONS = {"PNG": ".png", "WEBP": ".webp", "AVIF": ".avif", "TIFF": ".tiff", "JPEG": ".jpg"}


@dataclass(frozen=True)
class Job:
    """One picture to read, the file to write, and Pillow's name of its format."""

    source: Path
    target: Path
    format_name: str


def plan(inputs: Sequence[str], out: str | None, format_name: str | None) -> list[Job]:
    """Pairs every input picture with its output file.

    A single file goes to `out` (a file, or into a folder that exists or ends in a slash) or
    beside itself as NAME.cutout.EXT. Several files and folders go below `out`, or below
    FOLDER.cutout, with their tree kept. Where two inputs differ only in their extension, both
    keep it in the output's name (a.jpg.png, a.png.png).

    Args:
        inputs: files, folders and patterns, as typed.
        out: the -o as typed, or None.
        format_name: the format as typed; None = by the extension of `out`, else PNG.

    Raises:
        PictureError: a path that does not exist, a pattern or folder without pictures.
        UsageError: an unknown format, a result over an input, several inputs for one output file.
    """
    target = Path(out) if out else None
    sources = _find(inputs, target)
    alone = len(inputs) == 1 and Path(inputs[0]).is_file()
    if alone and target and not (target.is_dir() or str(out).endswith(("/", os.sep))):
        jobs = [Job(sources[0], target, output_format(target, format_name))]
    else:
        written = output_format(None, format_name)
        if alone and not target:
            name = f"{sources[0].stem}.cutout{_EXTENSIONS[written]}"
            jobs = [Job(sources[0], sources[0].with_name(name), written)]
        else:
            jobs = _keep_tree(sources, *_folders(inputs, sources, target), written)
    _refuse_overwriting(jobs)
    return jobs


def _folders(
    inputs: Sequence[str], sources: Sequence[Path], target: Path | None
) -> tuple[Path, Path]:
    """The folder that output paths are relative to, and the folder that they go to."""
    if target and target.is_file():
        raise UsageError(f"{target}: a file; several pictures need a folder as -o")
    if len(inputs) == 1 and Path(inputs[0]).is_dir():
        base = Path(inputs[0]).resolve()
    else:
        base = Path(os.path.commonpath([path.parent.resolve() for path in sources]))
    return base, target or base.with_name(f"{base.name}.cutout")


def _find(inputs: Iterable[str], out: Path | None) -> list[Path]:
    found: dict[Path, Path] = {}  # by resolved path: a picture named twice is done once
    for item in inputs:
        for path in _expand(item, out):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _expand(item: str, out: Path | None) -> list[Path]:
    path = Path(item)
    if path.is_dir():
        paths = _pictures_in(path, out)
        if not paths:
            kinds = " ".join(sorted(READABLE_SUFFIXES))
            raise PictureError(f"{item}: no pictures in this folder; expected files of {kinds}")
        return paths
    if path.exists():
        return [path]
    if glob.has_magic(item):
        matches = sorted(Path(match) for match in glob.glob(item, recursive=True))
        paths = [match for match in matches if match.suffix.lower() in READABLE_SUFFIXES]
        if not paths:
            raise PictureError(f"{item}: no picture matches this pattern")
        return paths
    raise PictureError(f"{item}: no such file or folder; check the path")


def _pictures_in(folder: Path, out: Path | None) -> list[Path]:
    """Pictures below a folder, sorted; hidden ones and earlier results below `out` left out."""
    results = out.resolve() if out else None
    if results == folder.resolve():
        raise UsageError(f"{out}: the output folder is the input folder; choose another -o")
    pictures = []
    for parent, subfolders, files in os.walk(folder):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".") and Path(parent, name).resolve() != results
        )
        pictures += [
            Path(parent, name)
            for name in sorted(files)
            if Path(name).suffix.lower() in READABLE_SUFFIXES and not name.startswith(".")
        ]
    return pictures


def _keep_tree(sources: Sequence[Path], base: Path, into: Path, format_name: str) -> list[Job]:
    extension = _EXTENSIONS[format_name]
    relative = [Path(os.path.relpath(path.parent.resolve() / path.name, base)) for path in sources]
    # Compared without case: a.jpg and A.png would be one file on many disks.
    taken = Counter(str(path.with_suffix("")).casefold() for path in relative)
    jobs = []
    for source, path in zip(sources, relative, strict=True):
        unique = taken[str(path.with_suffix("")).casefold()] == 1
        name = f"{path.stem if unique else path.name}{extension}"
        jobs.append(Job(source, into / path.parent / name, format_name))
    return jobs


def _refuse_overwriting(jobs: Sequence[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise UsageError(
                f"{job.target}: the output is an input and would be overwritten; choose another -o"
            )
    doubles = [t for t, n in Counter(str(job.target).casefold() for job in jobs).items() if n > 1]
    if doubles:
        raise UsageError(f"{doubles[0]}: two inputs would be written to it; rename one of them")

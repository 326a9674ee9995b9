"""Which pictures to read, and where each result goes.

In: the paths, folders and patterns a user typed, and -o. Out: a plan without two results in one
place, and without a result over an input. Reads no picture.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from humatte.errors import PictureError, UsageError
from humatte.image_io import READABLE_SUFFIXES, WRITABLE_FORMATS, output_format
from humatte.paths import is_dir, is_file

# Output extension for each of Pillow's format names.
_EXTENSIONS = {"PNG": ".png", "WEBP": ".webp", "AVIF": ".avif", "TIFF": ".tiff", "JPEG": ".jpg"}


@dataclass(frozen=True)
class Job:
    """One picture to read, the file to write, and Pillow's name of its format; a matte's too."""

    source: Path
    target: Path
    format_name: str
    mask: Path | None = None

    def outputs(self) -> list[Path]:
        """The files that it writes."""
        return [self.target] if self.mask is None else [self.target, self.mask]


@dataclass
class Plan:
    """The jobs, the folders that could not be looked into, and the kinds of files left out."""

    jobs: list[Job] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def is_folder(out: str | None) -> bool:
    """Whether an -o names a folder: it is one, or is written with a slash at its end."""
    return out is not None and (out.endswith(("/", os.sep)) or is_dir(Path(out)))


def plan(
    inputs: Sequence[str],
    out: str | None,
    format_name: str | None,
    guarded: Iterable[Path] = (),
    mask_out: str | None = None,
    taken: Iterable[Path] = (),
) -> Plan:
    """Pairs every input picture with its output file.

    Without `out`, a file goes beside itself as NAME.cutout.EXT and a folder into FOLDER.cutout.
    With it, a single file goes to `out` (a file, or into a folder that exists or ends in a slash);
    several, folders and patterns go below `out`, their tree kept. Where two inputs differ only in
    their extension, both keep it in the output's name (a.jpg.png, a.png.png).

    Args:
        inputs: files, folders and patterns, as typed.
        out: the -o as typed, or None.
        format_name: the format as typed; None = by the extension of `out`, else PNG.
        guarded: further files that must not be overwritten.
        mask_out: where the mattes go: a file for one picture, else a folder, as PNG in the tree and
            by the names of the results.
        taken: files in the folders that are worked on elsewhere: not counted as left out.

    Raises:
        PictureError: a path that does not exist, a pattern or folder without pictures.
        UsageError: an unknown format, a result over an input, a file as -o for several pictures.
    """
    result = Plan()
    found = {item: _find(item, out, result) for item in dict.fromkeys(inputs)}
    if out is None:
        for item, sources in found.items():
            result.jobs += _beside(item, sources, output_format(None, format_name))
    elif len(found) == 1 and is_file(Path(inputs[0])) and not is_folder(out):
        result.jobs = [Job(Path(inputs[0]), Path(out), output_format(Path(out), format_name))]
    else:
        sources = list({os.path.abspath(p): p for paths in found.values() for p in paths}.values())
        _refuse_file_as_folder(out)
        base = base_of(inputs, sources)
        result.jobs = _keep_tree(sources, base, Path(out), output_format(None, format_name))
    if mask_out is not None:
        result.jobs = _with_masks(result.jobs, mask_out)
    refuse_overwriting(result.jobs, guarded)
    result.left_out -= Counter(path.suffix.lower() for path in taken)
    return result


def _with_masks(jobs: Sequence[Job], mask_out: str) -> list[Job]:
    if not is_folder(mask_out) and len(jobs) == 1:
        output_format(Path(mask_out), None)  # refuses what cannot be written
        return [replace(jobs[0], mask=Path(mask_out))]
    _refuse_file_as_folder(mask_out, "--mask-out")
    base = _common([job.target.absolute().parent for job in jobs])
    masks = []
    for job in jobs:
        name = job.target.stem.removesuffix(".cutout") + ".png"
        tree = os.path.relpath(job.target.absolute().parent, base)
        masks.append(replace(job, mask=Path(mask_out) / tree / name))
    return masks


def _find(item: str, out: str | None, result: Plan) -> list[Path]:
    path = Path(item)
    if is_file(path):
        return [path]
    results = Path(out).resolve() if out and is_dir(Path(out)) else None
    if is_dir(path):
        return _pictures_in(path, results, result)
    if glob.has_magic(item):
        pictures = _pictures_of(found_in(item, out), result)
        if not pictures:
            raise PictureError(f"{item}: no picture matches this pattern")
        return pictures
    raise PictureError(f"{item}: no such file or folder; check the path")


def _below(path: Path, folder: Path | None) -> bool:
    return folder is not None and folder in path.resolve().parents


def _pictures_in(folder: Path, results: Path | None, plan: Plan) -> list[Path]:
    """Pictures below a folder, sorted; hidden ones and earlier results left out."""
    if results == folder.resolve():
        raise UsageError(f"{folder}: the output folder is the input folder; choose another -o")

    def note(error: OSError) -> None:
        plan.unreadable.append(f"{error.filename}: cannot be looked into ({error.strerror})")

    pictures = _pictures_of(_files_in(folder, results, note), plan)
    if not pictures and not plan.unreadable:
        kinds = " ".join(sorted(READABLE_SUFFIXES))
        raise PictureError(f"{folder}: no pictures in this folder; expected files of {kinds}")
    return pictures


def _files_in(
    folder: Path, results: Path | None, note: Callable[[OSError], None] | None = None
) -> list[Path]:
    files: list[Path] = []
    for parent, subfolders, names in os.walk(folder, onerror=note):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".") and Path(parent, name).resolve() != results
        )
        files += [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
    return files


def found_in(item: str, out: str | None) -> list[Path]:
    """All files that a folder or pattern stands for, whatever they are; none if it is neither.

    Args:
        item: as typed.
        out: the -o as typed: earlier results in it do not count.
    """
    path, results = Path(item), Path(out).resolve() if out and is_dir(Path(out)) else None
    if is_dir(path):
        return _files_in(path, results)
    if is_file(path) or not glob.has_magic(item):
        return []
    matches = (Path(match) for match in sorted(glob.glob(item, recursive=True)))
    return [match for match in matches if is_file(match) and not _below(match, results)]


def _pictures_of(files: Iterable[Path], plan: Plan) -> list[Path]:
    pictures = []
    for path in files:
        if path.suffix.lower() in READABLE_SUFFIXES:
            pictures.append(path)
        else:
            plan.left_out[path.suffix.lower() or path.name] += 1
    return pictures


def _beside(item: str, sources: Sequence[Path], format_name: str) -> list[Job]:
    if is_dir(Path(item)):
        base = Path(item).resolve()
        into = base.with_name(f"{base.name}.cutout") if base.name else Path("cutout")
        return _keep_tree(sources, base, into, format_name)
    name = f".cutout{_EXTENSIONS[format_name]}"
    return [Job(path, path.with_name(f"{path.stem}{name}"), format_name) for path in sources]


def _refuse_file_as_folder(out: str, option: str = "-o") -> None:
    known = Path(out).suffix.lower().lstrip(".") in WRITABLE_FORMATS
    if is_file(Path(out)) or (known and not is_folder(out)):
        raise UsageError(f"{out}: a file; several pictures need a folder as {option}, as {out}/")


def base_of(inputs: Sequence[str], sources: Sequence[Path]) -> Path:
    """The folder that output paths are relative to."""
    if len(inputs) == 1 and is_dir(Path(inputs[0])):
        return Path(inputs[0]).resolve()
    return _common([path.parent.resolve() for path in sources])


def _common(folders: Sequence[Path]) -> Path:
    """The folder that all lie in; of none, as where no folder can be looked into, any will do."""
    return Path(os.path.commonpath(folders)) if folders else Path()


def _keep_tree(sources: Sequence[Path], base: Path, into: Path, format_name: str) -> list[Job]:
    targets = keep_tree(sources, base, into, _EXTENSIONS[format_name])
    return [Job(s, target, format_name) for s, target in zip(sources, targets, strict=True)]


def keep_tree(sources: Sequence[Path], base: Path, into: Path, extension: str) -> list[Path]:
    """Where the results go: below `into` as the sources lie below `base`, no two in one place."""
    relative = [Path(os.path.relpath(path.parent.resolve() / path.name, base)) for path in sources]
    # Names are compared without case: a.jpg and A.png would be one file on many disks.
    stems = Counter((path.parent, path.stem.casefold()) for path in relative)
    used: set[tuple[Path, str]] = set()
    targets = []
    for path in relative:
        first = path.stem if stems[path.parent, path.stem.casefold()] == 1 else path.name
        name, number = first, 1
        while (path.parent, name.casefold()) in used:
            number += 1
            name = f"{first}-{number}"
        used.add((path.parent, name.casefold()))
        targets.append(into / path.parent / f"{name}{extension}")
    return targets


def refuse_overwriting(jobs: Sequence[Job], guarded: Iterable[Path]) -> None:
    """Refuses results over inputs, over guarded files, and over each other.

    Raises:
        UsageError: naming the first.
    """
    kept = {job.source.resolve() for job in jobs} | {path.resolve() for path in guarded}
    outputs = [path for job in jobs for path in job.outputs()]
    for path in outputs:
        if path.resolve() in kept:
            raise UsageError(
                f"{path}: the output is an input and would be overwritten; choose another -o"
            )
    for target, count in Counter(os.path.abspath(path) for path in outputs).items():
        if count > 1:
            raise UsageError(
                f"{target}: two results would be written to it; give a folder as -o, and another "
                "as --mask-out"
            )

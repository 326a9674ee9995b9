"""What is a clip, and where each clip's result goes.

In: the paths, folders and patterns a user typed, and -o. Out: what is for the pictures' path, and a
job for each clip. Decodes nothing.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from humatte.errors import PictureError, UsageError, VideoError
from humatte.files import base_of, found_in, is_folder, keep_tree
from humatte.image_io import READABLE_SUFFIXES
from humatte.paths import is_dir, is_file
from humatte.video_kinds import KINDS, PICTURES, kind_of
from humatte.video_pictures import numbered

RAW = "raw"  # the kind of bare frames on stdout
_CLIPS = """
    .mp4 .m4v .mov .qt .webm .mkv .avi .ts .mts .m2ts .mpg .mpeg .vob .flv .ogv .3gp .3g2 .wmv .asf
    .mxf .nut .ivf .y4m .dv
"""
_SUFFIXES = frozenset(_CLIPS.split())
# Pictures that may move: a clip only where the result is one.
_MAY_MOVE = frozenset({".gif", ".png", ".apng", ".webp"})
# What -f and an extension may mean for both.
_BOTH = frozenset({"png", "webp"})
_EXTENSIONS = {kind: f".{kind}" for kind in KINDS}


@dataclass(frozen=True)
class ClipJob:
    """One clip to read, what to write, and its kind; None as target is stdout. A matte's too."""

    source: Path
    target: Path | None
    kind: str
    mask: Path | None = None
    mask_kind: str = ""

    def outputs(self) -> list[tuple[Path, str]]:
        """The files or folders that it writes, with their kinds."""
        pairs = [(self.target, self.kind), (self.mask, self.mask_kind)]
        return [(path, kind) for path, kind in pairs if path is not None]


@dataclass(frozen=True)
class Sorted:
    """What was typed: inputs for the pictures' path, and clips; `single` if one was named."""

    pictures: list[str]
    clips: list[Path]
    single: bool


def is_clip(path: Path) -> bool:
    """Whether a file is a clip: by its extension, or where that says nothing, by its content."""
    suffix = path.suffix.lower()
    if not is_file(path) or not path.is_file():
        return False
    if suffix == ".ts":  # a program's text may be called so, too
        with path.open("rb") as file:
            return file.read(1) == b"G"
    if suffix in _SUFFIXES or suffix in READABLE_SUFFIXES:
        return suffix in _SUFFIXES
    return _has_pictures(path)


def _has_pictures(path: Path) -> bool:
    from humatte.video_read import open_input, picture_stream  # PyAV: pictures need none

    try:
        with open_input(path) as container:
            picture_stream(container, path)
            return container.format.name not in ("gif", "apng")
    except VideoError:
        return False


def sort_inputs(inputs: Sequence[str], out: str | None, format_name: str | None) -> Sorted:
    """Tells clips from pictures.

    A folder or pattern (`*.mp4`) may hold both. It is the frames of one clip where it is the only
    input and the result is a clip; so is f_%06d.png. GIF, PNG and WebP are clips where they move
    and the result is one.

    Raises:
        PictureError: there is no such file.
        UsageError: one clip is to be made of what is none.
    """
    for item in inputs:
        path, pattern = Path(item), glob.has_magic(item) or "%" in item
        if item != "-" and not pattern and not is_file(path) and not is_dir(path):
            raise PictureError(f"{item}: no such file or folder; check the path")
    to_clip = names_clip(out, format_name)
    if len(inputs) == 1:
        path = Path(inputs[0])
        frames = _is_numbered(path) or (is_dir(path) and to_clip)
        if frames or is_clip(path) or (to_clip and _moves(path)):
            return Sorted([], [path], single=True)
        still = is_file(path) and Path(str(out)).suffix.lower() == ".webp"
        if to_clip and not still and (is_file(path) or found_in(inputs[0], out)):
            found = "a picture" if is_file(path) else "several files"
            raise UsageError(
                f"{path}: {found}, and -o {out} is a clip; give a clip, or a folder or f_%06d.png "
                "of its frames"
            )
    elif to_clip and not is_folder(out) and out and Path(out).suffix.lower() in _known_suffixes():
        raise UsageError(f"{out}: a file; several inputs need a folder as -o, as {out}/")
    return _sorted(inputs, out)


def _sorted(inputs: Sequence[str], out: str | None) -> Sorted:
    pictures, clips = list[str](), list[Path]()
    for item in inputs:
        files = found_in(item, out)
        own = [path for path in files or [Path(item)] if _is_clip_among(path, files)]
        clips += own
        if not files and not own:
            pictures.append(item)  # a file, or what is missing, which is said there
        elif any(path.suffix.lower() in READABLE_SUFFIXES for path in files) or not own:
            pictures.append(item)
    return Sorted(pictures, list(dict.fromkeys(clips)), single=False)


def _is_clip_among(path: Path, files: Sequence[Path]) -> bool:
    """In folders only what is called a clip is taken for one."""
    return (not files or path.suffix.lower() in _SUFFIXES) and (is_clip(path) or _is_numbered(path))


def _is_numbered(path: Path) -> bool:
    return not is_dir(path) and not is_file(path) and numbered(path) is not None


def _known_suffixes() -> set[str]:
    return {".m4v", *_EXTENSIONS.values()}


def names_clip(out: str | None, format_name: str | None) -> bool:
    """Whether -o or --format can only mean moving pictures (.webp: if the input moves)."""
    if format_name in KINDS and format_name not in _BOTH:
        return True
    if out in (None, "-") or is_folder(out):
        return False
    path = Path(str(out))
    return path.suffix.lower() in _known_suffixes() or bool(re.search(r"%\d*d", path.name))


def _moves(path: Path) -> bool:
    if path.suffix.lower() not in _MAY_MOVE or not is_file(path):
        return False
    try:
        with PillowImage.open(path) as picture:
            return getattr(picture, "n_frames", 1) > 1
    except (OSError, ValueError, UnidentifiedImageError, PillowImage.DecompressionBombError):
        return False  # broken: the pictures' path says so


def clip_jobs(
    inputs: Sequence[str],
    found: Sorted,
    out: str | None,
    format_name: str | None,
    mask_out: str | None,
    *,
    transparent: bool,
) -> list[ClipJob]:
    """Pairs every clip with its output.

    Without `out`, NAME.cutout.webm goes beside the clip, NAME.cutout.mp4 where nothing is
    transparent. With it, a single clip goes to `out`: a file, a pattern, or as PNG frames into a
    folder. Several go below `out`, their tree kept.

    Raises:
        UsageError: an unknown format, one without transparency for a transparent result.
    """
    known = format_name if format_name in KINDS or format_name == PICTURES else None
    if format_name and not known and (found.single or not found.pictures):
        raise UsageError(
            f"cannot write clips as '{format_name}'; expected one of {', '.join(KINDS)}, {PICTURES}"
        )
    if known in _BOTH and found.pictures:
        known = None  # it says what the pictures become
    usual = known or ("webm" if transparent else "mp4")
    if found.single:
        jobs = [_single(found.clips[0], out, known, usual)]
    else:
        jobs = _several(inputs, found.clips, out, usual)
    if mask_out:
        jobs = _with_masks(jobs, mask_out, found)
    for job in jobs:
        if transparent and job.kind in KINDS and not KINDS[job.kind].transparent:
            raise UsageError(
                f"{job.target}: {job.kind} holds no transparency; give a background (-b green, a "
                "colour, blur, a picture or a clip), or write .webm or .mov"
            )
    return jobs


def _single(source: Path, out: str | None, known: str | None, usual: str) -> ClipJob:
    if out == "-":
        return ClipJob(source, None, RAW)
    if out is None:
        return ClipJob(source, _beside(source, usual), usual)
    target = Path(out)
    if is_folder(out) and known not in (None, PICTURES):
        return ClipJob(source, target / f"{source.stem}{_EXTENSIONS[usual]}", usual)
    if is_folder(out):
        return ClipJob(source, target, PICTURES)
    return ClipJob(source, target, _agreed(target, known))


def _agreed(target: Path, known: str | None) -> str:
    """The kind of a target; a --format that contradicts its extension is refused.

    Raises:
        UsageError: they contradict each other, or it is none that can be written.
    """
    if known and target.suffix.lower() in _known_suffixes() and kind_of(target) != known:
        raise UsageError(f"{target} is not {known}; leave --format out, or rename")
    return kind_of(target, known)


def _beside(source: Path, kind: str) -> Path:
    """NAME.cutout.EXT beside a clip, and beside the folder of numbered pictures."""
    pictures = numbered(source)
    source = (pictures.folder if pictures else source).absolute()
    name = source.name if pictures else source.stem
    return source.with_name(f"{name}.cutout{'' if kind == PICTURES else _EXTENSIONS[kind]}")


def _several(
    inputs: Sequence[str], clips: Sequence[Path], out: str | None, kind: str
) -> list[ClipJob]:
    extension = "" if kind == PICTURES else _EXTENSIONS[kind]
    if out is None:
        targets: list[tuple[Path, Path]] = []
        for item in inputs:
            mine = [path for path in found_in(item, out) if path in clips]
            if is_dir(Path(item)) and mine:
                base = Path(item).resolve()
                into = base.with_name(f"{base.name}.cutout")
                targets += zip(mine, keep_tree(mine, base, into, extension), strict=True)
            else:
                targets += [(p, _beside(p, kind)) for p in mine or [Path(item)] if p in clips]
        return [ClipJob(source, target, kind) for source, target in dict(targets).items()]
    if is_file(Path(out)):
        raise UsageError(f"{out}: a file; several clips need a folder as -o, as {out}/")
    places = keep_tree(clips, base_of(inputs, clips), Path(out), extension)
    return [ClipJob(s, target, kind) for s, target in zip(clips, places, strict=True)]


def _with_masks(jobs: Sequence[ClipJob], mask_out: str, found: Sorted) -> list[ClipJob]:
    if found.single:
        path = Path(mask_out)
        kind = PICTURES if is_folder(mask_out) else kind_of(path)
        return [replace(jobs[0], mask=path, mask_kind=kind)]
    if is_file(Path(mask_out)) or Path(mask_out).suffix.lower() in _known_suffixes():
        raise UsageError(f"{mask_out}: a file; several clips need a folder as --mask-out")
    targets = [job.target for job in jobs if job.target]
    base = base_of([], targets) if targets else Path()
    places = keep_tree(targets, base, Path(mask_out), ".mp4")
    return [
        replace(job, mask=place, mask_kind="mp4") for job, place in zip(jobs, places, strict=True)
    ]

"""Results that Ctrl-C made shorter than their clip, told from whole ones by a mark beside them.

The mark of `out.webm` is the file `out.webm.unfinished`. The next run that makes a whole one
removes it; `--skip-existing` makes what is marked once more.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from humatte.image_io import write
from humatte.paths import is_dir, is_file
from humatte.video_io import PICTURES
from humatte.video_pictures import Numbered, numbered

_LONGEST_NAME = 255  # bytes, in most file systems


def beside(target: Path, ending: str) -> Path:
    """NAME.ending beside a result, whose name may have the most bytes that are legal already."""
    target = target if target.name else target.resolve()  # "." has none
    name = f"{target.name}.{ending}"
    if len(name.encode()) > _LONGEST_NAME:
        name = f"{hashlib.sha1(target.name.encode()).hexdigest()}.{ending}"
    return target.with_name(name)


def mark_of(target: Path) -> Path:
    """The file that says of a result that it ends early."""
    return beside(target, "unfinished")


def mark(target: Path) -> Path:
    """Says of a result that it ends early; returns the mark.

    Raises:
        OutputError: it cannot be written.
    """
    path = mark_of(target)
    write(b"Interrupted: shorter than its clip.\n", path)
    return path


def unmark(target: Path) -> None:
    """The result is whole."""
    mark_of(target).unlink(missing_ok=True)


def is_done(outputs: Sequence[tuple[Path, str]]) -> bool:
    """Whether all results, with their kinds, are there and whole."""
    return bool(outputs) and all(
        file.is_file() and not mark_of(path).exists()
        for (path, _), file in zip(outputs, _last_files(outputs), strict=True)
    )


def state_of(outputs: Sequence[tuple[Path, str]]) -> list[list[int]]:
    """Something that changes when one of the results, with their kinds, is made."""
    return [state(file) if is_file(file) else [] for file in _last_files(outputs)]


def _last_files(outputs: Sequence[tuple[Path, str]]) -> list[Path]:
    """What appears when each is whole; of numbered pictures, the table of their times."""
    return [
        (numbered(path) or Numbered(path, "%06d.png")).table if kind == PICTURES else path
        for path, kind in outputs
    ]


def state(path: Path) -> list[int]:
    """Size and time of a file; of numbered pictures, those of their folder."""
    with contextlib.suppress(OSError):
        found = path.stat() if path.exists() else path.parent.stat()
        return [found.st_size, found.st_mtime_ns]
    return []


def own_frames(target: Path) -> list[Path]:
    """The numbered pictures of a marked result and their table, if nothing else lies there.

    They may be replaced, as an unfinished file is.
    """
    pictures = numbered(target) or Numbered(target, "%06d.png")
    if not mark_of(target).exists() or not is_dir(pictures.folder):
        return []
    own = [*pictures.found(), *([pictures.table] if pictures.table.exists() else [])]
    others = set(target.iterdir()) - set(own) if is_dir(target) else set()
    return [] if others else own
